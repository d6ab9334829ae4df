"""The ledger of an event stream: ids that Devo confirmed, by the hour of each event."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.staging.events.event_ledger import Entry, EventLedger, entry_of
from airflow_provider_flashpoint.core.staging.folders import list_names
from benchmarks.counted_store import CountedStore, StorePath

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HOUR_US = 3_600_000_000
FIRST_HOUR_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z


def event_in_hour(identity: str, hour: int) -> Entry:
    return entry_of(identity, FIRST_HOUR_US + hour * HOUR_US)


def test_event_round_trip(tmp_path: Path) -> None:
    """A ledger that is opened later holds confirmed events, and no others."""
    entries = [event_in_hour(f"a{number}", number % 5) for number in range(100)]
    EventLedger(tmp_path).add(entries, at=NOW)
    later = EventLedger(tmp_path)
    assert all(entry in later for entry in entries)
    assert event_in_hour("other", 0) not in later


def test_entry_belongs_to_the_hour_of_its_own_time() -> None:
    """The last microsecond of an hour and the first of the next belong to two hours."""
    assert entry_of("a", FIRST_HOUR_US + HOUR_US - 1).hour == "20260101T00"
    assert entry_of("a", FIRST_HOUR_US + HOUR_US).hour == "20260101T01"


def test_entry_before_1970_is_an_entry() -> None:
    """A time before the epoch is a valid time."""
    assert entry_of("a", -1).hour == "19691231T23"


def test_concurrent_runs_see_each_other_after_refresh(tmp_path: Path) -> None:
    """Entries of another run are known after a refresh, not before, and none is lost."""
    one, two = EventLedger(tmp_path), EventLedger(tmp_path)
    first, second = event_in_hour("first", 0), event_in_hour("second", 0)
    assert first not in two
    one.add([first], at=NOW)
    two.add([second], at=NOW)
    assert first not in two
    two.refresh([first])
    assert first in two
    later = EventLedger(tmp_path)
    assert first in later
    assert second in later


def test_adding_before_reading_does_not_hide_the_hour(tmp_path: Path) -> None:
    """A run that adds to an hour it has not read finds the entries of other runs there."""
    EventLedger(tmp_path).add([event_in_hour("first", 0)], at=NOW)
    ledger = EventLedger(tmp_path)
    ledger.add([event_in_hour("second", 0)], at=NOW)
    assert event_in_hour("first", 0) in ledger


def test_prune_removes_whole_hours(tmp_path: Path) -> None:
    """Hours that ended before the limit are removed and counted; the hour of the limit stays."""
    entries = [event_in_hour(f"a{hour}", hour) for hour in range(4)]
    EventLedger(tmp_path).add(entries, at=datetime(2026, 1, 1, 2, tzinfo=UTC))
    assert EventLedger(tmp_path).prune(before=datetime(2026, 1, 1, 2, 30, tzinfo=UTC)) == 2
    later = EventLedger(tmp_path)
    assert [entry in later for entry in entries] == [False, False, True, True]


def test_old_events_with_a_late_confirmation_are_kept(tmp_path: Path) -> None:
    """An old event that was just confirmed is kept, since an overlap reads it again; later its hour is removed."""
    entries = [event_in_hour(f"a{hour}", hour) for hour in range(60)]
    EventLedger(tmp_path).add(entries, at=NOW + timedelta(days=90))
    assert EventLedger(tmp_path).prune(before=NOW + timedelta(days=60)) == 0
    assert all(entry in EventLedger(tmp_path) for entry in entries)
    assert EventLedger(tmp_path).prune(before=NOW + timedelta(days=91)) == 60
    assert not any(entry in EventLedger(tmp_path) for entry in entries)


def test_hour_pruned_while_it_is_read_is_empty(tmp_path: Path) -> None:
    """A file that another run prunes between listing and reading is skipped."""
    ledger = EventLedger(tmp_path)
    ledger.add([event_in_hour("a", 0)], at=NOW)
    name = list_names(tmp_path / "20260101" / "00")[0]
    (tmp_path / "20260101" / "00" / name).unlink()
    (tmp_path / "20260101" / "00" / name).symlink_to(tmp_path / "pruned")  # listed, and gone when it is opened
    assert event_in_hour("a", 0) not in EventLedger(tmp_path)


def test_undated_events_are_kept_together(tmp_path: Path) -> None:
    """Events without a time of their own share one directory."""
    entry = entry_of("a", None)
    assert entry.is_undated
    EventLedger(tmp_path).add([entry], at=NOW)
    assert entry in EventLedger(tmp_path)
    assert event_in_hour("a", 0) not in EventLedger(tmp_path)


def test_undated_events_are_pruned_by_their_confirmation(tmp_path: Path) -> None:
    """An event without a time of its own is removed by the time of its confirmation."""
    old, new = entry_of("old", None), entry_of("new", None)
    EventLedger(tmp_path).add([old], at=NOW)
    EventLedger(tmp_path).add([new], at=NOW + timedelta(days=2))
    EventLedger(tmp_path).prune(before=NOW + timedelta(days=1))
    later = EventLedger(tmp_path)
    assert (old in later, new in later) == (False, True)


def test_prune_of_nothing(tmp_path: Path) -> None:
    """The ledger of a stream without confirmed events has nothing to prune."""
    assert EventLedger(tmp_path / "absent").prune(before=NOW) == 0


@given(st.text())
def test_any_text_is_an_id(identity: str) -> None:
    """An id of any characters, also lone surrogates, has a digest of 16 bytes."""
    assert len(entry_of(identity + "\udfff", 0).digest) == 16


def test_read_only_ledger_writes_nothing(tmp_path: Path) -> None:
    """A read-only ledger holds stored and new entries, prunes nothing, and leaves the files unchanged."""
    stored, new = event_in_hour("stored", 0), event_in_hour("new", 1)
    EventLedger(tmp_path).add([stored], at=NOW)
    before = sorted(tmp_path.rglob("*"))
    ledger = EventLedger(tmp_path, read_only=True)
    ledger.add([new], at=NOW)
    ledger.refresh([stored, new])
    assert stored in ledger
    assert new in ledger
    assert ledger.prune(before=NOW + timedelta(days=9)) == 0
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("written", ["20260101T00", "20260101/00"])
def test_hours_of_both_layouts_are_read(written: str, tmp_path: Path) -> None:
    """Folders of version 0.1.0 and of this one hold the entries of an hour together, and both are pruned."""
    EventLedger(tmp_path / "other").add([event_in_hour("old", 0)], at=NOW)
    (tmp_path / "ledger" / written).parent.mkdir(parents=True)
    (tmp_path / "other" / "20260101" / "00").rename(tmp_path / "ledger" / written)
    EventLedger(tmp_path / "ledger").add([event_in_hour("new", 0)], at=NOW)
    ledger = EventLedger(tmp_path / "ledger")
    assert event_in_hour("old", 0) in ledger
    assert event_in_hour("new", 0) in ledger
    assert EventLedger(tmp_path / "ledger").prune(before=NOW + timedelta(days=1)) == 2
    assert list_names(tmp_path / "ledger") == []


class MergingStore(CountedStore):
    """A store in which another run merges the files as soon as this one has listed them."""

    def __init__(self, merge: Callable[[], object]) -> None:
        super().__init__()
        self.merge: Callable[[], object] | None = merge

    def open(self, place: str, mode: str) -> IO[bytes]:
        if mode == "rb" and self.merge:
            merge, self.merge = self.merge, None
            merge()
        return super().open(place, mode)


def test_entries_that_another_run_merges_meanwhile_are_read() -> None:
    """A run that has listed files which are merged before it reads them finds all of their entries."""
    entries = [entry_of(f"{number}", None) for number in range(40)]
    store = MergingStore(lambda: entries[0] in EventLedger(StorePath(store, "ledger")))
    for number, entry in enumerate(entries):
        EventLedger(StorePath(store, "ledger")).add([entry], at=NOW + timedelta(minutes=number))
    ledger = EventLedger(StorePath(store, "ledger"))
    assert all(entry in ledger for entry in entries)
    assert len(store.objects) == 1


def test_merged_entries_are_pruned_by_the_month_of_their_confirmation() -> None:
    """Of events without a time that were merged, those of old months are removed, and the others stay."""
    store = CountedStore()
    entries = [entry_of(f"{number}", None) for number in range(100)]
    for number, entry in enumerate(entries):
        EventLedger(StorePath(store, "ledger")).add([entry], at=NOW + timedelta(days=number))
    assert entries[0] in EventLedger(StorePath(store, "ledger"))
    limit = datetime(2026, 3, 1, tzinfo=UTC)
    EventLedger(StorePath(store, "ledger")).prune(before=limit)
    ledger = EventLedger(StorePath(store, "ledger"))
    assert [entry in ledger for entry in entries] == [NOW + timedelta(days=number) >= limit for number in range(100)]
