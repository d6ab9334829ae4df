"""The pace of requests: one limit for all threads of a client, which slow down together where the service wants it."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field

_FIRST_INTERVAL_S = 0.1
_MAX_INTERVAL_S = 5.0
_SPEED_UP = 0.98


@dataclass(slots=True)
class RequestCounts:
    """Counts of a client.

    ``sent`` counts attempts, ``retries`` those that repeat another. ``waits`` counts the times that an attempt waited
    for its turn or after a failure, ``waited_s`` their seconds; waits in parallel count each. ``busy_s`` counts the
    seconds of all attempts in the same way.
    """

    sent: int = 0
    retries: int = 0
    waits: int = 0
    waited_s: float = 0.0
    busy_s: float = 0.0


@dataclass(slots=True)
class Pace:
    """When the requests of one client may begin. It neither waits nor knows the time, and can be used by all threads.

    A 429, or a Retry-After, holds all requests. After it they begin one by one, with an interval that each further
    429 doubles and each accepted answer shortens, so that they do not all come at once and are refused again.

    :param requests_per_second: how many requests may begin in a second; None for no limit.
    """

    requests_per_second: float | None = None
    counts: RequestCounts = field(default_factory=RequestCounts)
    _interval_s: float = field(default=0.0, init=False)
    _next: float = field(default=-math.inf, init=False)
    _held_until: float = field(default=-math.inf, init=False)
    _slowed_at: float = field(default=-math.inf, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def turn(self, now: float) -> float:
        """Return when a request that is ready now may begin. Ask again if all requests are held then."""
        with self._lock:
            begin = max(now, self._next)
            self._next = begin + max(self._interval_s, self._usual_interval_s)
            return begin

    def held_s(self, now: float) -> float:
        """Return for how many seconds from now on no request may begin."""
        return max(0.0, self._held_until - now)

    def hold(self, until: float, *, now: float, began: float) -> float:
        """Let no request begin before ``until``; return by how many seconds this prolongs the wait.

        :param began: when the refused request began. Refusals of requests that began together lengthen the interval
            only once.
        """
        with self._lock:
            if began >= self._slowed_at:
                self._slowed_at = now
                self._interval_s = min(max(2 * self._interval_s, _FIRST_INTERVAL_S), _MAX_INTERVAL_S)
            longer_s = max(0.0, until - max(now, self._held_until))
            self._held_until = max(until, self._held_until)
            self._next = max(self._next, self._held_until)
            return longer_s

    def speed_up(self) -> None:
        """Shorten the interval, after an accepted answer."""
        with self._lock:
            self._interval_s = self._interval_s * _SPEED_UP if self._interval_s > _FIRST_INTERVAL_S / 10 else 0.0

    def count(self, *, sent: int = 0, retries: int = 0, waited_s: float = 0.0, busy_s: float = 0.0) -> None:
        """Add to the counts."""
        with self._lock:
            self.counts.sent += sent
            self.counts.retries += retries
            self.counts.waits += waited_s > 0
            self.counts.waited_s = round(self.counts.waited_s + waited_s, 3)
            self.counts.busy_s = round(self.counts.busy_s + busy_s, 3)

    @property
    def _usual_interval_s(self) -> float:
        return 1 / self.requests_per_second if self.requests_per_second else 0.0
