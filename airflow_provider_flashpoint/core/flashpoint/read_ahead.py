"""Pages that are asked for before it is their turn, so that a slow answer does not hold up all that follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from airflow_provider_flashpoint.core.flashpoint.page import Page
from airflow_provider_flashpoint.core.window import Window

Place = tuple[Window, int]
"""A page: its window, and how many records of it are skipped."""
ReadAt = Callable[[Window, int], Page]


class ReadAhead:
    """Reads pages, and meanwhile those that are likely to be asked for next. Use as a context manager.

    At most ``limit`` requests are under way at once, and twice as many pages are kept: a page that waits long for its
    turn, such as the first of a later window, must not keep others from being asked for.

    :param read: returns a page; called from several threads.
    """

    def __init__(self, read: ReadAt, limit: int) -> None:
        self._read = read
        self._limit = limit
        self._pool = ThreadPoolExecutor(max_workers=limit, thread_name_prefix="flashpoint-page")
        self._begun: dict[Place, Future[Page]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def read(self, window: Window, skip: int, following: Iterable[Place]) -> Page:
        """Return a page, and begin to read those of ``following``, in their order, as far as the limit allows.

        :raises: what reading this page has raised.
        """
        wanted = self._begun.pop((window, skip), None) or self._pool.submit(self._read, window, skip)
        for place in following:
            under_way = sum(not begun.done() for begun in (wanted, *self._begun.values()))
            if under_way >= self._limit or len(self._begun) >= 2 * self._limit:
                break
            if place not in self._begun:
                self._begun[place] = self._pool.submit(self._read, *place)
        return wanted.result()

    def known(self, window: Window, skip: int) -> Page | None:
        """Return a page that was read ahead and waits for its turn, None where it is not there."""
        begun = self._begun.get((window, skip))
        return begun.result() if begun and begun.done() and not begun.exception() else None

    def forget(self) -> None:
        """Drop what was read ahead."""
        for begun in self._begun.values():
            begun.cancel()
        self._begun.clear()
