"""Scrolls: walks through a whole selection, page by page, with an id that changes with each page."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from time import monotonic

from sandbox.http_service.message import Refusal, Request


@dataclass
class _Scroll:
    keys: Iterator[int]
    limit: int
    ends_at: float


class Scrolls:
    """The open scrolls.

    An id is valid for one page, which is returned with the next id. So a client that keeps using its first id
    fails at once, and a client that lost an answer cannot skip a page unnoticed.

    :param lifetime_s: seconds until an unused id expires.
    :param clock: monotonic seconds.
    """

    def __init__(self, lifetime_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, _Scroll] = {}

    def __len__(self) -> int:
        return len(self._open)

    def start(self, keys: Iterator[int], limit: int) -> tuple[list[int], str]:
        """Return the first page of keys and the id of the next."""
        return self._turn(_Scroll(keys, limit, 0.0))

    def next_page(self, scroll_id: str) -> tuple[list[int], str]:
        """Return the page of keys for an id, and the id of the next page; no keys at the end.

        :raises Refusal: 404, the id is unknown, used, closed or expired.
        """
        return self._turn(self._take(scroll_id))

    def close(self, scroll_id: str) -> None:
        """Forget the scroll.

        :raises Refusal: 404, the id is unknown, used, closed or expired.
        """
        self._take(scroll_id)

    def _turn(self, scroll: _Scroll) -> tuple[list[int], str]:
        page = list(islice(scroll.keys, scroll.limit))
        scroll_id = secrets.token_urlsafe(24)
        scroll.ends_at = self._clock() + self._lifetime_s
        with self._lock:
            self._open[scroll_id] = scroll
        return page, scroll_id

    def _take(self, scroll_id: str) -> _Scroll:
        with self._lock:
            scroll = self._open.pop(scroll_id, None)
        if scroll is None or scroll.ends_at < self._clock():
            raise Refusal(404, {"detail": "No scroll with this id"})
        return scroll


def scroll_id_of(request: Request) -> str:
    """Return the id in the body of a request.

    :raises Refusal: 400, the body is not an object with ``scroll_id`` alone.
    """
    value = request.json()
    if not isinstance(value, dict) or set(value) != {"scroll_id"} or not isinstance(value["scroll_id"], str):
        raise Refusal(400, {"detail": "Invalid body: scroll_id"})
    return value["scroll_id"]
