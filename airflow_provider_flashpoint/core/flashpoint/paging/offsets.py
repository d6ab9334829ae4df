"""Pages by number of records skipped, with a limit on how many records can be skipped."""

from __future__ import annotations

import contextlib
import math
from collections import Counter, deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field

from airflow_provider_flashpoint.core.flashpoint.page import Answer, Page
from airflow_provider_flashpoint.core.flashpoint.paging.paginators import PageReader, Scroll, check_count
from airflow_provider_flashpoint.core.flashpoint.paging.read_ahead import ReadAhead
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import DataError, ServerError

_MAX_PARTS = 1000  # of one split; the parts are split again
_MOST_PAGES = 10  # of a window; a longer one is read in parts, so that a pull can keep what is complete
_PAGES_OF_PART = 5
_MAX_READS = 5  # of a second that cannot be read by a fallback

_Place = tuple[Window, int]
"""A page: its window, and how many records of it are skipped."""

_log = logger(__name__)


class Incomplete(Exception):
    """The pages of a window may miss records, so the window is read again in ``parts``; by the fallback if one.

    ``is_out_of_reach`` says that the window holds more records than can be paged through, however often it is read.
    """

    def __init__(self, reason: str, *, parts: int = 2, is_out_of_reach: bool = False) -> None:
        self.parts = parts
        self.is_out_of_reach = is_out_of_reach
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offsets:
    """Pages by offset, read ahead.

    The end is where the server's count is reached. Without a count, the page behind the last record must be empty, and
    that record still in its place. A short page proves nothing, since a server may send fewer records than requested.
    Each page starts with the last record of the page before. If that record is
    unchanged, no record between the two pages was missed. If it differs, a record was updated meanwhile and moved.
    Then the window is read again in parts, down to one second; so is a window with more than ``ceiling`` records, or
    with more than ten pages.
    ``fallback`` reads a window of one second, and a window whose pages showed fewer records than the server counts:
    some servers change the order of equal records with every request. Records that are read again come more than once.
    In the end, fewer records than the server counts are an error. Without a fallback, a second that changes at every
    reading is an error too, and so is one that holds more records than can be paged through.

    :param parameter: the number of records skipped.
    :param ceiling: the server's limit on records skipped plus page size.
    """

    parameter: str
    ceiling: int
    fallback: Scroll | None

    def pages(self, window: Window, reader: PageReader) -> Iterator[Page]:
        """Yield pages with each record of ``window`` at least once, in the server's order."""

        def read(place: _Place) -> Answer:
            part, skip = place
            request = reader.request(part, {self.parameter: skip})
            return reader.read(request, records_key=reader.endpoint.records_key)

        with ReadAhead(read, reader.requests_in_flight) as ahead:
            yield from _Walk(self, reader, ahead).pages(window)


@dataclass(slots=True)
class _Walk:
    """One reading of a window and its parts.

    ``later`` holds the parts that follow the current one. ``counted`` is the server's count of records in the current
    one, ``step`` the distance between its pages. ``likely_skips`` holds how many records the pages after the first
    skip, in a part whose count is not known yet. ``records`` is the number of different records that came, ``again``
    how often a window was read again as a whole.
    """

    offsets: Offsets
    reader: PageReader
    ahead: ReadAhead[_Place]
    later: deque[Window] = field(default_factory=deque)
    counted: int | None = None
    step: int = 1
    likely_skips: range = range(0)
    records: int = 0
    again: Counter[Window] = field(default_factory=Counter)

    def pages(self, window: Window) -> Iterator[Page]:
        self.later.append(window)
        whole = 0
        while self.later:
            current = self.later.popleft()
            self.counted = None
            try:
                yield from self._pages_by_offset(current)
            except Incomplete as reason:
                self.ahead.forget()  # a record may have moved to a page that was already read
                parts = current.split(reason.parts if self.offsets.fallback else max(2, reason.parts))
                if len(parts) == 1:
                    yield from self._by_fallback(current, reason)
                else:
                    _log.info("%s %s; it is read in %d parts.", current, reason, len(parts))
                    self.later.extendleft(reversed(parts))
                    end = min((self.counted or 0) // len(parts), self._last_skip + 1)
                    self.likely_skips = range(self.step, end, self.step)
            self._forget(current)
            if current == window:
                whole = self.counted or 0
            if self.later:
                self.reader.complete_to = self.later[0].start.replace(microsecond=0)
        check_count(window, self.reader, self.records, whole)
        self.reader.complete_to = window.end.replace(microsecond=0)

    @property
    def _last_skip(self) -> int:
        """The most records that can be skipped before a full page."""
        return self.offsets.ceiling - self.reader.endpoint.page_size

    def _forget(self, window: Window) -> None:
        """Drop the pages of a window that were requested in vain."""
        self.ahead.forget(lambda place: place[0] == window)

    def _by_fallback(self, window: Window, reason: Incomplete) -> Iterator[Page]:
        """Yield the pages of a window that cannot be split.

        :raises ServerError: there is no fallback, and the window did not come to rest.
        :raises DataError: there is no fallback, and the window holds more records than can be paged through.
        """
        if self.offsets.fallback is None:
            if reason.is_out_of_reach:
                raise DataError(
                    f"{self.reader.endpoint.path}: {window} {reason}, and cannot be read in parts. Another attempt "
                    'does not help. Read fewer records with `filters`, and trigger the DAG with {"accept_change": '
                    "true} once."
                ) from reason
            self.again[window] += 1
            if self.again[window] > _MAX_READS:
                raise ServerError(
                    f"{self.reader.endpoint.path}: {window} {reason}, and cannot be read in parts. Run the task again."
                ) from reason
            self.later.appendleft(window)
            return
        _log.info("%s %s; it is read by scroll.", window, reason)
        for page in self.offsets.fallback.pages(window, self.reader, counted=self.counted or 0):
            self.records += len(page)
            yield page

    def _pages_by_offset(self, window: Window) -> Iterator[Page]:
        answer = self._read(window, 0)
        self.step = self._full_page(answer) - 1
        self.likely_skips = self._skips(window, answer)
        seen: set[Hashable] = set()
        yield from self._decoded(answer, 0, seen)
        size = new = reached = len(answer.items)
        while not self._is_end(window, answer, reached):
            if not new:
                raise Incomplete("comes one record at a time", parts=1)
            if len(answer.items) < size:
                self.ahead.forget()  # the pages after it stand elsewhere
            size = len(answer.items)
            answer = self._goes_on_from(answer, self._read(window, reached - 1, step=size - 1))
            yield from self._decoded(answer, 1, seen)
            new = len(answer.items) - 1
            reached += new
        if len(seen) < (self.counted or 0):
            raise Incomplete(f"showed {len(seen)} of {self.counted} records", parts=1)
        self.records += len(seen)

    def _read(self, window: Window, skip: int, *, step: int = 0) -> Answer:
        """Return a page; ``step`` is the likely distance of the pages after it.

        :raises Incomplete: the page is beyond the ceiling.
        """
        if skip > max(0, self._last_skip):
            # Where the server counts, a count beyond reach ended the walk before: the pages became smaller.
            is_out_of_reach = self.counted is None
            raise Incomplete("holds more records than can be paged through", is_out_of_reach=is_out_of_reach)
        skips = range(skip + step, min(self._last_skip + 1, self.counted or 0), step) if step > 0 else ()
        answer = self.ahead.read((window, skip), self._following(window, skips))
        if answer.total is not None:
            self.counted = max(self.counted or 0, answer.total)
        return answer

    def _goes_on_from(self, page: Answer, after: Answer) -> Answer:
        """Return the page ``after``.

        :raises Incomplete: it does not start with the last record of ``page``.
        """
        if not after.items or after.record(0) != page.record(-1):
            raise Incomplete("changed while it was read")
        return after

    def _is_end(self, window: Window, answer: Answer, reached: int) -> bool:
        """Return whether a page that ends at ``reached`` is the last one. A full page never is.

        :raises Incomplete: nothing follows it, but its last record has moved, so another may have moved to its place.
        """
        if not answer.items or len(answer.items) >= self.reader.endpoint.page_size:
            return not answer.items
        if self.counted is not None:
            return reached >= self.counted
        if self._read(window, reached).items:
            return False
        self._goes_on_from(answer, self._read(window, reached - 1))
        return True

    def _decoded(self, answer: Answer, start: int, seen: set[Hashable]) -> Iterator[Page]:
        for page in answer.pages(start):
            seen.update(map(self.reader.endpoint.identity, page))
            yield page

    def _following(self, window: Window, skips: Iterable[int]) -> Iterator[_Place]:
        """Yield the pages that are likely to be read next: those at ``skips``, then those of later windows."""
        yield from ((window, skip) for skip in skips)
        for later in self.later:
            yield later, 0
            first = self.ahead.known((later, 0))
            with contextlib.suppress(Incomplete):
                yield from ((later, skip) for skip in (self._skips(later, first) if first else self.likely_skips))

    def _full_page(self, first: Answer) -> int:
        """Return the number of records in a full page, which may be fewer than requested."""
        is_capped = first.total is not None and 2 <= len(first.items) < min(first.total, self.reader.endpoint.page_size)
        return len(first.items) if is_capped else self.reader.endpoint.page_size

    def _skips(self, window: Window, first: Answer) -> range:
        """Return the number of records that each page after the first skips, none if the server does not count.

        :raises Incomplete: the window holds more records than can be paged through, or than are read at once.
        """
        if first.total is None:
            return range(0)
        size = self._full_page(first)
        step = size - 1
        skips = range(step, self._last_skip + 1, step)
        within_reach = (skips[-1] if skips else 0) + size
        at_once = min(within_reach, _MOST_PAGES * step + 1) if len(window.split(2)) > 1 else within_reach
        if first.total > at_once:
            likely = _PAGES_OF_PART * step + 1
            likely = min(within_reach, max(size, round(likely - 2 * math.sqrt(likely))))  # so that few parts hold more
            raise Incomplete(
                f"holds {first.total} records, more than the {at_once} that are paged through at once",
                parts=min(_MAX_PARTS, max(2, math.ceil(first.total / likely))),
                is_out_of_reach=first.total > within_reach,
            )
        return range(step, min(skips.stop, first.total), step)
