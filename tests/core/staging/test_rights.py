"""Files of the staging storage hold intelligence: on a disk only their owner may read them, whatever the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
from airflow_provider_flashpoint.core.staging.events.event_ledger import EventLedger, entry_of
from airflow_provider_flashpoint.core.staging.events.kept_lines import KeptLines
from airflow_provider_flashpoint.core.staging.indicators.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.staging.indicators.newest import RowKey
from airflow_provider_flashpoint.core.staging.indicators.stage_writer import StageWriter
from airflow_provider_flashpoint.core.staging.rejected_records import RejectedRecords
from airflow_provider_flashpoint.core.staging.sealed import write_sealed_after
from airflow_provider_flashpoint.core.staging.storage import write_whole
from airflow_provider_flashpoint.core.window import Window

AT = datetime(2026, 1, 1, tzinfo=UTC)
ENTRY = entry_of("a", 0)


def write_stage(root: Path) -> None:
    window = Window(AT, AT.replace(hour=1))
    with StageWriter(root / "indicators" / "domain", window=window, pulled_at=AT, key=RowKey("k", ())) as writer:
        writer.add([{"k": "a"}])
        writer.finish()


def write_rejected(root: Path) -> None:
    with RejectedRecords(root / "alerts" / "tag" / "dead_letters" / "file.jsonl") as rejected:
        rejected.add({"id": 1}, "a reason")


def write_after(root: Path) -> None:
    with write_sealed_after(root / "ledger", [b"x"], at=AT, suffix=".ids"):
        (hidden,) = (root / "ledger").iterdir()
        assert stat.S_IMODE(hidden.stat().st_mode) == 0o600


WRITERS: dict[str, Callable[[Path], object]] = {
    "a stage, its keys and its manifest": write_stage,
    "rejected records": write_rejected,
    "unsent lines": lambda root: KeptLines(root / "unsent").keep([(ENTRY, b"{}\n")], at=AT),
    "the ledger of events": lambda root: EventLedger(root / "ledger").add([ENTRY], at=AT),
    "the ledger of a lookup": lambda root: LookupLedger(root / "lookup", build="one").add([(1, 2, 3)], at=AT),
    "an attempt lock": lambda root: AttemptLock(root / "lookups" / "newest_try", work="x").begin(),
    "a file with its room taken before": write_after,
    "a whole file": lambda root: write_whole(root / "deep" / "deeper" / "file", b"x"),
}


@pytest.fixture(params=[0o000, 0o002, 0o022, 0o077], ids=oct, autouse=True)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_only_the_owner_may_read_the_staging_storage(tmp_path: Path, write: Callable[[Path], object]) -> None:
    """New directories have the rights 0700 and new files 0600; those that exist keep their rights."""
    root = tmp_path / "root"
    root.mkdir()
    root.chmod(0o750)
    write(root)
    found = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in root.rglob("*")}
    assert found and found <= {(True, 0o700), (False, 0o600)}
    assert stat.S_IMODE(root.stat().st_mode) == 0o750
