"""Windows, and the formats of times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.window import Window, as_utc, epoch_us, format_instant, parse_instant
from airflow_provider_flashpoint.errors import ConfigurationError

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
NOON_US = 1_704_110_400_000_000
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@st.composite
def windows(draw: st.DrawFn, least_us: int = 1) -> Window:
    start = draw(INSTANTS)
    length_us = st.integers(least_us, 5 * 10**6) | st.integers(least_us, 10**13)
    return Window(start, start + timedelta(microseconds=draw(length_us)))


@given(windows(least_us=1_000_001))
def test_halves_tile(window: Window) -> None:
    """Two halves meet without gap or overlap, and reach from end to end."""
    first, second = window.split(2)
    assert (first.start, first.end, second.end) == (window.start, second.start, window.end)


@given(windows())
def test_halves_meet_on_a_second(window: Window) -> None:
    """A window is halved exactly where a whole second lies inside, and on such a second."""
    second = window.start.replace(microsecond=0) + timedelta(seconds=1)
    halves = window.split(2)
    assert (len(halves) == 2, len(halves) == 1 or halves[0].end.microsecond == 0) == (second < window.end, True)


@given(windows())
def test_request_bounds_cover(window: Window) -> None:
    """The bounds of a request start before the window, so exclusive bounds lose nothing."""
    start, end = window.request_bounds()
    assert start < window.start
    assert window.end <= end


@given(windows())
def test_request_bounds_are_whole_seconds(window: Window) -> None:
    """The bounds of a request are whole seconds, less than two seconds outside the window."""
    for bound, edge in zip(window.request_bounds(), (window.start, window.end), strict=True):
        assert len(format_instant(bound)) == len("2024-01-01T00:00:00Z")
        assert abs(bound - edge) < timedelta(seconds=2)


def test_naive_is_utc() -> None:
    """A naive time is taken as UTC, whatever the zone of the machine."""
    assert as_utc(datetime(2024, 1, 1, 12)) == NOON


def test_pendulum_becomes_plain() -> None:
    """A pendulum time becomes a plain datetime of the same instant."""
    moved = as_utc(pendulum.datetime(2024, 1, 1, 14, tz="Europe/Helsinki"))
    assert (type(moved), moved) == (datetime, NOON)


def test_naive_pendulum_becomes_plain() -> None:
    """A pendulum time without a zone becomes a plain datetime in UTC, too."""
    moved = as_utc(pendulum.naive(2024, 1, 1, 12))
    assert (type(moved), moved) == (datetime, NOON)


@pytest.mark.parametrize("length", [timedelta(0), timedelta(seconds=-1)])
def test_empty_window(length: timedelta) -> None:
    """A window that is empty or runs backwards is an error."""
    with pytest.raises(ConfigurationError, match="`from` must be before `to`"):
        Window(NOON, NOON + length)


@pytest.mark.parametrize(("hours", "start"), [(-1, NOON - timedelta(hours=1)), (1, NOON)])
def test_widened_backwards_only(hours: int, start: datetime) -> None:
    """A window is widened to an earlier start and never narrowed to a later one."""
    window = Window(NOON, NOON + timedelta(hours=2))
    assert window.widened_to(NOON + timedelta(hours=hours)).start == start


@given(INSTANTS)
def test_instant_round_trip(instant: datetime) -> None:
    """A formatted time is parsed as the same time."""
    assert parse_instant(format_instant(instant)) == instant


@pytest.mark.parametrize("text", ["", "yesterday", "2024-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_no_instant(text: str) -> None:
    """The error of an invalid time names its argument."""
    with pytest.raises(ConfigurationError, match=r"^since is "):
        parse_instant(text, name="since")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1704110400, NOON_US),
        (1704110400.25, NOON_US + 250_000),
        ("1704110400", NOON_US),
        ("1704110400.25", NOON_US + 250_000),
        (1704110400123, NOON_US + 123_000),
        ("1704110400123", NOON_US + 123_000),
        ("2024-01-01T12:00:00Z", NOON_US),
        ("2024-01-01T12:00:00.000001Z", NOON_US + 1),
        ("2024-01-01T14:00:00+02:00", NOON_US),
        ("2024-01-01T12:00:00", NOON_US),
        ("2024-01-01 12:00:00", NOON_US),
        (0, 0),
        (-1, -1_000_000),
    ],
)
def test_epoch_us(value: object, expected: int) -> None:
    """Every format of time in records gives its microseconds."""
    assert epoch_us(value) == expected


@pytest.mark.parametrize(
    ("window", "bounds"),
    [
        (
            Window(datetime.min.replace(tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
            ("0001-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ),
        (
            Window(datetime(2026, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
            ("2025-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ),
    ],
    ids=["first", "last"],
)
def test_request_bounds_at_the_ends_of_time(window: Window, bounds: tuple[str, str]) -> None:
    """A window that starts or ends where datetime does is requested up to there."""
    assert tuple(map(format_instant, window.request_bounds())) == bounds


NO_TIMES = [None, True, "", "soon", [], {}, float("nan"), float("inf"), 10**400, "9" * 400, 10**15, -(7 * 10**10)]


BEYOND = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]


@pytest.mark.parametrize("value", [*NO_TIMES, *BEYOND], ids=lambda value: repr(value)[:20])
def test_no_time(value: object) -> None:
    """A value that is not a time of datetime is None, and never an error."""
    assert epoch_us(value) is None


@given(st.integers(-(10**15), 10**15))
def test_any_number_is_a_time_or_none(value: int) -> None:
    """A number that counts as a time fits a datetime."""
    moment_us = epoch_us(value)
    assert moment_us is None or datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment_us)


@given(INSTANTS, st.integers(-14 * 60, 14 * 60))
def test_epoch_us_of_any_offset(instant: datetime, minutes: int) -> None:
    """The offset of a text does not move its instant by a microsecond."""
    text = instant.astimezone(timezone(timedelta(minutes=minutes))).isoformat()
    assert epoch_us(text) == (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
