"""Stages deployed to a lookup: whatever the order of windows, the lookup ends as after a straight run."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.airflow_runtime.run_window import run_period
from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
from airflow_provider_flashpoint.core.flashpoint.rows.flatten import flatten
from airflow_provider_flashpoint.core.pipelines.deploy import Deployment, DeploymentSummary, columns_of, deploy_stage
from airflow_provider_flashpoint.core.run_window import RunWindow
from airflow_provider_flashpoint.core.staging.indicators.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.staging.indicators.newest import RowKey
from airflow_provider_flashpoint.core.staging.indicators.stage import Stage
from airflow_provider_flashpoint.core.staging.indicators.stage_writer import StageWriter
from airflow_provider_flashpoint.core.state import Delivered, LookupState
from airflow_provider_flashpoint.core.window import Window, format_instant
from airflow_provider_flashpoint.errors import ConfigurationError, RejectedError

KEY = RowKey("domain", ("header_.indexed_at", "timestamp"))
COLUMNS = ("domain", "fpid", "value", "header_.indexed_at", "_extra")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
PERIODS = 6


def hour(number: float) -> datetime:
    return EPOCH + timedelta(hours=number)


class FakeLookups:
    """Holds the rows of one lookup by their key, as a deployment leaves them."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, str]] = {}
        self.deployments: list[Operation] = []
        self.refuses = False

    def deploy(
        self, name: str, *, columns: Sequence[str], key: str, csv_file: IO[bytes], operation: Operation, **_: Any
    ) -> None:
        if self.refuses:
            raise RejectedError("the job failed")
        self.deployments.append(operation)
        if operation is not Operation.APPEND:
            self.rows = {}
        for row in csv.DictReader(io.StringIO(csv_file.read().decode(), newline=""), strict=True):
            assert tuple(row) == tuple(columns)
            self.rows[row[key]] = row


@dataclass
class Bench:
    """A lookup, its ledger and its state, in a directory of their own."""

    directory: Path
    lookups: FakeLookups = field(default_factory=FakeLookups)

    @property
    def ledger(self) -> LookupLedger:
        return LookupLedger(self.directory / "ledger", build="one")

    def stage(self, rows: Sequence[dict[str, Any]], window: Window | None = None) -> Stage:
        window = window or Window(hour(0), hour(1))
        with StageWriter(self.directory / "stages", window=window, pulled_at=hour(24)) as writer:
            writer.add(rows)
            return Stage(writer.directory, writer.finish())

    def sync(
        self,
        stage: Stage,
        operation: Operation = Operation.APPEND,
        *,
        consult_ledger: bool = False,
        at: datetime = EPOCH + timedelta(hours=24),
    ) -> DeploymentSummary:
        return deploy_stage(
            stage,
            Deployment(
                lookup="domains",
                build="one",
                key=KEY,
                columns=COLUMNS,
                operation=operation,
                consult_whole_ledger=consult_ledger,
            ),
            lookups=self.lookups,  # type: ignore[arg-type]
            ledger=self.ledger,
            clock=Clock(now=lambda: at),
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def row_of(domain: str, version: float, value: str = "", fpid: str = "f") -> dict[str, Any]:
    return {"domain": domain, "fpid": fpid, "value": value, "header_.indexed_at": format_instant(hour(version))}


def test_the_checksum_is_that_of_the_rows(bench: Bench) -> None:
    """The same rows have the same checksum, other rows another one; where nothing was deployed, there is none."""
    rows = [row_of("a.example", 0.5), row_of("b.example", 0.5)]
    found = [bench.sync(bench.stage(each), Operation.REPLACE).sha256 for each in (rows, rows, rows[:1])]
    assert found[0] == found[1]
    assert len({*found, ""}) == 3
    assert bench.sync(bench.stage([])).sha256 == ""


# Order of windows -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Store:
    """The index of Flashpoint: at any time it serves the newest version of each record and no other.

    ``versions`` are (number of the record, half hours since the epoch).
    """

    versions: tuple[tuple[int, int], ...]

    def pull(self, window: Window, *, at: datetime) -> list[dict[str, Any]]:
        newest: dict[int, int] = {}
        for record, half_hours in self.versions:
            if hour(half_hours / 2) < at:
                newest[record] = max(half_hours, newest.get(record, 0))
        found = sorted((version, record) for record, version in newest.items())
        return [
            row_of(f"{record % 3}.example", version / 2, f"{record} at {version}", str(record))
            for version, record in found
            if window.start <= hour(version / 2) < window.end
        ]


@dataclass
class Run:
    """Runs of the DAG against one store and one lookup, deciding as the operator decides.

    After each of them the lookup must hold the newest version that was ever read of each key, kept in ``given``.
    """

    store: Store
    bench: Bench
    state: LookupState = field(default_factory=LookupState)
    given: dict[str, str] = field(default_factory=dict)

    def scheduled(self, number: int, *, at: datetime) -> None:
        context = {"data_interval_start": hour(number), "data_interval_end": hour(number + 1)}
        building = self.state.to_checkpoint_time is None
        period = replace(run_period(context), lag=timedelta(minutes=30), initial_start=hour(0))
        self._deliver(period.to_read(build=building, checkpoint=self.state.to_checkpoint_time), at=at)

    def explicit(self, start: int, end: int, *, at: datetime) -> None:
        period = run_period({}, start=hour(start), end=hour(end))
        self._deliver(period.to_read(build=False, checkpoint=None), at=at)

    def _deliver(self, run_window: RunWindow, *, at: datetime) -> None:
        checkpoint = self.state.to_checkpoint_time
        rebuild = checkpoint is None
        leads = not run_window.explicit and checkpoint is not None and run_window.window.end >= checkpoint
        stage = self.bench.stage(self.store.pull(run_window.window, at=at), run_window.window)
        for row in stage.rows():
            self.given[row["domain"]] = max(row["header_.indexed_at"], self.given.get(row["domain"], ""))
        self.bench.sync(
            stage, Operation.CREATE if rebuild else Operation.APPEND, consult_ledger=not rebuild and not leads, at=at
        )
        assert {key: row["header_.indexed_at"] for key, row in self.bench.lookups.rows.items()} == self.given
        delivered = Delivered(
            window=run_window.covered, leaves_no_gap=run_window.leaves_no_gap(checkpoint), pulled_at=at, at=at
        )
        self.state = self.state.after_sync(delivered, rebuilt=rebuild)


STORES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 2 * PERIODS - 1)), min_size=1, max_size=24, unique=True
).map(lambda versions: Store(tuple(versions)))


def straight_run(store: Store) -> dict[str, dict[str, str]]:
    """Return the lookup after one run of each period, in order, each as its period ends."""
    with tempfile.TemporaryDirectory() as directory:
        run = Run(store, Bench(Path(directory)))
        for number in range(PERIODS):
            run.scheduled(number, at=hour(number + 1))
        return run.bench.lookups.rows


def newest_by_key(store: Store) -> dict[str, str]:
    """Return the value each key must end with, computed without the code under test."""
    return {
        f"{record % 3}.example": f"{record} at {version}"
        for version, record in sorted((version, record) for record, version in store.versions)
    }


@given(STORES)
@settings(deadline=None, max_examples=40)
def test_straight_run_leaves_the_newest_version_of_each_key(store: Store) -> None:
    """Each key ends with its newest version among all records that share it."""
    assert {key: row["value"] for key, row in straight_run(store).items()} == newest_by_key(store)


@given(STORES, st.lists(st.integers(0, PERIODS - 1), max_size=4), st.permutations(range(PERIODS)), st.booleans())
@settings(deadline=None, max_examples=80)
def test_order_of_windows_does_not_matter(store: Store, repeated: list[int], order: list[int], explicit: bool) -> None:
    """Forward, backward, shuffled or repeated: the windows of a late backfill leave what a straight run left."""
    with tempfile.TemporaryDirectory() as directory:
        run = Run(store, Bench(Path(directory)))
        run.scheduled(order[0], at=hour(PERIODS))
        for number in (*repeated, *order):
            if explicit:
                run.explicit(number, number + 1, at=hour(PERIODS))
            else:
                run.scheduled(number, at=hour(PERIODS))
        assert run.bench.lookups.rows == straight_run(store)


@given(
    STORES,
    st.lists(
        st.tuples(st.integers(1, PERIODS), st.integers(0, PERIODS - 1), st.integers(1, 3), st.booleans()), max_size=8
    ),
)
@settings(deadline=None, max_examples=80)
def test_reruns_between_runs_do_not_matter(store: Store, reruns: list[tuple[int, int, int, bool]]) -> None:
    """Reruns and explicit windows in between, while records go on changing, leave what a straight run left."""
    with tempfile.TemporaryDirectory() as directory:
        run = Run(store, Bench(Path(directory)))
        for now in range(1, PERIODS + 1):
            run.scheduled(now - 1, at=hour(now))
            for when, number, length, explicit in reruns:
                if when != now or number >= now:
                    continue
                if explicit:
                    run.explicit(number, number + length, at=hour(now))
                else:
                    run.scheduled(number, at=hour(now))
        assert run.bench.lookups.rows == straight_run(store)


@given(STORES, st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=PERIODS, max_size=PERIODS))
@example(Store(((0, 0), (3, 1), (3, 4))), [(0, 3)] * PERIODS)  # a rerun finds the newer of two records gone
@settings(deadline=None, max_examples=80)
def test_late_runs_put_back_no_old_value(store: Store, lateness: list[tuple[int, int]]) -> None:
    """Runs that come after records left their window, or its overlap, never undo what was delivered before."""
    with tempfile.TemporaryDirectory() as directory:
        run = Run(store, Bench(Path(directory)))
        now = hour(0)
        for number, (late, again_after) in enumerate(lateness):
            now = max(now, hour(number + 1 + late / 2))
            run.scheduled(number, at=now)
            if again_after:
                now += timedelta(minutes=30 * again_after)
                run.scheduled(number, at=now)


def test_steady_state_reads_little_of_the_ledger(bench: Bench) -> None:
    """A sync of new rows reads what was delivered since they were updated, not all that ever was."""
    for number in range(4):
        bench.sync(bench.stage([row_of("a", number)]), at=hour(number))
    for file in (bench.directory / "ledger" / "one").iterdir():
        if not file.name.startswith("20260101T03"):
            file.unlink()
            file.mkdir()  # listed, and an error to whoever reads it
    assert bench.sync(bench.stage([row_of("a", 3.5)]), at=hour(4)).rows_sent == 1


def test_older_stage_does_not_put_back_an_old_value(bench: Bench) -> None:
    """A row older than what the lookup was given is left out, and counted as superseded."""
    bench.sync(bench.stage([row_of("a", 5, "new")]), Operation.CREATE)
    summary = bench.sync(bench.stage([row_of("a", 4, "old"), row_of("b", 4, "other")]), consult_ledger=True)
    assert {key: row["value"] for key, row in bench.lookups.rows.items()} == {"a": "new", "b": "other"}
    assert (summary.rows_sent, summary.superseded) == (1, 1)


def test_older_row_is_known_for_old_where_the_clock_of_flashpoint_is_ahead(bench: Bench) -> None:
    """What was delivered before a row was updated, by this machine's clock, may yet be newer than the row."""
    bench.sync(bench.stage([row_of("a", 5.75, "new")]), Operation.CREATE, at=hour(5))
    bench.sync(bench.stage([row_of("a", 5.5, "old")]), at=hour(6))
    assert bench.lookups.rows["a"]["value"] == "new"


def test_nothing_new_is_not_deployed(bench: Bench) -> None:
    """A stage whose every row is superseded changes nothing in Devo."""
    bench.sync(bench.stage([row_of("a", 5)]), Operation.CREATE)
    bench.sync(bench.stage([row_of("a", 4)]), consult_ledger=True)
    assert bench.lookups.deployments == [Operation.CREATE]


def test_replacement_without_rows_empties_the_lookup(bench: Bench) -> None:
    """A rebuild is deployed even where nothing was found."""
    bench.sync(bench.stage([row_of("a", 5)]), Operation.CREATE)
    bench.sync(bench.stage([]), Operation.REPLACE)
    assert bench.lookups.rows == {}


# Keys, columns, refusals ----------------------------------------------------------------------------------------------


def test_wrong_key_lists_the_keys(bench: Bench) -> None:
    """A key that no row has is refused, and the message lists those that rows have."""
    with pytest.raises(
        ConfigurationError, match=r"'hash'.* The keys there are: domain, fpid, header_.indexed_at, value"
    ):
        columns_of(bench.stage([row_of("a", 1)]), key=RowKey("hash", ()), wanted=None)


def test_columns_are_the_key_then_the_discovered_ones(bench: Bench) -> None:
    """Without wanted columns a lookup gets all discovered ones after its key: times, then the others by name."""
    columns = columns_of(bench.stage([row_of("a", 1)]), key=RowKey("value", ()), wanted=None)
    assert columns == ("value", "header_.indexed_at", "domain", "fpid", "_extra")


def test_wanted_columns_outrank_the_discovered_ones(bench: Bench) -> None:
    """With wanted columns the lookup gets those, in their order."""
    assert columns_of(bench.stage([row_of("a", 1)]), key=RowKey("domain", ()), wanted=["z", "value"]) == (
        "domain",
        "z",
        "value",
        "_extra",
    )


@pytest.mark.parametrize(
    "row",
    [{"value": "1"}, *({"domain": value} for value in (None, "", " ", "\t", "\u3000", 0, 0.0, -1, True, False))],
    ids=str,
)
def test_row_without_key_is_rejected(bench: Bench, row: dict[str, Any]) -> None:
    """A row without a value under the key is kept with its reason, and the rows around it are delivered."""
    stage = bench.stage([row_of("a", 1), row, row_of("b", 1)])
    summary = bench.sync(stage, Operation.CREATE)
    kept = json.loads((stage.directory / "dead_letters.jsonl").read_bytes())
    assert kept == {"reason": "no value under the lookup_key domain", "record": row}
    assert (summary.rejected, summary.rows_sent, sorted(bench.lookups.rows)) == (1, 2, ["a", "b"])


@pytest.mark.parametrize(
    "value", ["", " ", "\r\n", 0, False, True, -7, [], {}, [[]], [""], [None], ["a", "b"]], ids=str
)
def test_rows_without_key_never_supersede_each_other(bench: Bench, value: Any) -> None:
    """Different rows under the same value that is no key are all kept as rejected; none counts as superseded."""
    rows = [flatten({"domain": value, "timestamp": number}) for number in (1, 2, 3)]
    stage = bench.stage(rows)
    summary = bench.sync(stage, Operation.CREATE)
    kept = [json.loads(line)["record"] for line in (stage.directory / "dead_letters.jsonl").read_bytes().splitlines()]
    assert (summary.rejected, summary.superseded, summary.rows_sent) == (3, 0, 0)
    assert kept == rows


@pytest.mark.parametrize(
    ("value", "key"),
    [(7, "7"), (1.5, "1.5"), ("0", "0"), ("False", "False"), (" a", " a"), ("[x]", "[x]"), ("[::1]:80", "[::1]:80")],
)
def test_text_or_positive_number_is_a_key(bench: Bench, value: Any, key: str) -> None:
    """A text that is not blank is a key, whatever it looks like; so is a number above zero."""
    bench.sync(bench.stage([flatten({"domain": value})]), Operation.CREATE)
    assert list(bench.lookups.rows) == [key]


def test_values_without_a_column_are_counted(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Values beyond the columns go into the last one, are counted, and their names are in the log."""
    summary = bench.sync(bench.stage([{**row_of("a", 1), "x": 1, "y": 2}, {**row_of("b", 1), "x": 3}]))
    assert summary.extra_values == 3
    assert json.loads(bench.lookups.rows["a"]["_extra"]) == {"x": 1, "y": 2}
    assert "2 keys" in caplog.text
    assert "x, y" in caplog.text


def test_refused_deployment_leaves_the_ledger_untouched(bench: Bench) -> None:
    """Rows that Devo refused are not in the ledger, so a retry delivers them."""
    stage = bench.stage([row_of("a", 1, "v")])
    bench.lookups.refuses = True
    with pytest.raises(RejectedError):
        bench.sync(stage, Operation.CREATE)
    assert bench.ledger.is_empty()
    bench.lookups.refuses = False
    bench.sync(stage, consult_ledger=True)
    assert bench.lookups.rows["a"]["value"] == "v"
