"""What the sender does, in the collector's words: how much was sent, how fast, and how long Devo made it wait.

There is no thread: the log is written when lines are sent or a page has come. A sender that waits for Devo reads
nothing meanwhile, so what is on the way never grows.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar

DEFAULT_PERIOD_S = 600.0
DEFAULT_SLOW_S = 5.0

Item = TypeVar("Item")

_log = logging.getLogger(__name__)


class Statistics(Protocol):
    """What was sent so far."""

    @property
    def lines(self) -> int: ...
    @property
    def bytes(self) -> int: ...


class Sender(Protocol):
    """A writer that counts, such as `EventWriter`."""

    @property
    def statistics(self) -> Statistics: ...
    @property
    def unconfirmed(self) -> int: ...
    def write(self, lines: Iterable[bytes]) -> None: ...
    def confirm(self) -> int: ...


class SenderLog:
    """Passes lines on to a sender and says what it does.

    :param period_s: the least time between two sets of statistics.
    :param slow_s: a wait for Devo that is longer is logged.
    """

    def __init__(
        self,
        sender: Sender,
        *,
        period_s: float = DEFAULT_PERIOD_S,
        slow_s: float = DEFAULT_SLOW_S,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sender = sender
        self._period_s = period_s
        self._slow_s = slow_s
        self._clock = clock
        self._now = now
        self._begin()

    def write(self, lines: Sequence[bytes]) -> None:
        """Write lines to the sender; errors are the sender's."""
        with self._timed("take", len(lines)):
            self._sender.write(lines)

    def confirm(self) -> int:
        """Have the sender's lines confirmed and return how many there were; errors are the sender's."""
        with self._timed("confirm", self._sender.unconfirmed):
            return self._sender.confirm()

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield ``items``, and look at the clock at each of them."""
        for item in items:
            self.look()
            yield item

    def look(self) -> None:
        """Say the statistics, if the time has come."""
        if self._clock() - self._since_s >= self._period_s:
            self.say()

    def say(self) -> None:
        """Say what was sent, in all and since the last time."""
        statistics = self._sender.statistics
        lines, size = statistics.lines - self._lines, statistics.bytes - self._bytes
        passed_s = max(self._clock() - self._since_s, 1e-6)
        since = self._since.isoformat(" ", "microseconds")
        _log.info("Number of available senders: 1")
        _log.info("sender manager internal queue size: %d", self._sender.unconfirmed)
        _log.info(
            'Total number of messages sent: %d, messages sent since "%s": %d (elapsed %.3f seconds)',
            statistics.lines,
            since,
            lines,
            self._waited_s,
        )
        _log.info(
            'Total number of bytes sent: %d, bytes sent since "%s": %d (%.1f messages/s, %.0f bytes/s)',
            statistics.bytes,
            since,
            size,
            lines / passed_s,
            size / passed_s,
        )
        self._begin()

    def _begin(self) -> None:
        self._since, self._since_s = self._now(), self._clock()
        self._lines, self._bytes = self._sender.statistics.lines, self._sender.statistics.bytes
        self._waited_s = 0.0

    @contextlib.contextmanager
    def _timed(self, what: str, count: int) -> Generator[None]:
        begun_s = self._clock()
        try:
            yield
        finally:
            waited_s = self._clock() - begun_s
            self._waited_s += waited_s
            if waited_s > self._slow_s:
                _log.warning(
                    "The sender waited %.1f s for Devo to %s %d events; nothing is read meanwhile.",
                    waited_s,
                    what,
                    count,
                )
            self.look()
