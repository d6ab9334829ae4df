"""Events on their way to Devo: batched, kept until confirmed, sent again after a break.

Plain syslog has no acknowledgement, so what a socket took may still be lost with the connection. The
writer therefore keeps every line until its channel has proof that the peer read it::

    write -> buffer -> one send per batch -> window of unconfirmed batches -> confirm -> gone

Delivery is at least once: a break costs one repetition of the window, never a line.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from airflow_provider_flashpoint.core.devo.channel import Channel
from airflow_provider_flashpoint.core.devo.line import encode
from airflow_provider_flashpoint.errors import DataError, DeliveryError, TransientError

# One send of 64 to 256 KiB costs the least per event, over TCP and over TLS.
DEFAULT_BATCH_BYTES = 128 * 1024
DEFAULT_WINDOW_BYTES = 8 * 1024 * 1024
DEFAULT_MAX_ATTEMPTS = 5
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 30.0

_log = logging.getLogger(__name__)


@dataclass
class WriterStatistics:
    """What a writer has done so far. ``bytes`` counts lines without their headers."""

    lines: int = 0
    bytes: int = 0
    sends: int = 0
    connections: int = 0
    confirms: int = 0
    confirmed: int = 0
    repeated: int = 0


@dataclass(slots=True)
class _Batch:
    lines: list[bytes]
    size: int
    sends: int = 0


class EventWriter:
    """Writes lines to one channel and says when they have arrived. Not for more than one thread.

    Used as a context manager it confirms at the end; after an error inside it only drops the connection,
    since lines that were not confirmed will be written again.

    :param batch_bytes: lines are collected up to this size and sent at once.
    :param window_bytes: the most that is kept unconfirmed; beyond it the writer confirms by itself. A
        single longer line is allowed.
    :param max_line_bytes: the longest line that `encode` makes; None for any.
    :param max_attempts: failures in a row, without a confirmation between, after which it gives up.
    :param sleep: waits between attempts; given by tests.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        batch_bytes: int = DEFAULT_BATCH_BYTES,
        window_bytes: int = DEFAULT_WINDOW_BYTES,
        max_line_bytes: int | None = None,
        max_attempts: int = DEFAULT_MAX_ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
        log: logging.Logger | Any = _log,
    ) -> None:
        self.statistics = WriterStatistics()
        self._channel = channel
        self._batch_bytes = batch_bytes
        self._window_limit = window_bytes
        self._max_line_bytes = max_line_bytes
        self._max_attempts = max_attempts
        self._sleep = sleep
        self._log = log
        self._buffer: list[bytes] = []
        self._buffer_bytes = 0
        self._window: list[_Batch] = []
        self._window_bytes = 0
        self._sent = 0  # batches of the window that the present connection has taken
        self._failures = 0  # since the last confirmation
        self._reported = 0  # confirmed lines that `confirm` has returned
        self._closed = False

    @property
    def unconfirmed(self) -> int:
        """How many lines were written and not confirmed."""
        return self.statistics.lines - self.statistics.confirmed

    def unconfirmed_lines(self) -> Iterator[bytes]:
        """Yield the lines that were written and not confirmed, oldest first."""
        for batch in self._window:
            yield from batch.lines
        yield from self._buffer

    def encode(self, record: Any) -> bytes:
        """Return ``record`` as a line for `write`.

        :raises DataError: the line would be longer than Devo may be given.
        """
        return encode(record, max_line_bytes=self._max_line_bytes)

    def write(self, lines: bytes | Iterable[bytes]) -> None:
        """Take one line or several, and send what fills a batch. A return proves nothing; `confirm` does.

        :param lines: each is one event and ends with its only newline.
        :raises DataError: one of them is not such a line; those before it are taken.
        :raises DeliveryError: attempts ran out; the lines are kept.
        """
        if self._closed:
            raise ValueError("write to a closed EventWriter")
        statistics = self.statistics
        for line in (lines,) if isinstance(lines, bytes) else lines:
            size = len(line)
            if not size or line.find(b"\n") != size - 1:
                raise DataError(f"A line of {size} bytes does not end with its only newline; nothing of it was sent.")
            self._buffer.append(line)
            self._buffer_bytes += size
            statistics.lines += 1
            statistics.bytes += size
            if self._buffer_bytes >= self._batch_bytes:
                self._send_buffer()

    def confirm(self) -> int:
        """Return how many lines were confirmed since the last call: all that were written since.

        :raises DeliveryError: attempts ran out; the lines are kept, and another call tries again.
        :raises ConfigurationError, PermanentError: the peer cannot be trusted, or refuses us.
        """
        if self._buffer:
            self._send_buffer()
        if self._window:
            self._deliver(confirm=True)
        confirmed = self.statistics.confirmed - self._reported
        self._reported = self.statistics.confirmed
        return confirmed

    def close(self) -> None:
        """Confirm what is unconfirmed and close; a second call does nothing."""
        if self._closed:
            return
        try:
            self.confirm()
        finally:
            self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        elif not self._closed:
            if self.unconfirmed:
                self._log.info("%d lines stay unconfirmed after an error.", self.unconfirmed)
            self._drop()

    def _drop(self) -> None:
        self._closed = True
        self._channel.abandon()

    def _send_buffer(self) -> None:
        if self._window and self._window_bytes + self._buffer_bytes > self._window_limit:
            self._deliver(confirm=True)
        self._window.append(_Batch(self._buffer, self._buffer_bytes))
        self._window_bytes += self._buffer_bytes
        self._buffer, self._buffer_bytes = [], 0
        self._deliver(confirm=False)

    def _deliver(self, *, confirm: bool) -> None:
        """Bring the window onto one connection and, if asked, have it confirmed, within the attempts."""
        while True:
            try:
                for batch in self._window[self._sent :]:
                    self._send(batch)
                if confirm:
                    self._channel.confirm()
                break
            except TransientError as error:
                self._restart()
                self._wait_or_give_up(error)
            except BaseException:
                # A batch may be cut in the middle: nothing may follow it on this connection.
                self._restart()
                raise
        if confirm:
            self._forget_window()

    def _send(self, batch: _Batch) -> None:
        if batch.sends:
            self.statistics.repeated += len(batch.lines)
        batch.sends += 1
        self.statistics.sends += 1
        try:
            self._channel.send(self._channel.frame(batch.lines))
        finally:
            self.statistics.connections = self._channel.connections
        self._sent += 1

    def _restart(self) -> None:
        self._channel.abandon()
        self._sent = 0

    def _wait_or_give_up(self, error: TransientError) -> None:
        self._failures += 1
        attempts = self._failures
        if attempts >= self._max_attempts:
            self._failures = 0
            raise DeliveryError(
                f"Devo did not confirm {self.unconfirmed} lines in {attempts} attempts. {error} "
                "These lines count as not sent: run the task again once Devo can be reached.",
                unconfirmed=self.unconfirmed,
            ) from error
        wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (attempts - 1))
        self._log.warning(
            "%s Sending %d unconfirmed lines again in %.0f s (attempt %d of %d).",
            error,
            self.unconfirmed,
            wait_s,
            attempts + 1,
            self._max_attempts,
        )
        self._sleep(wait_s)

    def _forget_window(self) -> None:
        self.statistics.confirmed += sum(len(batch.lines) for batch in self._window)
        self.statistics.confirms += 1
        self._window.clear()
        self._window_bytes = self._sent = self._failures = 0
