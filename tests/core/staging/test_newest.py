"""The newest row of each key, compared with a plain dictionary."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.staging.indicators.newest import Known, NewestVersions, RowKey, digest_of

ROWS = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 5)), max_size=40)
PAIRS = list[tuple[str, int]]


def entry_of(row: tuple[str, int]) -> Known:
    key, version = row
    return *digest_of(key), version


def survivors(rows: PAIRS, known: PAIRS) -> tuple[set[int], list[tuple[int, int, int]], int]:
    with NewestVersions() as newest:
        newest.add_rows(map(entry_of, rows))
        newest.add_known(map(entry_of, known))
        superseded = newest.superseded()
        kept = {place for place in range(len(rows)) if place not in superseded}
        return kept, sorted(newest.delivered(superseded)), superseded.count


def model(rows: PAIRS, known: PAIRS) -> set[int]:
    """The rule in its own words: the newest row of a key, the later of two equals, unless a newer one is known."""
    latest: dict[str, tuple[int, int]] = {}
    for place, (key, version) in enumerate(rows):
        latest[key] = max((version, place), latest.get(key, (-1, -1)))
    delivered = {key: max(version for other, version in known if other == key) for key, _ in known}
    return {place for key, (version, place) in latest.items() if version == 0 or version >= delivered.get(key, 0)}


@given(ROWS, ROWS)
@settings(deadline=None, max_examples=300)
def test_survivors_are_those_of_the_model(rows: PAIRS, known: PAIRS) -> None:
    """Rows, known versions, ties and rows without a version are selected as by a dictionary."""
    kept, delivered, count = survivors(rows, known)
    expected = model(rows, known)
    assert kept == expected
    assert count == len(rows) - len(expected)
    assert delivered == sorted((*digest_of(rows[place][0]), rows[place][1]) for place in expected)


def test_more_rows_than_are_buffered() -> None:
    """Rows that went to files count like those in memory."""
    rows = [(f"k{number % 10}", number % 7) for number in range(30_000)]
    assert survivors(rows, [])[0] == model(rows, [])


def test_later_of_two_equals_wins() -> None:
    """Of two rows with the same key and version the later one stays."""
    assert survivors([("a", 3), ("a", 3)], [])[0] == {1}


def test_row_of_a_known_version_is_kept() -> None:
    """A row as new as the delivered one is delivered again: a rerun may repair the lookup."""
    assert survivors([("a", 3)], [("a", 3)])[0] == {0}


def test_row_without_version_is_kept_against_what_is_known() -> None:
    """Nothing shows that a row without a version is older than what was delivered."""
    assert survivors([("a", 0)], [("a", 3)])[0] == {0}


def test_row_with_a_version_beats_one_without() -> None:
    """Inside one stage a version is newer than none."""
    assert survivors([("a", 3), ("a", 0)], [])[0] == {0}


@given(ROWS)
def test_oldest_version_is_that_of_a_row_with_one(rows: PAIRS) -> None:
    """The oldest version is that of the rows that have one, whatever was delivered before."""
    with NewestVersions() as newest:
        newest.add_known([(*digest_of("a"), 1)])
        newest.add_rows(map(entry_of, rows))
        assert newest.oldest_version == min((version for _, version in rows if version), default=None)


@given(st.text())
def test_any_text_is_a_key(key: str) -> None:
    """A key of any characters, lone surrogates too, has two numbers of 64 bits."""
    assert all(-(1 << 63) <= number < 1 << 63 for number in digest_of(key + "\ud800"))


@pytest.mark.parametrize(
    ("row", "version"),
    [
        ({"indexed": "1970-01-01T00:00:02Z", "timestamp": 5}, 5_000_000),
        ({"indexed": "1970-01-01T00:00:05Z", "timestamp": 2}, 5_000_000),
        ({"indexed": 5, "timestamp": "1970-01-01T00:00:05.000001Z"}, 5_000_001),
        ({"indexed": 5.5, "timestamp": "5.25"}, 5_500_000),
        ({"indexed": 5, "timestamp": 5}, 5_000_000),
        ({"indexed": -7}, 0),
        ({"timestamp": "5"}, 5_000_000),
        ({"indexed": "never", "timestamp": 5}, 5_000_000),
        ({"indexed": None, "timestamp": True}, 0),
        ({}, 0),
        ({"indexed": 0, "timestamp": 5}, 5_000_000),
        ({"indexed": "", "timestamp": 5}, 5_000_000),
        ({"indexed": "0", "timestamp": 5}, 5_000_000),
        ({"indexed": "1970-01-01T00:00:00Z", "timestamp": 5}, 5_000_000),
        ({"indexed": "0001-01-01T00:00:00Z", "timestamp": 5}, 5_000_000),
        ({"indexed": -7, "timestamp": 5}, 5_000_000),
        ({"indexed": [], "timestamp": {}}, 0),
        ({"indexed": "2999-01-01T00:00:00Z", "timestamp": 5}, 5_000_000),
        ({"indexed": 5, "timestamp": "2999-01-01T00:00:00Z"}, 5_000_000),
        ({"indexed": 32_503_680_000, "timestamp": 5}, 5_000_000),
        ({"indexed": 32_503_680_000_000, "timestamp": "5"}, 5_000_000),
        ({"indexed": "9999-12-31T23:59:59+00:00", "timestamp": 0}, 0),
        ({"indexed": "3000-01-01", "timestamp": "4000-01-01 00:00:00"}, 0),
        ({"indexed": -7, "timestamp": 0}, 0),
    ],
)
def test_version_is_the_newest_time_found(row: dict[str, object], version: int) -> None:
    """The version is the newest of the fields that hold a time after 1970, or 0: an indicator may be observed again."""
    assert RowKey("key", ("indexed", "timestamp")).version_of(row) == version


FUTURE_US = 32_503_680_000_000_000  # the year 3000


@pytest.mark.parametrize(
    ("rows", "known", "kept"),
    [
        ([("a", 5)], [("a", FUTURE_US)], {0}),
        ([("a", 5)], [("a", FUTURE_US), ("a", 4)], {0}),
        ([("a", 5)], [("a", FUTURE_US), ("a", 6)], set()),
        ([("a", FUTURE_US), ("a", 5)], [], {1}),
        ([("a", 5), ("a", FUTURE_US)], [], {0}),
        ([("a", FUTURE_US), ("b", FUTURE_US)], [("a", 7)], {0, 1}),
    ],
)
def test_a_version_in_the_future_keeps_no_correction_away(rows: PAIRS, known: PAIRS, kept: set[int]) -> None:
    """Ledgers and stages may hold versions that are yet to come; they count as none."""
    assert survivors(rows, known)[0] == kept
