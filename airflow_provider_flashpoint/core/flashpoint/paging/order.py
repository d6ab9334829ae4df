"""The order in which the times of records come, and what it says about the records that are still to come."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from airflow_provider_flashpoint.core.window import Window

SKEW_US = 1000
"""How far the time that a server sorts by may be from the time in the record: many indexes keep milliseconds."""

_US_PER_S = 1_000_000
_PROOF = 20  # steps in one direction; records in no order show as many once in 2**20 times at the most

StillToRead = Callable[[Window], None]
"""Called with the part of its window that a walk has not read yet. It may raise an error, which ends the walk."""


def ignore(_: Window) -> None:
    """Let the walk go on."""


def second_before(moment: int) -> datetime:
    """Return the last whole second before all records that may follow one of ``moment``, microseconds since 1970."""
    return datetime.fromtimestamp((moment - SKEW_US) // _US_PER_S, UTC)


@dataclass(slots=True)
class Order:
    """``direction`` is 1 where times ascend, -1 where they descend, 0 where neither, None while all are equal."""

    direction: int | None = None
    steps: int = 0
    last: int | None = None

    def observe(self, moments: Iterable[int | None], *, overlaps: bool = False) -> None:
        """Take the times of records of a page, in the order in which they came; None is no time.

        :param overlaps: the page has records of the page before, so it may begin before the end of that page.
        """
        found = list(moments)
        times = [moment // SKEW_US for moment in found if moment is not None]
        if len(times) < len(found):
            self.direction = 0
        before = [] if overlaps or self.last is None else [self.last // SKEW_US]
        for one, other in itertools.pairwise([*before, *times]):
            step = (one < other) - (one > other)
            if step and self.direction is None:
                self.direction = step
            elif step and step != self.direction:
                self.direction = 0
            self.steps += bool(step)
        self.last = found[-1] if found else self.last

    def still_to_read(self, window: Window) -> Window | None:
        """Return the part of ``window`` that is not read yet, None where the order does not prove it."""
        if self.steps < _PROOF or self.last is None or not self.direction:
            return None
        if self.direction > 0:
            border = second_before(self.last)
            return Window(border, window.end) if window.start < border < window.end else None
        border = second_before(self.last + 2 * SKEW_US) + timedelta(seconds=1)
        return Window(window.start, border) if window.start < border < window.end else None
