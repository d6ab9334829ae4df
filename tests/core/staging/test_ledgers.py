"""Ledgers: what a lookup was given, and which alerts were confirmed."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.staging.event_ledger import Entry, EventLedger, entry_of
from airflow_provider_flashpoint.core.staging.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.staging.newest import Known, digest_of
from airflow_provider_flashpoint.core.staging.storage import list_names

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HOUR_US = 3_600_000_000
FIRST_HOUR_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z


def known(key: str, version: int) -> Known:
    return (*digest_of(key), version)


def lookup_ledger(directory: Path, generation: str = "one") -> LookupLedger:
    return LookupLedger(directory, build=generation)


def alert_in_hour(identity: str, hour: int) -> Entry:
    return entry_of(identity, FIRST_HOUR_US + hour * HOUR_US)


# Lookups --------------------------------------------------------------------------------------------------------------


def test_lookup_round_trip(tmp_path: Path) -> None:
    """What was delivered is on record for whoever opens the ledger later."""
    delivered = [known(f"k{number}", number) for number in range(10_000)]
    lookup_ledger(tmp_path).add(delivered, at=NOW)
    assert list(lookup_ledger(tmp_path).known()) == delivered


@pytest.mark.parametrize(
    ("since", "keys"), [(-1, "abc"), (0, "abc"), (NOW.timestamp() + 1, "bc"), (NOW.timestamp() + 121, ""), (2.5e11, "")]
)
def test_earlier_syncs_are_left_out_on_demand(tmp_path: Path, since: float, keys: str) -> None:
    """Only syncs at a time or after it are read when that is asked for."""
    ledger = lookup_ledger(tmp_path)
    for minute, key in enumerate("abc"):
        ledger.add([known(key, 1)], at=NOW + timedelta(minutes=minute))
    assert list(ledger.known(since_us=int(since * 1_000_000))) == [known(key, 1) for key in keys]


@pytest.mark.parametrize("delivered", [[], [known("a", 1)]])
def test_ledger_is_empty_until_a_sync(tmp_path: Path, delivered: list[Known]) -> None:
    """A ledger is empty before the first sync, and not after it, even if that delivered no row."""
    ledger = lookup_ledger(tmp_path)
    assert ledger.is_empty()
    ledger.add(delivered, at=NOW)
    assert not ledger.is_empty()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), min_size=65, max_size=70))
@settings(deadline=None, max_examples=10)
def test_merge_keeps_the_newest(syncs: list[tuple[str, int]]) -> None:
    """Beyond 64 files they become one, and the newest version of each key is still on record."""
    with tempfile.TemporaryDirectory() as directory:
        ledger = lookup_ledger(Path(directory))
        for number, (key, version) in enumerate(syncs):
            ledger.add([known(key, version)], at=NOW + timedelta(minutes=number))
        newest: dict[tuple[int, int], int] = {}
        for first, second, version in ledger.known():
            newest[first, second] = max(version, newest.get((first, second), 0))
        assert newest == {digest_of(key): max(v for k, v in syncs if k == key) for key, _ in syncs}
        assert len(list_names(Path(directory) / "one")) == 1 + len(syncs) - 65


def test_files_are_not_merged_up_to_the_limit(tmp_path: Path) -> None:
    """Sixty-four syncs are sixty-four files."""
    ledger = lookup_ledger(tmp_path)
    for _ in range(64):
        ledger.add([known("a", 1)], at=NOW)
    assert len(list_names(tmp_path / "one")) == 64


def test_generations_know_nothing_of_each_other(tmp_path: Path) -> None:
    """A rebuilt lookup begins with an empty ledger."""
    lookup_ledger(tmp_path, "one").add([known("a", 1)], at=NOW)
    assert lookup_ledger(tmp_path, "two").is_empty()


def test_other_generations_are_forgotten(tmp_path: Path) -> None:
    """What belongs to earlier builds is removed, what belongs to this one stays."""
    for generation in ("one", "two", "three"):
        lookup_ledger(tmp_path, generation).add([known(generation, 1)], at=NOW)
    lookup_ledger(tmp_path, "two").forget_other_builds()
    assert list_names(tmp_path) == ["two"]
    assert list(lookup_ledger(tmp_path, "two").known()) == [known("two", 1)]


# Alerts ---------------------------------------------------------------------------------------------------------------


def test_alert_round_trip(tmp_path: Path) -> None:
    """A confirmed alert is on record for whoever opens the ledger later; others are not."""
    entries = [alert_in_hour(f"a{number}", number % 5) for number in range(100)]
    EventLedger(tmp_path).add(entries, at=NOW)
    later = EventLedger(tmp_path)
    assert all(entry in later for entry in entries)
    assert alert_in_hour("other", 0) not in later


def test_entry_belongs_to_the_hour_of_its_own_time() -> None:
    """The last microsecond of an hour and the first of the next are two hours."""
    assert entry_of("a", FIRST_HOUR_US + HOUR_US - 1).hour == "20260101T00"
    assert entry_of("a", FIRST_HOUR_US + HOUR_US).hour == "20260101T01"


def test_entry_before_1970_is_an_entry() -> None:
    """A time before the epoch is a time."""
    assert entry_of("a", -1).hour == "19691231T23"


def test_concurrent_runs_see_each_other_after_refresh(tmp_path: Path) -> None:
    """What another run confirmed is known after the next look, not before, and nothing is lost."""
    one, two = EventLedger(tmp_path), EventLedger(tmp_path)
    first, second = alert_in_hour("first", 0), alert_in_hour("second", 0)
    assert first not in two
    one.add([first], at=NOW)
    two.add([second], at=NOW)
    assert first not in two
    two.refresh([first])
    assert first in two
    later = EventLedger(tmp_path)
    assert first in later
    assert second in later


def test_adding_before_looking_does_not_hide_the_hour(tmp_path: Path) -> None:
    """A run that records an hour it never looked at finds what others recorded there once it looks."""
    EventLedger(tmp_path).add([alert_in_hour("first", 0)], at=NOW)
    ledger = EventLedger(tmp_path)
    ledger.add([alert_in_hour("second", 0)], at=NOW)
    assert alert_in_hour("first", 0) in ledger


def test_prune_forgets_whole_hours_before(tmp_path: Path) -> None:
    """Hours that ended before the limit are forgotten and counted; the hour of the limit stays."""
    entries = [alert_in_hour(f"a{hour}", hour) for hour in range(4)]
    EventLedger(tmp_path).add(entries, at=datetime(2026, 1, 1, 2, tzinfo=UTC))
    assert EventLedger(tmp_path).prune(before=datetime(2026, 1, 1, 2, 30, tzinfo=UTC)) == 2
    later = EventLedger(tmp_path)
    assert [entry in later for entry in entries] == [False, False, True, True]


def test_old_alerts_that_were_confirmed_of_late_are_kept(tmp_path: Path) -> None:
    """An overlap reads again what was just confirmed, however old it is; later it is forgotten with its hour."""
    entries = [alert_in_hour(f"a{hour}", hour) for hour in range(60)]
    EventLedger(tmp_path).add(entries, at=NOW + timedelta(days=90))
    assert EventLedger(tmp_path).prune(before=NOW + timedelta(days=60)) == 0
    assert all(entry in EventLedger(tmp_path) for entry in entries)
    assert EventLedger(tmp_path).prune(before=NOW + timedelta(days=91)) == 60
    assert not any(entry in EventLedger(tmp_path) for entry in entries)


def test_hour_pruned_while_it_is_looked_at_holds_nothing(tmp_path: Path) -> None:
    """A file that another run prunes between the list of an hour and its reading is not missed."""
    ledger = EventLedger(tmp_path)
    ledger.add([alert_in_hour("a", 0)], at=NOW)
    name = list_names(tmp_path / "20260101T00")[0]
    (tmp_path / "20260101T00" / name).unlink()
    (tmp_path / "20260101T00" / name).symlink_to(tmp_path / "pruned")  # listed, and gone when it is opened
    assert alert_in_hour("a", 0) not in EventLedger(tmp_path)


def test_undated_alerts_are_kept_together(tmp_path: Path) -> None:
    """Alerts without a time of their own are on record in one place."""
    entry = entry_of("a", None)
    assert entry.is_undated
    EventLedger(tmp_path).add([entry], at=NOW)
    assert entry in EventLedger(tmp_path)
    assert alert_in_hour("a", 0) not in EventLedger(tmp_path)


def test_undated_alerts_are_pruned_by_their_confirmation(tmp_path: Path) -> None:
    """Without a time of its own an alert is forgotten by when it was confirmed."""
    old, new = entry_of("old", None), entry_of("new", None)
    EventLedger(tmp_path).add([old], at=NOW)
    EventLedger(tmp_path).add([new], at=NOW + timedelta(days=2))
    EventLedger(tmp_path).prune(before=NOW + timedelta(days=1))
    later = EventLedger(tmp_path)
    assert (old in later, new in later) == (False, True)


def test_prune_of_nothing(tmp_path: Path) -> None:
    """A stream that confirmed nothing yet has nothing to forget."""
    assert EventLedger(tmp_path / "absent").prune(before=NOW) == 0


@given(st.text())
def test_any_text_is_an_id(identity: str) -> None:
    """An id of any characters, lone surrogates too, has a digest of 16 bytes."""
    assert len(entry_of(identity + "\udfff", 0).digest) == 16
