"""Gaps between windows, and how fresh a stream is against its period."""

from __future__ import annotations

import pytest

from airflow_provider_flashpoint.core.window import Window, parse_instant
from airflow_provider_flashpoint.streams.coverage import Freshness, freshness, gaps


def windows(*bounds: tuple[int, int]) -> list[Window]:
    """Return windows from hour to hour of a day."""
    return [Window(*(parse_instant(f"2026-01-01T{hour:02}:00:00Z") for hour in pair)) for pair in bounds]


@pytest.mark.parametrize(
    ("covered", "missing"),
    [
        ([], []),
        ([(1, 2)], []),
        ([(1, 2), (2, 3)], []),
        ([(1, 3), (2, 4)], []),
        ([(1, 2), (4, 5)], [(2, 4)]),
        ([(4, 5), (1, 2)], [(2, 4)]),
        ([(1, 9), (2, 3), (4, 5)], []),
        ([(1, 6), (2, 3), (8, 9)], [(6, 8)]),
        ([(1, 2), (3, 4), (6, 7)], [(2, 3), (4, 6)]),
    ],
)
def test_a_gap_is_a_time_between_windows_that_none_covers(
    covered: list[tuple[int, int]], missing: list[tuple[int, int]]
) -> None:
    """Windows may overlap, hold each other and come in any order; what none of them covers is a gap."""
    [start] = windows((0, 1))
    assert gaps(windows(*covered), since=start.start) == windows(*missing)


@pytest.mark.parametrize(("since", "missing"), [(2, [(2, 4), (5, 7)]), (3, [(3, 4), (5, 7)]), (4, [(5, 7)]), (8, [])])
def test_a_gap_does_not_begin_before_a_time(since: int, missing: list[tuple[int, int]]) -> None:
    """Of a gap that begins earlier, the rest is left; a gap that ends earlier is none."""
    assert gaps(windows((1, 2), (4, 5), (7, 8)), since=windows((since, 9))[0].start) == windows(*missing)


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [
        (None, Freshness.UNKNOWN),
        (0, Freshness.FRESH),
        (600, Freshness.FRESH),
        (601, Freshness.LATE),
        (1800, Freshness.LATE),
        (1801, Freshness.OLD),
        (-60, Freshness.FRESH),
    ],
)
def test_a_stream_is_fresh_for_two_periods_and_late_for_six(age_s: float | None, expected: Freshness) -> None:
    """A checkpoint of up to two periods is fresh, up to six late, and then too old."""
    assert freshness(age_s, 300) is expected


def test_without_a_schedule_no_age_is_late() -> None:
    """A stream whose DAG has no period is neither fresh nor late."""
    assert freshness(10_000, None) is Freshness.UNKNOWN
