"""A full staging storage: nothing is sent whose record has no room, so no attempt repeats what another one sent."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import pytest

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.devo.events.ports import WriterStatistics
from airflow_provider_flashpoint.core.devo.lookups.ports import BeforeSending, Operation
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of
from airflow_provider_flashpoint.core.flashpoint.page import Page
from airflow_provider_flashpoint.core.pipelines.deliver import deliver
from airflow_provider_flashpoint.core.pipelines.deliver_ports import DeliveryPorts, DeliverySettings
from airflow_provider_flashpoint.core.pipelines.deploy import Deployment, deploy_stage
from airflow_provider_flashpoint.core.pipelines.verify import EventTable
from airflow_provider_flashpoint.core.staging import sealed
from airflow_provider_flashpoint.core.staging.events.event_store import EventStore
from airflow_provider_flashpoint.core.staging.indicators.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.staging.indicators.newest import RowKey
from airflow_provider_flashpoint.core.staging.indicators.stage import Stage
from airflow_provider_flashpoint.core.staging.indicators.stage_writer import StageWriter
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import TransientError

NOW = datetime(2026, 1, 2, tzinfo=UTC)
WINDOW = Window(datetime(2026, 1, 1, tzinfo=UTC), NOW)
FIRST_TS = 1_767_225_600
SIZE = 256 << 10
PAGE = 4096
ATTEMPTS = 4


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KiB."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(directory)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("This user cannot mount a file system.")
    yield directory
    subprocess.run(["umount", "-l", str(directory)], check=True)


def fill(disk: Path, *, pages_left: int) -> Path:
    """Fill the disk but for some pages, and return the file that does."""
    filler = disk / "filler"
    filler.write_bytes(bytes(os.statvfs(disk).f_bavail * PAGE))
    os.truncate(filler, filler.stat().st_size - pages_left * PAGE)
    return filler


@dataclass
class Sink:
    """A writer whose sink is a list."""

    lines: list[bytes] = field(default_factory=list)
    statistics: WriterStatistics = field(default_factory=WriterStatistics)
    unconfirmed: int = 0

    def encode(self, record: Any) -> bytes:
        return codec.encode(record) + b"\n"

    def write(self, lines: Iterable[bytes]) -> None:
        self.lines += lines

    def confirm(self) -> int:
        return 0

    def id_counts(self, tag: str, id_field: str, *, since: datetime) -> Iterable[tuple[str, int]]:
        return Counter(codec.decode(line)["alert_id"] for line in self.lines).items()


class Source:
    """Twelve alerts, each in an hour of its own."""

    endpoint = endpoint_of(Api.LEGACY, DataSet.ALERTS)
    complete_to: datetime | None = None
    total: int | None = None

    def pages(self, window: Window) -> Iterator[Page]:
        for number in range(12):
            yield Page([{"alert_id": f"a{number}", "ts": FIRST_TS + 3600 * number}])


def deliver_to(sink: Sink, directory: Path, *, verify: bool, batch_records: int) -> None:
    store = EventStore(directory, work=str(len(sink.lines)), at=NOW)
    table = EventTable(queries=sink, tag="t", id_field="alert_id") if verify else None  # type: ignore[arg-type]
    ports = DeliveryPorts(source=Source(), writer=sink, store=store, table=table, clock=Clock(now=lambda: NOW))
    settings = DeliverySettings(
        batch_records=batch_records,
        ledger_retention=timedelta(days=30),
        statistics_period_s=None,
        verify_timeout_s=900.0,
    )
    deliver(WINDOW, ports, settings)


@pytest.mark.parametrize("pages_left", range(10))
@pytest.mark.parametrize("batch_records", [1, 5, 100])
@pytest.mark.parametrize("verify", [False, True], ids=["confirm", "query"])
def test_events_are_sent_once_on_a_full_disk(disk: Path, pages_left: int, batch_records: int, verify: bool) -> None:
    """However little room there is, no attempt sends what another one sent; with room, all have arrived once."""
    sink = Sink()
    filler = fill(disk, pages_left=pages_left)
    for _ in range(ATTEMPTS):
        with contextlib.suppress(TransientError, OSError):
            deliver_to(sink, disk / "alerts", verify=verify, batch_records=batch_records)
    assert len(sink.lines) == len(set(sink.lines))
    filler.unlink()
    deliver_to(sink, disk / "alerts", verify=verify, batch_records=batch_records)
    assert sorted(sink.id_counts("", "", since=NOW)) == sorted((f"a{number}", 1) for number in range(12))


class Lookups:
    """Notes each deployment."""

    def __init__(self) -> None:
        self.deployed: list[Operation] = []

    def deploy(self, name: str, *, operation: Operation, before_sending: BeforeSending, **_: Any) -> None:
        before_sending(None)
        self.deployed.append(operation)


@pytest.mark.parametrize("pages_left", range(4))
@pytest.mark.parametrize("rows", [1, 100, 1000])
def test_a_lookup_is_deployed_with_its_record_or_not_at_all(
    disk: Path, tmp_path: Path, rows: int, pages_left: int
) -> None:
    """Rows go to Devo only when their ledger has room, so that no rerun brings back what it does not know."""
    stage = stage_of(tmp_path, rows)
    lookups, ledger = Lookups(), LookupLedger(disk / "ledger", build="one")
    filler = fill(disk, pages_left=pages_left)
    for _ in range(ATTEMPTS):
        with contextlib.suppress(TransientError, OSError):
            deploy(stage, lookups, ledger)
    assert len(lookups.deployed) == len(list((disk / "ledger").rglob("*.versions")))
    filler.unlink()
    deploy(stage, lookups, ledger)
    assert len({known[:2] for known in ledger.known()}) == rows
    assert not list((disk / "ledger" / ".deploying").iterdir())


def stage_of(directory: Path, rows: int) -> Stage:
    with StageWriter(directory / "stages", window=WINDOW, pulled_at=NOW) as writer:
        writer.add([{"domain": f"{number}.example", "timestamp": FIRST_TS} for number in range(rows)])
        return Stage(writer.directory, writer.finish())


def deploy(stage: Stage, lookups: Lookups, ledger: LookupLedger) -> None:
    deployment = Deployment(
        lookup="domains",
        build="one",
        key=RowKey("domain", ("timestamp",)),
        columns=("domain", "timestamp", "_extra"),
        operation=Operation.APPEND,
    )
    deploy_stage(stage, deployment, lookups=lookups, ledger=ledger, clock=Clock(now=lambda: NOW))  # type: ignore[arg-type]


class _Full:
    """A file without room."""

    def __init__(self, file: IO[bytes], code: int) -> None:
        self._file, self._code = file, code

    def write(self, content: bytes) -> None:
        raise OSError(self._code, os.strerror(self._code))

    def __enter__(self) -> _Full:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG])
def test_without_room_nothing_is_sent_and_the_error_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """The error names the cause, the file, and that nothing was sent; no half-written file stays."""
    stage, sink, lookups = stage_of(tmp_path, 3), Sink(), Lookups()
    new_file = sealed.new_file
    monkeypatch.setattr(sealed, "new_file", lambda path: _Full(new_file(path), code))
    message = rf"{os.strerror(code)}.*file://.*Nothing was sent\. Make room"
    with pytest.raises(TransientError, match=message):
        deliver_to(sink, tmp_path / "alerts", verify=False, batch_records=100)
    with pytest.raises(TransientError, match=message):
        deploy(stage, lookups, LookupLedger(tmp_path / "ledger", build="one"))
    assert (sink.lines, lookups.deployed) == ([], [])
    left = [path for path in tmp_path.rglob("*") if path.suffix in (".ids", ".versions") or path.name.startswith(".2")]
    assert left == []
