"""The three jobs on a staging storage that looks as many runs have left it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.codec import encode
from airflow_provider_flashpoint.core.devo.events.ports import WriterStatistics
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoint import Endpoint
from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of
from airflow_provider_flashpoint.core.flashpoint.page import Page, Record
from airflow_provider_flashpoint.core.pipelines.deliver import deliver
from airflow_provider_flashpoint.core.pipelines.deliver_ports import DeliveryPorts, DeliverySettings
from airflow_provider_flashpoint.core.pipelines.pull import PullPorts, PullSettings, pull
from airflow_provider_flashpoint.core.pipelines.sync import sync
from airflow_provider_flashpoint.core.pipelines.sync_ports import SyncPorts, SyncSettings
from airflow_provider_flashpoint.core.run_window import LookupProgress, RunPeriod
from airflow_provider_flashpoint.core.secrets.obfuscate import Obfuscator
from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
from airflow_provider_flashpoint.core.staging.events.event_store import EventStore
from airflow_provider_flashpoint.core.staging.indicators.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.staging.indicators.newest import PACKED
from airflow_provider_flashpoint.core.staging.storage import NAME_TIME, StoragePath
from airflow_provider_flashpoint.core.state import LookupState, LookupStatus
from airflow_provider_flashpoint.core.window import Window

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FOREVER = timedelta(days=10_000)
_CLOCK = Clock(now=lambda: NOW)
_BUILD = "20250101T000000Z-00000000"
_LOOKUP_FILES = 60  # the ledger of a lookup merges its files when there are more than 64
_RECORDS = 3

Put = Callable[[str, bytes], object]
"""Writes an object below the root of the storage."""


def write_history(put: Put, runs: int, period: timedelta, *, old_layout: bool = False) -> None:
    """Write the files that runs of all jobs left, one each period until now.

    Files that no run may read have no valid content, so a run that reads one fails.

    :param old_layout: as version 0.1.0 wrote them.
    """
    for number in range(runs, 0, -1):
        at = NOW - number * period
        name = f"{at.strftime(NAME_TIME)}-00000000"
        window = f"{(at - period).strftime(NAME_TIME)}_{at.strftime(NAME_TIME)}"
        day, hour = f"{at:%Y%m%d}", f"{at:%H}"
        stage = f"stages/{window}/{name}" if old_layout else f"stages/{day}/{hour}/{window}/{name}"
        for file in ("part-00000.jsonl.gz", "part-00000.keys", "manifest.json"):
            put(f"{stage}/{file}", b"x")
        folder = f"{day}T{hour}" if old_layout else f"{day}/{hour}"
        put(f"events/ledger/{folder}/{name}.ids", bytes(16))
        put(f"events/dead_letters/{name}.jsonl" if old_layout else f"events/dead_letters/{day}/{name}.jsonl", b"x")
        if number <= _LOOKUP_FILES:
            put(f"lookup/{_BUILD}/{name}.versions", PACKED.pack(number, number, number))


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of one run, now.

    :param root: the staging storage.
    :param retention: how long stages, the ledger and rejected records are kept.
    """

    root: StoragePath
    period: timedelta
    retention: timedelta = FOREVER
    prune: bool = True

    def pull(self) -> None:
        """Stage the window."""
        settings = PullSettings(stage_retention=self.retention, prune=self.prune, lookup_key="id")
        pull(self._window, PullPorts(**self._pull_ports()), settings)

    def sync(self) -> None:
        """Stage the window, and bring the stage into the lookup."""
        ports = SyncPorts(
            **self._pull_ports(),
            lookups=_Lookups(),
            ledger_of=lambda build: LookupLedger(self.root / "lookup", build=build),
            attempt_lock=AttemptLock(self.root / "lock", work="lookup"),
            open_path=lambda uri: self.root,
            save_state=lambda state: True,
        )
        settings = SyncSettings(lookup_name="lookup", lookup_key="id", stage_retention=self.retention, prune=self.prune)
        ports.attempt_lock.begin()
        state = LookupState(
            status=LookupStatus.CREATED,
            to_checkpoint_time=self._window.start,
            generation=_BUILD,
            key="id",
            columns=("id", "alert_id", "timestamp", "ts", "_extra"),
        )
        period = RunPeriod(window=self._window, rule="benchmark", explicit=False)
        sync(None, LookupProgress(state, LookupStatus.CREATED), period, ports, settings)

    def alerts(self) -> None:
        """Deliver the events of the window; one of them is rejected."""
        ports = DeliveryPorts(
            source=_Source(endpoint_of(Api.LEGACY, DataSet.ALERTS), [*self._records(), {"alert_id": "bad"}]),
            writer=_Writer(),
            store=EventStore(self.root / "events", work="run", at=NOW),
            clock=_CLOCK,
        )
        settings = DeliverySettings(
            ledger_retention=self.retention, prune=self.prune, statistics_period_s=None, verify_timeout_s=1.0
        )
        deliver(self._window, ports, settings)

    @property
    def _window(self) -> Window:
        return Window(NOW - self.period, NOW)

    def _records(self) -> list[Record]:
        seconds = int(NOW.timestamp()) - 1
        return [
            {"id": f"{each}", "alert_id": f"{each}", "ts": seconds, "timestamp": seconds} for each in range(_RECORDS)
        ]

    def _pull_ports(self) -> dict[str, Any]:
        source = _Source(endpoint_of(Api.LEGACY, DataSet.INDICATORS), self._records())
        return {"source": source, "obfuscator": Obfuscator(), "stages": self.root / "stages", "clock": _CLOCK}


@dataclass(frozen=True, slots=True)
class _Source:
    endpoint: Endpoint
    records: list[Record]
    complete_to: datetime | None = None
    total: int | None = None

    def pages(self, window: Window) -> Iterator[Page]:
        yield Page(self.records)


class _Lookups:
    def check(self) -> None: ...

    def exists(self, name: str) -> bool | None:
        return True

    def deploy(self, name: str, *, before_sending: Callable[[], None], **_: Any) -> None:
        before_sending()


class _Writer:
    unconfirmed = 0
    statistics = WriterStatistics()

    def encode(self, record: Record) -> bytes:
        from airflow_provider_flashpoint.errors import DataError

        if record["alert_id"] == "bad":
            raise DataError("it cannot be sent")
        return encode(record) + b"\n"

    def write(self, lines: Any) -> None: ...

    def confirm(self) -> int:
        return _RECORDS
