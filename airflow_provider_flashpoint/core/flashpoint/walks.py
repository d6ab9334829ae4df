"""The ways through the pages of one window. None of them knows a socket: each asks through a function.

``walk_offsets``   pages by number of records skipped, with a ceiling on how far one may skip
``walk_scroll``    pages by a scroll id that the server holds, without a ceiling
``walk_links``     pages by a token taken from the link to the next page
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from airflow_provider_flashpoint.core.codec import encode
from airflow_provider_flashpoint.core.flashpoint.page import Page, Record
from airflow_provider_flashpoint.core.flashpoint.read_ahead import Place, ReadAhead, ReadAt
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import PagingLoopError, TransientError

_SCROLL_ATTEMPTS = 5

_log = logging.getLogger(__name__)

ReadNext = Callable[[Window, str | None], Page]


class _Moved(Exception):
    """The pages of a window may not show all of its records; those of so many ``parts`` of it may."""

    def __init__(self, reason: str, *, parts: int = 2) -> None:
        self.parts = parts
        super().__init__(reason)


def walk_offsets(
    window: Window,
    read: ReadAt,
    *,
    page_size: int,
    ceiling: int,
    id_of: Callable[[Record], Any],
    otherwise: Callable[[Window], Iterator[Page]],
    ahead: int = 1,
) -> Iterator[Page]:
    """Yield every record of ``window`` at least once, in pages read by offset.

    Each page begins with the last record of the one before, unchanged: then none between the two was missed. Where it
    does not, a record was updated meanwhile and left its place, so another may have been missed. Then, and where the
    window holds more than ``ceiling`` records, the window is read again in parts, down to windows of a second, which
    ``otherwise`` reads. It also reads a window whose pages showed fewer records than the server counts, as happens
    where equal records are put in another order at every request. What is read again comes more than once.

    :param read: returns the page of a window that skips so many records; called from several threads.
    :param ceiling: the server's limit on records skipped plus page size.
    :param id_of: what tells records apart.
    :param ahead: how many requests may be under way at once; twice as many pages are kept until their turn.
    """
    windows = deque([window])
    with ReadAhead(read, ahead) as pages:
        while windows:
            current = windows.popleft()
            try:
                yield from _pages_by_offset(current, pages, page_size, ceiling, id_of, windows)
            except _Moved as reason:
                pages.forget()  # what moved may have gone where was read already
                parts = _split(current, reason.parts)
                if len(parts) == 1:
                    _log.info("%s %s; it is read by scroll.", current, reason)
                    yield from otherwise(current)
                else:
                    _log.info("%s %s; it is read in %d parts.", current, reason, len(parts))
                    windows.extendleft(reversed(parts))


def _pages_by_offset(
    window: Window,
    pages: ReadAhead,
    page_size: int,
    ceiling: int,
    id_of: Callable[[Record], Any],
    later: Iterable[Window],
) -> Iterator[Page]:
    def after(skips: Iterable[int]) -> Iterator[Place]:
        """Name the pages that are likely to be asked for, in their order: those of ``skips``, then of later windows."""
        yield from ((window, skip) for skip in skips)
        for each in later:
            yield each, 0
            begun = pages.known(each, 0)
            if begun is not None and begun.total is not None:
                with contextlib.suppress(_Moved):
                    yield from ((each, skip) for skip in _skips(begun, page_size, ceiling))

    first = pages.read(window, 0, after(()))
    size = _size(first, page_size)
    skips = _skips(first, page_size, ceiling)
    yield first
    total = first.total or 0
    seen = set(map(id_of, first.records))
    last = first
    for number, skip in enumerate(skips, start=1):
        if len(last.records) < size:
            break
        page = pages.read(window, skip, after(skips[number:]) if first.total is not None else ())
        if page.records[:1] != last.records[-1:]:
            raise _Moved("changed while it was read")
        fresh = page.records[1:]
        if fresh:
            yield Page(fresh, total=page.total)
        seen.update(map(id_of, fresh))
        total = max(total, page.total or 0)
        last = page
    else:
        if len(last.records) >= size:
            raise _Moved("holds more records than can be paged through")
    if len(seen) < total:
        raise _Moved(f"showed {len(seen)} of {total} records", parts=1)


def _size(first: Page, page_size: int) -> int:
    """Return how many records a full page has: fewer than asked for, where the server's pages are smaller."""
    if first.total is not None and 2 <= len(first.records) < min(first.total, page_size):
        return len(first.records)
    return page_size


def _skips(first: Page, page_size: int, ceiling: int) -> range:
    """Return how many records each page after the first skips.

    :raises _Moved: the window holds more records than can be paged through.
    """
    size = _size(first, page_size)
    step = size - 1
    skips = range(step, ceiling - page_size + 1, step)
    if first.total is None:
        return skips
    within_reach = (skips[-1] if skips else 0) + size
    if first.total > within_reach:
        raise _Moved(
            f"holds {first.total} records, more than the {within_reach} that can be paged through",
            parts=max(2, -(-first.total // within_reach)),
        )
    return range(step, min(skips.stop, max(first.total, size)), step)


def _split(window: Window, parts: int) -> list[Window]:
    """Return so many parts of a window, met on whole seconds; fewer where there are fewer seconds."""
    if parts == 1:
        return [window]
    span = window.end - window.start
    cuts = {(window.start + span * number / parts).replace(microsecond=0) for number in range(1, parts)}
    bounds = [window.start, *sorted(cut for cut in cuts if cut > window.start), window.end]
    if len(bounds) == 2:  # no cut lies inside
        return list(window.halves() or (window,))
    return [Window(start, end) for start, end in itertools.pairwise(bounds)]


def walk_scroll(window: Window, read: ReadNext, close: Callable[[str], None]) -> Iterator[Page]:
    """Yield the pages of ``window`` until an empty one, always with the latest scroll id; then close the scroll.

    A scroll cannot be asked for the same page again, so one whose answer was lost is begun anew: its pages come more
    than once.

    :param read: returns the first page for None, else the one after a scroll id; it must ask only once.
    :raises PagingLoopError: a page came a second time in one scroll.
    :raises TransientError: the scroll broke `_SCROLL_ATTEMPTS` times.
    """
    for attempt in range(1, _SCROLL_ATTEMPTS + 1):
        try:
            yield from _scroll_once(window, read, close)
        except TransientError as error:
            if attempt == _SCROLL_ATTEMPTS:
                raise
            _log.warning("%s The scroll over %s is begun anew.", error, window)
        else:
            return


def _scroll_once(window: Window, read: ReadNext, close: Callable[[str], None]) -> Iterator[Page]:
    scroll_id: str | None = None
    seen: set[bytes] = set()
    try:
        while True:
            page = read(window, scroll_id)
            scroll_id = page.next or scroll_id
            if not page.records:
                return
            digest = hashlib.sha256(encode(page.records)).digest()
            if digest in seen:
                raise PagingLoopError(f"The scroll over {window} brought the same page twice.")
            seen.add(digest)
            yield page
            if scroll_id is None:
                return
    finally:
        if scroll_id is not None:
            close(scroll_id)


def walk_links(window: Window, read: ReadNext) -> Iterator[Page]:
    """Yield the pages of ``window`` until one names no next page. An empty page is not the end.

    :raises PagingLoopError: a page named a next page that had been read before.
    """
    seen: set[str] = set()
    token: str | None = None
    while True:
        page = read(window, token)
        if page.records:
            yield page
        token = page.next
        if token is None:
            return
        if token in seen:
            raise PagingLoopError(
                f"The walk over {window} was sent to the same next page twice, after {len(seen)} pages."
            )
        seen.add(token)
