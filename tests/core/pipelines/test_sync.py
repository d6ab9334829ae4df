"""The sync pipeline on fake ports, without Airflow: what it decides, and what it leaves behind."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_flashpoint.core.devo.lookups.ports import BeforeSending, Operation
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of
from airflow_provider_flashpoint.core.flashpoint.page import Page, Record
from airflow_provider_flashpoint.core.origin import Origin
from airflow_provider_flashpoint.core.pipelines.pull import pull
from airflow_provider_flashpoint.core.pipelines.sync import sync
from airflow_provider_flashpoint.core.pipelines.sync_ports import SyncPorts, SyncResult, SyncSettings
from airflow_provider_flashpoint.core.run_window import LookupProgress, RunPeriod
from airflow_provider_flashpoint.core.secrets.obfuscate import ObfuscationAction, ObfuscationRule, Obfuscator
from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
from airflow_provider_flashpoint.core.staging.indicators.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.state import LookupState, LookupStatus
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import ConfigurationError, StageError, SupersededError, TransientError

START = datetime(2026, 1, 1, tzinfo=UTC)
PERIOD = RunPeriod(window=Window(START, START + timedelta(hours=1)), rule="a test", explicit=False, initial_start=START)
SETTINGS = SyncSettings(
    lookup_name="domains",
    lookup_key="domain",
    stage_retention=timedelta(days=1),
    origin=Origin(api="legacy", filters={}),
)


class FakeSource:
    """Serves the same records for every window, and counts how often it is read."""

    endpoint = endpoint_of(Api.LEGACY, DataSet.INDICATORS)
    complete_to: datetime | None = None
    total: int | None = None

    def __init__(self, records: list[Record]) -> None:
        self.records = records
        self.windows: list[Window] = []

    def pages(self, window: Window) -> Iterator[Page]:
        self.windows.append(window)
        yield Page(self.records)


class FakeLookups:
    """Notes each deployment, with the rows of its file."""

    def __init__(self) -> None:
        self.deployed: list[tuple[Operation, int]] = []
        self.is_there: bool | None = None

    def check(self) -> None: ...

    def exists(self, name: str) -> bool | None:
        return self.is_there

    def deploy(
        self,
        name: str,
        *,
        csv_file: IO[bytes],
        operation: Operation,
        before_sending: BeforeSending,
        **_: Any,
    ) -> None:
        before_sending(None)
        self.deployed.append((operation, len(csv_file.readlines()) - 1))


class RowLookups(FakeLookups):
    """Keeps the columns and the rows of one lookup, as Devo does."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: tuple[str, ...] = ()
        self.rows: dict[str, dict[str, str]] = {}

    def deploy(self, name: str, *, key: str, csv_file: IO[bytes], operation: Operation, **options: Any) -> None:
        super().deploy(name, csv_file=csv_file, operation=operation, **options)
        csv_file.seek(0)
        reader = csv.DictReader(io.StringIO(csv_file.read().decode(), newline=""), strict=True)
        self.columns = tuple(reader.fieldnames or ())
        kept = self.rows if operation is Operation.APPEND else {}
        self.rows = kept | {row[key]: row for row in reader}


@dataclass
class Bench:
    """One lookup on fake ports, in a directory of its own."""

    directory: Path
    source: FakeSource
    lookups: FakeLookups = field(default_factory=FakeLookups)
    saved: list[LookupState] = field(default_factory=list)
    can_save: bool = True

    def ports(self) -> SyncPorts:
        return SyncPorts(
            source=self.source,
            obfuscator=Obfuscator(),
            stages=self.directory / "stages",
            lookups=self.lookups,
            ledger_of=lambda build: LookupLedger(self.directory / "ledger", build=build),
            attempt_lock=self.lock(),
            open_path=lambda uri: Path(urlsplit(uri).path),
            save_state=self.save,
        )

    def lock(self) -> AttemptLock:
        return AttemptLock(self.directory / "lock", work="domains")

    def save(self, state: LookupState) -> bool:
        self.saved.append(state)
        return self.can_save

    def run(
        self, status: LookupStatus = LookupStatus.NEW, *, stage: dict[str, Any] | None = None, **changes: Any
    ) -> SyncResult:
        progress = LookupProgress(self.saved[-1] if self.saved else None, status)
        return sync(stage, progress, PERIOD, self.ports(), replace(SETTINGS, **changes))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    records = [{"domain": name, "timestamp": 5} for name in "abc"]
    return Bench(tmp_path, FakeSource([*records, {"timestamp": 5}]))


def test_a_new_lookup_is_built_and_then_added_to(bench: Bench) -> None:
    """The first sync creates the lookup, the next one appends to it; the state has the build, the key, the origin."""
    assert bench.run().deployment is not None
    result = bench.run(LookupStatus.CREATED)
    assert bench.lookups.deployed == [(Operation.CREATE, 3), (Operation.APPEND, 3)]
    assert (result.summary.rows_sent, result.summary.rejected) == (3, 1)
    first, second = bench.saved
    assert first.generation == second.generation
    assert (second.key, second.api, second.filters) == ("domain", "legacy", {})


def test_a_given_stage_is_not_pulled_again(bench: Bench) -> None:
    """The stage that the pull of the run wrote serves the sync."""
    stage = pull(PERIOD.window, bench.ports(), SETTINGS)
    bench.run(stage={**stage.summary.to_dict(), "obfuscation": []})
    assert len(bench.source.windows) == 1
    assert bench.lookups.deployed == [(Operation.CREATE, 3)]


@pytest.mark.parametrize("reason", ["gone", "rules", "older", "other window"])
def test_a_stage_that_does_not_serve_is_pulled_again(bench: Bench, reason: str) -> None:
    """A stage that is gone, pulled with other rules, older than the last sync or of another window is left alone."""
    window = Window(START - timedelta(hours=1), START) if reason == "other window" else PERIOD.window
    stage = pull(window, bench.ports(), SETTINGS)
    given = {**stage.summary.to_dict(), "obfuscation": []}
    if reason == "gone":
        (stage.directory / "manifest.json").unlink()
    if reason == "older":
        bench.run()
    rules = [ObfuscationRule(("x",), ObfuscationAction.DROP)] if reason == "rules" else []
    pulled = len(bench.source.windows)
    bench.run(stage=given, obfuscation=rules)
    assert len(bench.source.windows) == pulled + 1


@pytest.mark.parametrize("name", ["part-00000.jsonl.gz", "part-00000.keys"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "changed", "doubled", "a directory"])
@pytest.mark.parametrize("status", list(LookupStatus))
def test_a_damaged_stage_is_pulled_again(bench: Bench, name: str, damage: str, status: LookupStatus) -> None:
    """A part of the given stage that is damaged costs a pull, and no run."""
    if status is LookupStatus.CREATED:
        bench.run()
        bench.lookups.is_there = True
    given = pull(PERIOD.window, bench.ports(), SETTINGS)
    file = given.directory / name
    content = file.read_bytes()
    file.unlink()
    if damage == "a directory":
        file.mkdir()
    elif damage != "missing":
        changed = {"empty": b"", "cut": content[:-1], "changed": content[:-1] + b"?", "doubled": content * 2}
        file.write_bytes(changed[damage])
    pulled = len(bench.source.windows)
    result = bench.run(status, stage=given.summary.to_dict())
    assert result.summary.rows_sent == 3
    assert len(bench.source.windows) == pulled + 1


def test_a_damaged_ledger_is_an_error(bench: Bench) -> None:
    """Another pull does not repair the ledger of a lookup: the error has its name and the remedy."""
    bench.run()
    bench.lookups.is_there = True
    (file,) = (bench.directory / "ledger").rglob("*.versions")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StageError, match=f"{file.name}.*Rebuild the lookup"):
        bench.run(LookupStatus.CREATED)


def test_nothing_found_builds_nothing(bench: Bench) -> None:
    """Without a row there are no columns to build a lookup with, and no state to save."""
    bench.source.records = []
    assert bench.run().deployment is None
    assert (bench.lookups.deployed, bench.saved) == ([], [])


def test_a_rebuild_that_finds_nothing_is_left_to_the_next_run(bench: Bench) -> None:
    """The rows stay in Devo, and the status New in the state, so that no later run has to be told again."""
    bench.run()
    records, bench.source.records = bench.source.records, []
    filters = {"origin": Origin(api="legacy", filters={"query": "x"})}
    bench.run(LookupStatus.NEW, **filters)
    assert bench.saved[-1].status is LookupStatus.NEW
    bench.source.records, bench.lookups.is_there = records, True
    bench.run(bench.saved[-1].status, **filters)
    assert [operation for operation, _ in bench.lookups.deployed] == [Operation.CREATE, Operation.REPLACE]


def test_a_lookup_that_is_gone_is_rebuilt(bench: Bench) -> None:
    """A lookup that Devo no longer has is created, whatever its status is."""
    bench.run()
    bench.lookups.is_there = False
    assert bench.run(LookupStatus.CREATED).status is LookupStatus.NEW
    assert bench.lookups.deployed[-1] == (Operation.CREATE, 3)


def test_a_rebuild_is_marked_before_it_begins(bench: Bench) -> None:
    """The state is New until a rebuild is complete; without that mark nothing is deployed."""
    bench.run()
    bench.run(LookupStatus.NEW)
    assert [state.status for state in bench.saved] == [LookupStatus.CREATED, LookupStatus.NEW, LookupStatus.CREATED]
    bench.can_save = False
    deployed = len(bench.lookups.deployed)
    with pytest.raises(TransientError, match="cannot be written"):
        bench.run(LookupStatus.NEW)
    assert len(bench.lookups.deployed) == deployed


def test_another_key_needs_a_rebuild(bench: Bench) -> None:
    """Rows with another key cannot be added; the message names the way out."""
    bench.run()
    with pytest.raises(ConfigurationError, match=r'\{"rebuild": \["domains"\]\}'):
        bench.run(LookupStatus.CREATED, lookup_key="timestamp")


def test_an_attempt_that_lost_its_turn_deploys_nothing(bench: Bench) -> None:
    """Another attempt has started: neither the lookup nor the state changes."""
    bench.lock().begin()
    with pytest.raises(SupersededError):
        bench.run()
    assert (bench.lookups.deployed, bench.saved) == ([], [])


def test_rows_of_another_origin_are_not_mixed(bench: Bench) -> None:
    """Rows of another API generation or of other filters stop the sync before it reads; a rebuild accepts them."""
    bench.run()
    read = len(bench.source.windows)
    for origin in (Origin(api="ignite_v2", filters={}), Origin(api="legacy", filters={"query": "x"})):
        with pytest.raises(ConfigurationError, match="must not be mixed"):
            bench.run(LookupStatus.CREATED, origin=origin)
    assert (len(bench.source.windows), len(bench.saved)) == (read, 1)
    bench.run(LookupStatus.NEW, origin=origin)
    assert bench.saved[-1].filters == {"query": "x"}


def test_a_lookup_that_is_gone_is_rebuilt_from_any_origin(bench: Bench) -> None:
    """Where Devo no longer has the lookup, there is nothing to mix with."""
    bench.run()
    bench.lookups.is_there = False
    assert bench.run(LookupStatus.CREATED, origin=Origin(api="ignite_v2", filters={})).status is LookupStatus.NEW


def test_a_stage_of_another_origin_is_pulled_again(bench: Bench) -> None:
    """The configuration changed between pull and sync: the rows are read anew."""
    stage = pull(PERIOD.window, bench.ports(), SETTINGS).summary.to_dict()
    bench.run(stage={**stage, "origin": {"api": "legacy", "filters": {}}})
    assert len(bench.source.windows) == 1
    bench.run(stage={**stage, "origin": {"api": "legacy", "filters": {"query": "x"}}})
    assert len(bench.source.windows) == 2


def test_a_read_only_ledger_leaves_nothing(bench: Bench) -> None:
    """A preview reads the ledger of the run and adds nothing to it, nor does it remove other builds."""
    bench.run()
    before = sorted(path for path in (bench.directory / "ledger").rglob("*"))
    ports = replace(
        bench.ports(),
        ledger_of=lambda build: LookupLedger(bench.directory / "ledger", build=build, read_only=True),
        save_state=lambda _state: True,
    )
    sync(None, LookupProgress(bench.saved[-1], LookupStatus.NEW), PERIOD, ports, SETTINGS)
    assert sorted(path for path in (bench.directory / "ledger").rglob("*")) == before
