"""Pulls that end early: the next attempt reads what the earlier one had not finished, and the stage is the same."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of
from airflow_provider_flashpoint.core.flashpoint.page import Page
from airflow_provider_flashpoint.core.flashpoint.rows.shape import RowShape
from airflow_provider_flashpoint.core.origin import Origin
from airflow_provider_flashpoint.core.pipelines.pull import PullPorts, PullSettings, pull
from airflow_provider_flashpoint.core.pipelines.sync import sync
from airflow_provider_flashpoint.core.pipelines.sync_ports import SyncPorts, SyncSettings
from airflow_provider_flashpoint.core.run_window import LookupProgress, RunPeriod
from airflow_provider_flashpoint.core.secrets.obfuscate import ObfuscationAction, ObfuscationRule, Obfuscator
from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
from airflow_provider_flashpoint.core.staging.indicators.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.staging.indicators.sections import FOLDER, newest_kept_pull
from airflow_provider_flashpoint.core.staging.indicators.stage import Stage
from airflow_provider_flashpoint.core.staging.prune import prune_stages
from airflow_provider_flashpoint.core.state import LookupState, LookupStatus
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import MalformedPageError, MissingRecordsError, NetworkError
from benchmarks.counted_store import CountedStore, StorePath
from tests.core.pipelines.test_sync import RowLookups

START = datetime(2026, 1, 1, tzinfo=UTC)
PAGE_SIZE, PAGES = 2, 30
COUNT = PAGE_SIZE * PAGES
WINDOW = Window(START, START + timedelta(seconds=COUNT))
SETTINGS = PullSettings(lookup_key="id", stage_retention=timedelta(days=7), origin=Origin(api="legacy", filters={}))


def second(number: float) -> datetime:
    return START + timedelta(seconds=number)


@dataclass
class Flashpoint:
    """A source of records by the second of their last change, and the clock. Each page is a page of two records.

    :param last_page: the number of pages after which reading fails.
    """

    changed: dict[str, int] = field(default_factory=lambda: {f"{number}": number for number in range(COUNT)})
    now: datetime = WINDOW.end
    last_page: int | None = None
    failure: Exception = field(default_factory=lambda: NetworkError("the connection broke"))
    complete_to: datetime | None = None
    total: int | None = None
    pages_read: int = 0
    endpoint: ClassVar = replace(endpoint_of(Api.LEGACY, DataSet.INDICATORS), page_size=PAGE_SIZE)

    def pages(self, window: Window) -> Iterator[Page]:
        self.complete_to, self.pages_read = None, 0
        found = sorted(
            (at, key) for key, at in self.changed.items() if window.start <= second(at) < min(window.end, self.now)
        )
        for first in range(0, len(found), PAGE_SIZE):
            if self.pages_read == self.last_page:
                raise self.failure
            self.pages_read += 1
            page = found[first : first + PAGE_SIZE]
            yield Page([{"id": key, "timestamp": int(second(at).timestamp()), f"at {at % 7}": at} for at, key in page])
            self.complete_to = second(page[-1][0])
        if self.pages_read == self.last_page:
            raise self.failure
        self.complete_to = window.end


@dataclass
class Bench:
    directory: Path
    source: Flashpoint = field(default_factory=Flashpoint)

    def pull(
        self,
        window: Window = WINDOW,
        *,
        rules: tuple[ObfuscationRule, ...] = (),
        secret: str = "",
        synced_at: datetime | None = None,
        **changes: Any,
    ) -> Stage:
        ports = PullPorts(
            source=self.source,
            obfuscator=Obfuscator(rules, secret=secret),
            stages=self.directory,
            clock=Clock(now=lambda: self.source.now),
        )
        return pull(window, ports, replace(SETTINGS, **changes), synced_at=synced_at)

    def fail_after(self, pages: int, **options: Any) -> None:
        self.source.last_page = pages
        with pytest.raises(type(self.source.failure)):
            self.pull(**options)
        self.source.last_page = None

    def straight(self) -> Stage:
        """Return the stage of a pull that reads all."""
        source = replace(self.source)
        return Bench(Path(tempfile.mkdtemp(dir=self.directory)), source).pull()

    @property
    def section_file(self) -> Path:
        (file,) = (self.directory / FOLDER).iterdir()
        return file


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def newest(stage: Stage) -> dict[str, Any]:
    """Return the newest row of each key."""
    rows: dict[str, Any] = {}
    for row in stage.rows():
        if row["id"] not in rows or row["timestamp"] >= rows[row["id"]]["timestamp"]:
            rows[row["id"]] = row
    return rows


@pytest.mark.parametrize("pages", range(PAGES + 1))
def test_the_next_attempt_reads_the_rest(bench: Bench, pages: int) -> None:
    """Whenever an attempt ends, the next one reads at most six pages again, and its stage has the same rows."""
    bench.fail_after(pages)
    stage = bench.pull()
    assert bench.source.pages_read <= PAGES - pages + 6
    assert newest(stage) == newest(bench.straight())
    assert {*stage.summary.columns} == {*bench.straight().summary.columns}


def test_several_attempts_go_on_with_each_other(bench: Bench) -> None:
    """An attempt that goes on with an earlier one is itself gone on with."""
    for _ in range(4):
        bench.fail_after(8)
    assert newest(bench.pull()) == newest(bench.straight())
    assert bench.source.pages_read <= PAGES - 4 * 4 + 4


def test_a_stage_is_as_old_as_its_oldest_section(bench: Bench) -> None:
    """The checkpoint may not pass what was changed after the first attempt, so that attempt dates the stage."""
    bench.fail_after(20)
    bench.source.now += timedelta(hours=3)
    assert bench.pull().summary.pulled_at == WINDOW.end


def test_the_log_says_what_is_gone_on_with(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """The log has the time of the earlier attempt, its rows and its share of the window."""
    bench.fail_after(16)
    with caplog.at_level(logging.INFO):
        bench.pull()
    assert "an earlier attempt, from 2026-01-01T00:01:00Z: 24 indicators" in caplog.text
    assert "38 % of the window" in caplog.text


def test_a_short_window_has_no_sections(bench: Bench) -> None:
    """A window of a few pages leaves the files of its stage alone, and nothing after a failure."""
    window = Window(START, second(4 * PAGE_SIZE))
    bench.pull(window)
    assert not (bench.directory / FOLDER).exists()
    assert len([file for file in bench.directory.rglob("*") if file.is_file()]) == 3
    bench.fail_after(4, window=window)
    assert len([file for file in bench.directory.rglob("*") if file.is_file()]) == 3


HIDE = (ObfuscationRule(("id",), ObfuscationAction.HASH),)
OTHERS: dict[str, dict[str, Any]] = {
    "filters": {"origin": Origin(api="legacy", filters={"query": "x"})},
    "account": {"account": "that of another token"},
    "generation": {"origin": Origin(api="ignite_v1", filters={})},
    "key": {"lookup_key": "timestamp"},
    "columns": {"shape": RowShape(left_out=("timestamp",))},
    "rules": {"rules": HIDE},
    "start": {"window": Window(START - timedelta(seconds=1), WINDOW.end)},
    "an earlier end": {"window": Window(START, second(5))},
    "a later sync": {"synced_at": WINDOW.end + timedelta(seconds=1)},
    "a short retention": {"stage_retention": timedelta(0)},
}


@pytest.mark.parametrize("other", OTHERS)
def test_sections_of_another_pull_are_not_used(bench: Bench, other: str) -> None:
    """Another source, shape or start of the window, a sync since then, or age: the window is read from its start."""
    bench.fail_after(20)
    bench.source.now += timedelta(seconds=2)
    stage = bench.pull(**OTHERS[other])
    assert bench.source.pages_read == -(-stage.summary.records // PAGE_SIZE)


def test_another_secret_makes_other_digests(bench: Bench) -> None:
    """Rows that were hashed with another secret are not used."""
    bench.fail_after(20, rules=HIDE, secret="first of all")
    bench.pull(rules=HIDE, secret="second of all")
    assert bench.source.pages_read == PAGES
    assert not any("of all" in file.read_text() for file in (bench.directory / FOLDER).iterdir())


def test_sections_of_a_day_ago_are_too_old(bench: Bench) -> None:
    """After a day the window is read from its start."""
    bench.fail_after(20)
    bench.source.now += timedelta(hours=24, seconds=1)
    bench.pull()
    assert bench.source.pages_read == PAGES


def test_a_later_run_goes_on_too(bench: Bench) -> None:
    """A first build that failed is gone on with by the next run, whose window ends later."""
    bench.fail_after(PAGES)
    bench.source.now += timedelta(seconds=10)
    bench.source.changed |= {f"{number}": number for number in range(COUNT, COUNT + 10)}
    stage = bench.pull(Window(START, WINDOW.end + timedelta(seconds=10)))
    assert len(newest(stage)) == COUNT + 10
    assert bench.source.pages_read <= 11


def test_a_finished_pull_is_gone_on_with(bench: Bench) -> None:
    """A pull whose sync failed is not read again, and its stage stays as it is."""
    first = bench.pull()
    second_stage = bench.pull()
    assert bench.source.pages_read == PAGES  # of the first
    assert list(second_stage.rows()) == list(first.rows())
    assert first.summary.manifest != second_stage.summary.manifest
    assert list(Stage(first.directory, first.summary).rows()) == list(first.rows())


def test_a_window_that_reaches_into_the_future_is_not_complete(bench: Bench) -> None:
    """What comes after the pull may lie in the window: a later attempt reads it."""
    bench.source.now = second(40)
    bench.fail_after(20)
    bench.source.now = WINDOW.end
    assert newest(bench.pull()) == newest(bench.straight())


def damage(file: Path, kind: str) -> None:
    content = file.read_bytes()
    file.unlink()
    if kind != "missing":
        file.write_bytes({"empty": b"", "cut": content[:-1], "changed": b"?" + content[1:]}[kind])


@pytest.mark.parametrize("kind", ["missing", "empty", "cut", "changed"])
@pytest.mark.parametrize("name", ["part-00001.jsonl.gz", "part-00001.keys"])
def test_a_damaged_section_is_pulled_again(bench: Bench, name: str, kind: str) -> None:
    """The sections before a damaged one are used, the others are read again."""
    bench.fail_after(20)
    (file,) = bench.directory.rglob(name)
    damage(file, kind)
    assert newest(bench.pull()) == newest(bench.straight())
    assert PAGES - 10 < bench.source.pages_read < PAGES


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: "{}",
        lambda text: text.replace('"sections":[', '"sections":[7,'),
        lambda text: text.replace('"legacy"', '"ignite_v2"'),
        lambda text: text.replace("2026-01-01", "2026-01-99"),
        lambda text: "[" * 2000,
    ],
)
def test_a_damaged_or_foreign_file_is_not_used(bench: Bench, change: Callable[[str], str]) -> None:
    """A file that cannot be read, or is of another pull, costs a whole pull, and no run."""
    bench.fail_after(20)
    bench.section_file.write_text(change(bench.section_file.read_text()))
    assert newest(bench.pull()) == newest(bench.straight())
    assert bench.source.pages_read == PAGES


@pytest.mark.parametrize("error", [MissingRecordsError("58 of 60"), MalformedPageError("not sorted")])
def test_an_incomplete_answer_is_not_gone_on_with(bench: Bench, error: Exception) -> None:
    """Where records are missing or not in the expected order, any section may lack some: all is read again."""
    bench.source.failure = error
    bench.fail_after(PAGES)
    bench.pull()
    assert bench.source.pages_read == PAGES


def test_a_lost_attempt_does_no_harm(bench: Bench) -> None:
    """Two attempts at once, one of which goes on with the other: both stages are whole."""
    bench.fail_after(12)
    stages: list[Stage] = []
    lost = Bench(bench.directory)
    lost_pages = lost.source.pages

    def pages(window: Window) -> Iterator[Page]:
        for number, page in enumerate(lost_pages(window)):
            if number == 7:
                stages.append(bench.pull())
            yield page

    lost.source.pages = pages  # type: ignore[method-assign]
    stages.append(lost.pull())
    for stage in stages:
        assert newest(Stage(stage.directory, stage.summary)) == newest(bench.straight())


def test_old_sections_are_pruned(bench: Bench) -> None:
    """Sections of pulls that were never gone on with are removed with their stages."""
    bench.fail_after(20)
    prune_stages(bench.directory, before=WINDOW.end)
    assert newest_kept_pull(bench.directory) is not None
    later = WINDOW.end + timedelta(hours=1)
    (bench.directory / FOLDER / "damaged.json").write_text("?")
    prune_stages(bench.directory, before=later)
    assert list(bench.directory.iterdir()) == []


def sync_of(bench: Bench, lookups: RowLookups, states: list[LookupState]) -> None:
    """Sync the window into the lookup, by a sync that pulls itself."""
    home = bench.directory / "home"
    ports = SyncPorts(
        source=bench.source,
        obfuscator=Obfuscator(),
        stages=bench.directory,
        clock=Clock(now=lambda: bench.source.now),
        lookups=lookups,
        ledger_of=lambda build: LookupLedger(home, build=build),
        attempt_lock=AttemptLock(home / ".lock", work="lookup"),
        open_path=lambda _: bench.directory,
        save_state=lambda state: states.append(state) or True,  # type: ignore[func-returns-value]
    )
    settings = SyncSettings(
        lookup_name="lookup", lookup_key="id", stage_retention=timedelta(days=7), origin=SETTINGS.origin
    )
    period = RunPeriod(window=WINDOW, rule="a test", explicit=False, initial_start=START)
    progress = LookupProgress(states[-1] if states else None, LookupStatus.NEW)
    sync(None, progress, period, ports, settings)


def test_a_lookup_is_that_of_a_straight_run(bench: Bench, tmp_path: Path) -> None:
    """A sync goes on with the sections of its pull, and the lookup has the rows of a straight run."""
    straight, lookups = RowLookups(), RowLookups()
    sync_of(Bench(tmp_path / "straight"), straight, [])
    bench.source.last_page = 27
    with pytest.raises(NetworkError):
        sync_of(bench, lookups, [])
    bench.source.last_page = None
    sync_of(bench, lookups, [])
    assert bench.source.pages_read < 10
    columns = sorted(next(iter(straight.rows.values())))
    assert lookups.rows == straight.rows
    assert sorted(next(iter(lookups.rows.values()))) == columns


def test_a_sync_does_not_bring_back_what_was_pulled_before_the_last_one(bench: Bench) -> None:
    """Sections that are older than the last sync may hold old values: a rebuild after it reads all."""
    lookups, states = RowLookups(), []  # type: ignore[var-annotated]
    sync_of(bench, lookups, states)
    bench.source.now += timedelta(hours=1)
    sync_of(bench, lookups, states)
    assert bench.source.pages_read == PAGES


def test_sections_are_removed_once_they_are_synced(bench: Bench) -> None:
    """The first run after a sync removes the sections before it, so that later runs have nothing to look at."""
    store = CountedStore()
    bench.directory = StorePath(store, "stages")  # type: ignore[assignment]
    bench.pull()
    bench.source.now += timedelta(minutes=5)
    short = Window(WINDOW.end, bench.source.now)
    synced_at = WINDOW.end + timedelta(seconds=1)
    bench.pull(short, synced_at=synced_at)
    assert not [key for key in store.objects if FOLDER in key]
    store.requests.clear()
    bench.pull(short, synced_at=synced_at)
    assert store.requests["read"] == 1


def test_sections_in_an_object_store(bench: Bench) -> None:
    """A section costs three writes; an attempt finds them by one read, and reads each of their files once."""
    store = CountedStore()
    bench.directory = StorePath(store, "stages")  # type: ignore[assignment]
    bench.fail_after(17)
    assert store.requests == {"read": 1, "write": 3 * 4 + 1}  # the last one is the part that was open
    store.requests.clear()
    stage = bench.pull()
    assert store.requests["read"] == 1 + 2 * 4 + 1  # the last one is that of pruning
    assert store.requests["list"] <= 6
    assert len(newest(stage)) == COUNT


CHANGES = st.lists(st.tuples(st.integers(0, COUNT - 1), st.integers(0, 90)), max_size=12)


@given(st.lists(st.tuples(CHANGES, st.integers(0, PAGES), st.integers(0, 50)), max_size=4), CHANGES, CHANGES)
@settings(max_examples=150, deadline=None)
def test_records_that_change_between_attempts_are_not_lost(
    attempts: list[tuple[list[tuple[int, int]], int, int]], before: list[tuple[int, int]], after: list[tuple[int, int]]
) -> None:
    """Whatever changes between attempts: the stage and the next run's window have the newest version of each record."""
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory))
        source = bench.source

        def change(changes: list[tuple[int, int]]) -> None:
            for key, later in changes:
                source.now += timedelta(seconds=later)
                source.changed[f"{key}"] = int((source.now - START).total_seconds())
                source.now += timedelta(seconds=1)

        for changes, pages, wait in attempts:
            change(changes)
            source.last_page = pages
            source.now += timedelta(seconds=wait)
            with contextlib.suppress(NetworkError):
                bench.pull()
        source.last_page = None
        change(before)
        stage = bench.pull()
        change(after)
        rows = newest(stage)
        checkpoint = min(WINDOW.end, stage.summary.pulled_at)
        for page in source.pages(Window(checkpoint, source.now + timedelta(seconds=1))):
            rows |= {record["id"]: record for record in page}
        assert {key: row["timestamp"] for key, row in rows.items()} == {
            key: int(second(at).timestamp()) for key, at in source.changed.items()
        }
