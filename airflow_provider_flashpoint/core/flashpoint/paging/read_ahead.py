"""Pages that are requested before their turn, so that a slow answer does not delay all that follow."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Self, TypeVar

from airflow_provider_flashpoint.core.flashpoint.page import Answer

BYTES_AHEAD_PER_REQUEST = 9 << 20  # pages of legacy indicators have 6 MB; a long pull takes 99 MiB in all

Place = TypeVar("Place", bound=Hashable)


class ReadAhead(Generic[Place]):
    """Reads pages, and in parallel the pages that are likely to follow. Use as a context manager.

    At most ``requests_in_flight`` requests are under way at once, and at most twice as many pages are kept: a page that
    waits long for its turn, such as the first one of a later window, does not keep others from being requested. All
    pages that wait or are under way take at most `BYTES_AHEAD_PER_REQUEST` times ``requests_in_flight`` (counted as 4
    or more), if none is larger than the largest page so far.

    :param read: returns the page at a place; called from several threads.
    """

    def __init__(self, read: Callable[[Place], Answer], requests_in_flight: int) -> None:
        self._read = read
        self._requests_in_flight = requests_in_flight
        self._max_bytes = BYTES_AHEAD_PER_REQUEST * max(4, requests_in_flight)
        self._largest = 0
        self._pool = ThreadPoolExecutor(max_workers=requests_in_flight, thread_name_prefix="flashpoint-page")
        self._begun: dict[Place, Future[Answer]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # A task that fails or is stopped does not wait for requests that pause for minutes after a 429.
        self._pool.shutdown(wait=kind in (None, GeneratorExit), cancel_futures=True)

    def read(self, place: Place, following: Iterable[Place]) -> Answer:
        """Return a page, and start reading those of ``following``, in their order, as far as the limits allow.

        :raises: the error of reading this page.
        """
        wanted = self._begun.pop(place, None) or self._pool.submit(self._read, place)
        upcoming = iter(following)
        self._begin(upcoming, wanted)
        answer = wanted.result()
        self._largest = max(self._largest, answer.size)
        self._begin(upcoming, wanted)  # while the caller is busy with this page
        return answer

    def known(self, place: Place) -> Answer | None:
        """Return a page that was read ahead, or None if it has not arrived."""
        begun = self._begun.get(place)
        return begun.result() if begun and begun.done() and not begun.exception() else None

    def forget(self, is_stale: Callable[[Place], bool] = lambda place: True) -> None:
        """Drop the pages that were read ahead, by default all of them.

        A request that is under way goes on; its page is neither kept nor counted.
        """
        for place in filter(is_stale, list(self._begun)):
            self._begun.pop(place).cancel()

    def _begin(self, upcoming: Iterator[Place], wanted: Future[Answer]) -> None:
        while self._has_room(wanted):
            place = next(upcoming, None)
            if place is None:
                return
            if place not in self._begun:
                self._begun[place] = self._pool.submit(self._read, place)

    def _has_room(self, wanted: Future[Answer]) -> bool:
        under_way = sum(not begun.done() for begun in (wanted, *self._begun.values()))
        return (
            under_way < self._requests_in_flight
            and len(self._begun) < 2 * self._requests_in_flight
            and (len(self._begun) + 2) * self._largest <= self._max_bytes
        )
