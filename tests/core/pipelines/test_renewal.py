"""The sync of a lookup with `keep_days`: a rebuild in one deploy, and two runs at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.devo.lookups.ports import BeforeSending, Operation
from airflow_provider_flashpoint.core.flashpoint.page import Page, Record
from airflow_provider_flashpoint.core.origin import Origin
from airflow_provider_flashpoint.core.pipelines.pull import pull
from airflow_provider_flashpoint.core.pipelines.sync import sync
from airflow_provider_flashpoint.core.pipelines.sync_ports import SyncPorts, SyncResult
from airflow_provider_flashpoint.core.run_window import Keep, LookupProgress, RunPeriod
from airflow_provider_flashpoint.core.state import LookupStatus
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import ConfigurationError, NetworkError
from tests.core.pipelines.test_sync import SETTINGS, Bench, FakeSource

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class TimedSource(FakeSource):
    """Serves the records of a window, by their time in hours before now."""

    def pages(self, window: Window) -> Iterator[Page]:
        self.windows.append(window)
        yield Page([each for each in self.records if window.start <= NOW - each["age"] * HOUR < window.end])


class KeepingBench(Bench):
    """A lookup that keeps two days and is rebuilt each day; a status may be forced."""

    forced: LookupStatus | None = None

    def ports(self, at: datetime = NOW) -> SyncPorts:
        return replace(super().ports(), clock=Clock(now=lambda: at))

    def period(self, end: datetime, *, now: datetime | None = None, **changes: Any) -> RunPeriod:
        keep = Keep(time=2 * DAY, rebuild_every=DAY, now=now or end)
        period = RunPeriod(window=Window(end - HOUR, end), rule="a test", explicit=False, keep=keep)
        return replace(period, **changes)

    def progress(self) -> LookupProgress:
        state = self.saved[-1] if self.saved else None
        if self.forced:
            return LookupProgress(state, self.forced, forced=True)
        return LookupProgress.stored(state)

    def at(self, end: datetime, **options: Any) -> SyncResult:
        return self.run_for(self.period(end), at=end + timedelta(minutes=1), **options)

    def run_for(
        self, period: RunPeriod, *, at: datetime, stage: dict[str, Any] | None = None, **changes: Any
    ) -> SyncResult:
        self.lookups.is_there = bool(self.saved)
        return sync(stage, self.progress(), period, self.ports(at), replace(SETTINGS, **changes))

    def pulled(self, end: datetime, at: datetime) -> dict[str, Any]:
        window = self.progress().window(self.period(end)).window
        return pull(window, self.ports(at), SETTINGS).summary.to_dict()


def records(*ages: float) -> list[Record]:
    return [{"domain": f"d{age}", "timestamp": 5, "age": age} for age in ages]


@pytest.fixture
def bench(tmp_path: Path) -> KeepingBench:
    return KeepingBench(tmp_path, TimedSource(records(71, 47, 2, 0.5)))


def test_a_rebuild_replaces_the_lookup_by_what_is_kept(bench: KeepingBench) -> None:
    """Once a day one deploy replaces all rows by those that changed in the time that is kept; other runs add."""
    for hours in (-24, -1, 0):
        bench.at(NOW + hours * HOUR)
    assert bench.lookups.deployed == [(Operation.CREATE, 2), (Operation.APPEND, 1), (Operation.REPLACE, 3)]
    assert [state.built_at for state in bench.saved if state.status is LookupStatus.CREATED] == [
        NOW - DAY, NOW - DAY, NOW,
    ]  # fmt: skip
    assert bench.saved[-1].to_checkpoint_time == NOW


def test_of_two_runs_at_once_one_rebuilds(bench: KeepingBench) -> None:
    """Both pulled for a rebuild; the sync that comes second adds, and reads its own window again."""
    bench.at(NOW - DAY)
    stages = [bench.pulled(NOW + hours * HOUR, NOW + 2 * HOUR) for hours in (0, 1)]
    assert [stage["window"]["from"] for stage in stages] == ["2026-06-13T12:00:00Z", "2026-06-13T13:00:00Z"]
    for hours, stage in zip((1, 0), reversed(stages), strict=True):
        bench.at(NOW + hours * HOUR, stage=stage)
    assert [operation.value for operation, _ in bench.lookups.deployed] == ["create", "replace", "append"]
    assert bench.saved[-1].built_at == NOW + HOUR


def test_a_rebuild_keeps_the_columns_of_the_lookup(bench: KeepingBench) -> None:
    """Columns are those of the last build by a person; what is new goes into `_extra`."""
    bench.at(NOW - DAY)
    columns = bench.saved[-1].columns
    bench.source.records = [{**each, "new": 1} for each in bench.source.records]
    bench.at(NOW)
    assert bench.lookups.deployed[-1][0] is Operation.REPLACE
    assert bench.saved[-1].columns == columns


@pytest.mark.parametrize("change", [{"origin": Origin(api="ignite_v2", filters={})}, {"lookup_key": "age"}])
def test_a_rebuild_accepts_no_change_of_the_source_or_the_key(bench: KeepingBench, change: dict[str, Any]) -> None:
    """That is for a person to decide, so the run fails as every other run."""
    bench.at(NOW - DAY)
    with pytest.raises(ConfigurationError, match=r"trigger the DAG with \{.rebuild.: \[.(domains|<lookup name>).\]\}"):
        bench.at(NOW, **change)
    assert len(bench.lookups.deployed) == 1


def test_where_nothing_changed_the_lookup_stays(bench: KeepingBench) -> None:
    """Nothing to rebuild from: the rows stay, the checkpoint moves, and a later run rebuilds."""
    bench.at(NOW - DAY)
    bench.at(NOW + 5 * DAY)
    assert (bench.saved[-1].to_checkpoint_time, bench.saved[-1].built_at) == (NOW + 5 * DAY, NOW - DAY)
    bench.source.records += records(-5 * 24)
    bench.at(NOW + 5 * DAY + HOUR)
    assert bench.lookups.deployed[1:] == [(Operation.REPLACE, 1)]


def test_a_rebuild_that_did_not_end_is_repeated_by_the_next_run(bench: KeepingBench) -> None:
    """Half a lookup is never added to: the state is New until the rebuild is complete."""
    bench.at(NOW - DAY)
    bench.lookups.deploy = _fail  # type: ignore[method-assign]
    with pytest.raises(TimeoutError):
        bench.at(NOW)
    assert bench.saved[-1].status is LookupStatus.NEW
    del bench.lookups.deploy  # type: ignore[misc]
    bench.at(NOW + HOUR)
    assert [operation.value for operation, _ in bench.lookups.deployed] == ["create", "replace"]
    assert bench.saved[-1].built_at == NOW + HOUR


CHANGES = [{"origin": Origin(api="ignite_v2", filters={"score": "malicious"})}, {"lookup_key": "age"}]


def break_off(bench: KeepingBench, end: datetime, **options: Any) -> None:
    bench.lookups.deploy = _fail  # type: ignore[method-assign]
    with pytest.raises(TimeoutError):
        bench.at(end, **options)
    del bench.lookups.deploy  # type: ignore[misc]


@pytest.mark.parametrize("change", CHANGES)
def test_a_rebuild_that_did_not_end_stays_a_renewal(bench: KeepingBench, change: dict[str, Any]) -> None:
    """The run that repeats it keeps the columns, and accepts neither another source nor another key."""
    bench.at(NOW - DAY)
    columns = bench.saved[-1].columns
    bench.source.records = [{**each, "new": 1} for each in bench.source.records]
    break_off(bench, NOW)
    with pytest.raises(ConfigurationError, match=r"trigger the DAG with \{.rebuild.: \[.(domains|<lookup name>).\]\}"):
        bench.at(NOW + HOUR, **change)
    bench.at(NOW + HOUR)
    assert [operation.value for operation, _ in bench.lookups.deployed] == ["create", "replace"]
    assert (bench.saved[-1].columns, bench.saved[-1].key) == (columns, "domain")


def test_a_rebuild_after_an_unanswered_request_stays_a_renewal(bench: KeepingBench) -> None:
    """A late request of the last rebuild may replace the rows, so the next run rebuilds with the same columns."""
    bench.at(NOW - DAY)
    columns, deploy = bench.saved[-1].columns, bench.lookups.deploy

    def deploy_at_second_attempt(*names: Any, before_sending: BeforeSending, **options: Any) -> None:
        before_sending(None)
        before_sending(NetworkError("no answer"))
        deploy(*names, before_sending=before_sending, **options)

    bench.lookups.deploy = deploy_at_second_attempt  # type: ignore[method-assign]
    bench.at(NOW)
    del bench.lookups.deploy  # type: ignore[misc]
    bench.source.records = [{**each, "new": 1} for each in bench.source.records]
    for change in CHANGES:
        with pytest.raises(
            ConfigurationError, match=r"trigger the DAG with \{.rebuild.: \[.(domains|<lookup name>).\]\}"
        ):
            bench.at(NOW + 5 * MINUTE, **change)
    bench.at(NOW + 5 * MINUTE)
    assert [operation.value for operation, _ in bench.lookups.deployed] == ["create", "replace", "replace"]
    assert bench.saved[-1].columns == columns
    everything, bench.source.records = bench.source.records, []
    bench.at(NOW + 10 * MINUTE)
    assert bench.saved[-1].status is LookupStatus.NEW  # what that request leaves is not known
    bench.source.records = everything
    bench.at(NOW + 15 * MINUTE)
    assert bench.saved[-1].columns == columns


def test_half_a_rebuild_is_not_complete_where_nothing_changed(bench: KeepingBench) -> None:
    """The state stays New, so that the next run that finds something rebuilds, with the same columns."""
    bench.at(NOW - DAY)
    columns = bench.saved[-1].columns
    break_off(bench, NOW)
    bench.at(NOW + 5 * DAY)
    assert bench.saved[-1].status is LookupStatus.NEW
    bench.source.records = [{**each, "new": 1} for each in records(-5 * 24)]
    bench.at(NOW + 5 * DAY + HOUR)
    assert bench.lookups.deployed[1:] == [(Operation.REPLACE, 1)]
    assert bench.saved[-1].columns == columns


def test_a_rebuild_by_a_person_that_did_not_end_accepts_changes(bench: KeepingBench) -> None:
    """It was decided after the renewal broke off, so the run that repeats it takes the new source and columns."""
    bench.at(NOW - DAY)
    break_off(bench, NOW)
    bench.source.records = [{**each, "new": 1} for each in bench.source.records]
    bench.forced = LookupStatus.NEW
    break_off(bench, NOW + HOUR, **CHANGES[0])
    bench.forced = None
    bench.at(NOW + 2 * HOUR, **CHANGES[0])
    assert (bench.saved[-1].origin, bench.saved[-1].renews) == (CHANGES[0]["origin"], False)
    assert "new" in bench.saved[-1].columns


def _fail(*_: Any, **__: Any) -> None:
    raise TimeoutError
