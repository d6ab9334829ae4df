"""Windows: half-open spans of time ``[from, to)`` in UTC; and the formats of times.

A run reads the window of its data interval from Flashpoint, and its end becomes the checkpoint.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from airflow_provider_flashpoint.errors import ConfigurationError

_ONE_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(microsecond=0, tzinfo=UTC)
_EARLIEST_EPOCH_S = -62_135_596_800  # 0001-01-01T00:00:00Z, the first second that datetime can hold
_LATEST_EPOCH_S = 253_402_300_799  # 9999-12-31T23:59:59Z, the last one
_MILLISECONDS_FROM = 1e11  # an epoch number this large, read as seconds, would lie in the year 5138


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The times ``start <= t < end``, both aware and in UTC.

    :raises ConfigurationError: the window is empty or reversed.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", as_utc(self.start))
        object.__setattr__(self, "end", as_utc(self.end))
        if self.start >= self.end:
            raise ConfigurationError(
                f"The window from {self.start.isoformat()} to {self.end.isoformat()} is empty: "
                "`from` must be before `to`."
            )

    def __str__(self) -> str:
        return f"[{format_instant(self.start)}, {format_instant(self.end)})"

    def to_dict(self) -> dict[str, str]:
        """Return ``{"from": ..., "to": ...}``, as in a summary."""
        return {"from": format_instant(self.start), "to": format_instant(self.end)}

    def widened_to(self, start: datetime) -> Window:
        """Return this window with its start moved back to ``start``; never forward."""
        return Window(min(self.start, as_utc(start)), self.end)

    def share_before(self, moment: datetime) -> float:
        """Return the share of the window that lies before a time in it."""
        return (moment - self.start) / (self.end - self.start)

    def split(self, parts: int) -> list[Window]:
        """Return the window in ``parts``, cut at whole seconds; in fewer parts if it has fewer seconds."""
        cuts: set[datetime] = set()
        for number in range(1, parts):
            cut = (self.start + (self.end - self.start) * number / parts).replace(microsecond=0)
            cuts.add(cut if cut > self.start else cut + _ONE_SECOND)
        bounds = [self.start, *sorted(cut for cut in cuts if cut < self.end), self.end]
        return [Window(start, end) for start, end in itertools.pairwise(bounds)]

    def request_bounds(self) -> tuple[datetime, datetime]:
        """Return the bounds for a request: whole seconds, and one second early at the start.

        Not every endpoint documents whether its bounds are inclusive. With one second more, neighbouring windows
        overlap in any case, and reading a record twice is harmless. The first and the last second of datetime stay.
        """
        start = self.start.replace(microsecond=0)
        if start > _EARLIEST:
            start -= _ONE_SECOND
        end = self.end.replace(microsecond=0)
        if end < self.end and end < _LATEST:
            end += _ONE_SECOND
        return start, end


def as_utc(instant: datetime) -> datetime:
    """Return ``instant`` as a plain datetime in UTC; a naive one counts as UTC."""
    moved = instant if instant.tzinfo is None else instant.astimezone(UTC)
    return datetime(*moved.timetuple()[:6], moved.microsecond, tzinfo=UTC)  # removes the subclass of pendulum


def format_instant(instant: datetime) -> str:
    """Return ``YYYY-MM-DDTHH:MM:SS[.ffffff]Z``."""
    return as_utc(instant).isoformat().replace("+00:00", "Z")


def parse_instant(text: str, *, name: str = "time") -> datetime:
    """Return the time of an ISO 8601 text; without an offset it is UTC.

    :param name: the argument or key of the text, for the message.
    :raises ConfigurationError: the text is not a time in ISO 8601.
    """
    try:
        return as_utc(datetime.fromisoformat(text.strip()))
    except (ValueError, AttributeError, OverflowError) as error:
        raise ConfigurationError(
            f"{name} is {text!r}; it must be a time in ISO 8601, such as 2026-02-07T00:00:00Z."
        ) from error


def epoch_us(value: object) -> int | None:
    """Return the microseconds since 1970 of a time in a record, None where the value is not a time.

    Formats: epoch seconds or milliseconds as int, float or text; ISO 8601 with or without fraction and offset;
    ``YYYY-MM-DD hh:mm:ss``. A text without an offset is UTC.
    """
    number = value
    if isinstance(value, str):
        if value[4:5] == "-" and (moment_us := _iso_us(value)) is not None:  # the usual case, and the fastest
            return moment_us
        try:
            number = float(value) if "." in value else int(value)
        except ValueError:
            return _iso_us(value)
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return None
    if not abs(number) <= _LATEST_EPOCH_S * 1000:  # true for NaN too
        return None
    seconds = number / 1000 if abs(number) >= _MILLISECONDS_FROM else number
    return round(seconds * 1_000_000) if seconds >= _EARLIEST_EPOCH_S else None


def _iso_us(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment_us = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    return moment_us if _EARLIEST_EPOCH_S <= moment_us // 1_000_000 <= _LATEST_EPOCH_S else None
