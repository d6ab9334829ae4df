"""The ledger of a lookup: keys and versions of the rows that were deployed."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.staging.folders import list_names, remove_tree
from airflow_provider_flashpoint.core.staging.indicators.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.staging.indicators.newest import Known, digest_of

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def known(key: str, version: int) -> Known:
    return (*digest_of(key), version)


def lookup_ledger(directory: Path, generation: str = "one") -> LookupLedger:
    return LookupLedger(directory, build=generation)


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


@pytest.mark.parametrize("read_before", [0, 1, 5, 63, 64])
def test_files_that_another_sync_merges_meanwhile_are_read(tmp_path: Path, read_before: int) -> None:
    """A reader, such as a preview, that has listed files which are merged before it reads them finds all entries."""
    for number in range(64):
        lookup_ledger(tmp_path).add([known(f"k{number}", number)], at=NOW + timedelta(minutes=number))
    reading = lookup_ledger(tmp_path).known()
    found = {next(reading) for _ in range(read_before)}
    lookup_ledger(tmp_path).add([known("k64", 64)], at=NOW + timedelta(days=1))
    assert len(list_names(tmp_path / "one")) == 1
    found |= set(reading)
    assert {known(f"k{number}", number) for number in range(64)} <= found


def test_a_ledger_that_is_removed_meanwhile_is_an_error(tmp_path: Path) -> None:
    """A ledger that is gone is not read as an empty one."""
    for number in range(3):
        lookup_ledger(tmp_path).add([known("a", number)], at=NOW + timedelta(minutes=number))
    reading = lookup_ledger(tmp_path).known()
    next(reading)
    remove_tree(tmp_path / "one")
    with pytest.raises(FileNotFoundError):
        list(reading)


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
