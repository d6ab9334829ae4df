"""The collector's log of its sender: number of messages and bytes, rates, and long waits for Devo.

There is no thread: lines are logged when lines are sent or a page has been read. Nothing is read while the writer waits
for Devo, so memory does not grow.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence

from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.devo.events.ports import Writer
from airflow_provider_flashpoint.core.secrets.foreign_text import logger

_LONG_WAIT_S = 5.0

_log = logger(__name__)


class SenderLog:
    """Passes lines on to a writer, and logs statistics and long waits.

    :param period_s: the shortest time between two logs of the statistics; None logs none.
    """

    def __init__(self, writer: Writer, clock: Clock, *, period_s: float | None) -> None:
        self._writer = writer
        self._clock = clock
        self._period_s = period_s
        self._begin()

    def write(self, lines: Sequence[bytes]) -> None:
        """Write lines; errors are those of the writer."""
        with self._timed("take", len(lines)):
            self._writer.write(lines)

    def confirm(self) -> int:
        """Confirm the written lines, and return their number; errors are those of the writer."""
        with self._timed("confirm", self._writer.unconfirmed):
            return self._writer.confirm()

    def look(self) -> None:
        """Log the statistics, if the period is over."""
        if self._period_s is not None and self._clock.monotonic() - self._since_s >= self._period_s:
            self.report()

    def report(self) -> None:
        """Log how much was sent, in all and since the last report."""
        if self._period_s is None:
            return
        total = self._writer.statistics
        lines, size = total.lines - self._lines, total.bytes - self._bytes
        passed_s = max(self._clock.monotonic() - self._since_s, 1e-6)
        since = self._since.isoformat(" ", "microseconds")
        _log.info("Number of available senders: 1")
        _log.info("sender manager internal queue size: %d", self._writer.unconfirmed)
        _log.info(
            'Total number of messages sent: %d, messages sent since "%s": %d (elapsed %.3f seconds)',
            total.lines,
            since,
            lines,
            self._waited_s,
        )
        _log.info(
            'Total number of bytes sent: %d, bytes sent since "%s": %d (%.1f messages/s, %.0f bytes/s)',
            total.bytes,
            since,
            size,
            lines / passed_s,
            size / passed_s,
        )
        self._begin()

    def _begin(self) -> None:
        self._since, self._since_s = self._clock.now(), self._clock.monotonic()
        self._lines, self._bytes = self._writer.statistics.lines, self._writer.statistics.bytes
        self._waited_s = 0.0

    @contextlib.contextmanager
    def _timed(self, action: str, count: int) -> Generator[None]:
        begin_s = self._clock.monotonic()
        try:
            yield
        finally:
            waited_s = self._clock.monotonic() - begin_s
            self._waited_s += waited_s
            if waited_s > _LONG_WAIT_S:
                _log.warning(
                    "The sender waited %.1f s for Devo to %s %d events; nothing is read meanwhile.",
                    waited_s,
                    action,
                    count,
                )
            self.look()
