"""Which parts of a window are read next: each is expected to hold a little less than a page."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from airflow_provider_flashpoint.core.window import Window

_OVERLAP_S = 1  # a request begins a second early, see `Window.request_bounds`
_DEVIATIONS = 1.5  # of numbers that are random: one part of fifteen then has more than a page


class _Density(NamedTuple):
    records: int
    seconds: float


class _Region(NamedTuple):
    """A part, or a window that is still to be cut; ``is_descending`` cuts from its end."""

    window: Window
    is_part: bool = False
    is_descending: bool = False


@dataclass(slots=True)
class Plan:
    """The parts of a window that are still to be read, in their order. They are cut as late as possible.

    :param moving_from: the time to which records may move while the window is read. From here on nothing is read
        before its turn.
    :param remembered: how many parts the density is taken from.

    Nothing more is cut where ``is_divisible`` is false.
    """

    window: Window
    _: KW_ONLY
    page_size: int
    moving_from: datetime
    remembered: int
    is_divisible: bool = field(default=True, init=False)
    _left: deque[_Region] = field(default_factory=deque, init=False)
    _densities: deque[_Density] = field(init=False)

    def __post_init__(self) -> None:
        self._left.append(_Region(self.window))
        self._densities = deque(maxlen=self.remembered)

    def around(self, current: Window) -> Window:
        """Return the smallest window around ``current`` and all that is still to be read after it."""
        windows = [current, *(region.window for region in self._left)]
        return Window(min(windows).start, max(window.end for window in windows))

    def take(self) -> Window | None:
        """Return the next part, and remove it."""
        if not self._left:
            return None
        self._cut_at(0)
        return self._left.popleft().window

    def upcoming(self) -> Iterator[Window]:
        """Yield the parts after it, as far as they may be read before their turn."""
        number = 0
        while number < len(self._left):
            self._cut_at(number)
            part = self._left[number].window
            if part.end > self.moving_from:
                return
            yield part
            number += 1

    def add(self, rest: Window, *, is_descending: bool) -> None:
        """Put the rest of the part that was taken last before all others."""
        self._left.appendleft(_Region(rest, is_descending=is_descending))

    def observe(self, records: int, seconds: float, *, is_rest: bool) -> None:
        """Take the density of a part, or with ``is_rest`` that of what was read of it: earlier ones do not count."""
        if is_rest:
            self._densities.clear()
        self._densities.append(_Density(records, seconds))

    def is_divided(self, rest: Window) -> bool:
        """Return whether a window would be read in several parts."""
        return self._border(_Region(rest)) is not None

    def _cut_at(self, number: int) -> None:
        region = self._left[number]
        border = None if region.is_part else self._border(region)
        self._left[number] = region._replace(is_part=True)
        if border:
            halves = [Window(region.window.start, border), Window(border, region.window.end)]
            part, rest = reversed(halves) if region.is_descending else halves
            self._left[number] = _Region(part, is_part=True)
            self._left.insert(number + 1, region._replace(window=rest))

    def _border(self, region: _Region) -> datetime | None:
        """Return where the next part of a region ends, or begins in descending order; None where it is all of it."""
        start, end = region.window.start, region.window.end
        seconds = (end - start).total_seconds()
        parts = max(1, math.ceil(seconds / self._span_s()))
        length = timedelta(seconds=max(1, seconds // parts))
        border = (end - length if region.is_descending else start + length).replace(microsecond=0)
        is_allowed = start < border < end and (region.is_descending or border <= self.moving_from)
        return border if parts > 1 and is_allowed and self.is_divisible else None

    def _span_s(self) -> float:
        """Return the seconds that are expected to hold a little less than a page."""
        if not self._densities:
            return math.inf
        records = 1 + sum(density.records for density in self._densities)
        seconds = sum(density.seconds for density in self._densities)
        expected = max(1.0, self.page_size - _DEVIATIONS * math.sqrt(self.page_size))
        return max(1.0, expected * seconds / records - _OVERLAP_S)
