"""Lookups with `keep_days`: which run rebuilds, and what a run reads."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.run_window import Keep, LookupProgress, RunPeriod
from airflow_provider_flashpoint.core.state import LookupState, LookupStatus
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import OutdatedWindowError

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEEP = 30 * DAY


def period(end: datetime = NOW, *, length: timedelta = HOUR, now: datetime = NOW, **changes: Any) -> RunPeriod:
    keep = Keep(time=KEEP, rebuild_every=DAY, now=now)
    window = Window(end - length, end)
    return replace(RunPeriod(window=window, rule="a test", explicit=False, keep=keep), **changes)


def created(*, checkpoint: datetime | None = NOW - HOUR, built_at: datetime | None = NOW - DAY) -> LookupProgress:
    state = LookupState(
        status=LookupStatus.CREATED, columns=("k",), from_checkpoint_time=None, to_checkpoint_time=checkpoint
    )
    return LookupProgress(replace(state, built_at=built_at), LookupStatus.CREATED)


def is_rebuilt(progress: LookupProgress, of: RunPeriod) -> bool:
    return progress.for_run(of).status is LookupStatus.NEW


def test_a_lookup_is_rebuilt_once_in_a_period() -> None:
    """The first run whose window ends a period after the last build rebuilds, from what is kept on."""
    assert not is_rebuilt(created(built_at=NOW - DAY + timedelta(seconds=1)), period())
    progress = created(built_at=NOW - DAY).for_run(period())
    assert (progress.status, progress.renews, progress.columns) == (LookupStatus.NEW, True, ("k",))
    assert progress.window(period()).window == Window(NOW - KEEP, NOW)


@pytest.mark.parametrize("renews", [True, False])
def test_a_rebuild_that_did_not_end_is_repeated_as_what_it_was(renews: bool) -> None:
    """A renewal keeps the columns; a rebuild that a person decided does not, nor does one by an earlier version."""
    state = LookupState(status=LookupStatus.NEW, renews=renews, columns=("k",))
    progress = LookupProgress.stored(state).for_run(period())
    assert (progress.status, progress.renews) == (LookupStatus.NEW, renews)
    assert progress.columns == (("k",) if renews else ())


@pytest.mark.parametrize("state", [None, LookupState(status=LookupStatus.CREATED)])
def test_a_lookup_whose_build_is_not_known_is_rebuilt(state: LookupState | None) -> None:
    """That of an earlier version, or one that was built elsewhere, may hold anything."""
    assert is_rebuilt(LookupProgress(state, LookupStatus.CREATED), period())


def test_without_keep_days_no_run_rebuilds() -> None:
    """A lookup keeps its rows for ever by default."""
    assert not is_rebuilt(created(built_at=None), period(keep=None))


@pytest.mark.parametrize(
    ("progress", "of"),
    [
        (created(checkpoint=NOW, built_at=None), period(NOW - HOUR)),  # a rerun of an earlier run
        (created(checkpoint=None, built_at=None), period(NOW - DAY)),  # a run of a backfill, or of a catch-up
        (created(built_at=None), period(explicit=True)),
        (replace(created(built_at=None), forced=True), period()),
    ],
)
def test_old_runs_and_explicit_windows_do_not_rebuild(progress: LookupProgress, of: RunPeriod) -> None:
    """A run behind the checkpoint, one late by a period, and one with a window or status of its own add rows."""
    assert not is_rebuilt(progress, of)


@pytest.mark.parametrize("explicit", [True, False])
@pytest.mark.parametrize("status", LookupStatus)
def test_a_window_that_is_too_old_is_not_read(status: LookupStatus, explicit: bool) -> None:
    """A backfill, or an explicit window, of a time that the lookup does not keep ends with an error that says so."""
    midnight = NOW.replace(hour=0)
    progress = replace(created(checkpoint=None), status=status)
    with pytest.raises(OutdatedWindowError, match=r"keeps what changed since 2026-05-16T00:00:00Z.*raise keep_days"):
        progress.window(period(midnight - KEEP, explicit=explicit))
    window = progress.window(period(midnight - KEEP + HOUR, length=DAY, explicit=explicit)).window
    assert window == Window(midnight - KEEP, midnight - KEEP + HOUR)


def test_nothing_comes_back_that_the_last_rebuild_left_out() -> None:
    """Between midnight and the rebuild a window may be young enough for today, and too old for the lookup."""
    end = NOW - KEEP - HOUR
    assert created(built_at=None).window(period(end, explicit=True)).window.end == end
    with pytest.raises(OutdatedWindowError):
        created(built_at=NOW).window(period(end, explicit=True))


def test_a_rebuild_by_an_old_run_keeps_what_the_lookup_has() -> None:
    """A forced rebuild reads up to the checkpoint, and begins with what is kept today."""
    progress = replace(created(checkpoint=NOW), status=LookupStatus.NEW)
    window = progress.window(period(NOW - 100 * DAY)).window
    assert window == Window(NOW.replace(hour=0) - KEEP, NOW)


@pytest.mark.parametrize(("initial", "begin"), [(NOW - 10 * DAY, NOW - 10 * DAY), (NOW - 99 * DAY, NOW - KEEP)])
def test_a_new_lookup_begins_with_what_it_keeps(initial: datetime, begin: datetime) -> None:
    """It begins at the initial start time, or later, where it keeps less."""
    run_window = LookupProgress(None, LookupStatus.NEW).window(period(initial_start=initial))
    assert run_window.window == Window(begin, NOW)


def test_an_explicit_window_in_the_future_still_brings_what_is_kept() -> None:
    """The end of such a window says nothing about what is old."""
    of = period(NOW + 1000 * DAY, length=1010 * DAY, explicit=True)
    assert created().window(of).window.start == NOW - 10 * DAY


HOURS = st.integers(-24 * 40, 0).map(lambda hours: NOW + hours * HOUR)


@given(HOURS, st.none() | HOURS, st.none() | HOURS, st.integers(0, 40), st.booleans())
def test_a_sync_needs_no_more_than_its_pull(
    end: datetime, checkpoint: datetime | None, built_at: datetime | None, later: int, explicit: bool
) -> None:
    """With the same state, the window that a sync needs lies in that of its pull, however much later it runs."""
    progress = created(checkpoint=checkpoint, built_at=built_at)
    try:
        needed = progress.window(period(end, now=NOW + later * HOUR, explicit=explicit)).window
    except OutdatedWindowError:
        return
    pulled = progress.window(period(end, explicit=explicit)).window
    assert pulled.start <= needed.start
    assert needed.end <= pulled.end


@given(st.lists(st.integers(0, 24 * 10), min_size=1), st.integers(0, 24 * 10))
def test_rebuilds_are_a_period_apart(ends: list[int], now: int) -> None:
    """Whatever the order of the runs, two of them that renew a lookup are a period apart, the later one after it."""
    state, builds = LookupState(status=LookupStatus.CREATED), []
    for hours in ends:
        end = NOW + hours * HOUR
        of = period(end, now=max(end, NOW + now * HOUR))
        renews = is_rebuilt(LookupProgress(state, LookupStatus.CREATED), of)
        checkpoint = max(end, state.to_checkpoint_time or end)
        state = replace(state, to_checkpoint_time=checkpoint, built_at=end if renews else state.built_at)
        builds += [end] if renews else []
    assert all(later - earlier >= DAY for earlier, later in itertools.pairwise(builds))
