"""Events on their way to Devo: kept until confirmed, sent again after a break.

Plain syslog has no acknowledgement, so what a socket took may still be lost with the connection. The
writer therefore keeps every line until its channel has proof that the peer read it::

    write -> buffer -> send -> batch of what is not confirmed -> confirm -> gone

Delivery is at least once. A break costs at most one repetition of the batch, and never a line: what the peer had
read of the batch it reads again. That its host had acknowledged bytes is no proof that it read them, so nothing
of the batch is left out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from airflow_provider_flashpoint.core.devo.events.line import encode
from airflow_provider_flashpoint.core.devo.events.ports import Channel, WriterStatistics
from airflow_provider_flashpoint.errors import DataError, DeliveryError, TransientError

# A batch costs a connection, whose making stops the flow: fewer cost less, and longer ones repeat more after a break.
DEFAULT_BATCH_BYTES = 32 * 1024 * 1024
DEFAULT_MAX_ATTEMPTS = 5
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 30.0
_LONGEST_ASKED_WAIT_S = 300.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Send:
    lines: list[bytes]
    size: int
    times: int = 0


class EventWriter:
    """Writes lines to one channel and says when they have arrived. Not for more than one thread.

    Used as a context manager it confirms at the end; after an error inside it only drops the connection,
    since lines that were not confirmed will be written again.

    :param batch_bytes: the most that is confirmed together, and so repeated after a break; what would exceed it
        has the writer confirm by itself. A single longer line is a batch of its own.
    :param send_bytes: lines are collected up to this size and sent at once; by default what suits the channel.
    :param max_line_bytes: the longest line that `encode` makes; None for what the channel can carry.
    :param max_attempts: failures in a row, without a confirmation between, after which it gives up.
    :param sleep: waits between attempts; given by tests.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        batch_bytes: int = DEFAULT_BATCH_BYTES,
        send_bytes: int | None = None,
        max_line_bytes: int | None = None,
        max_attempts: int = DEFAULT_MAX_ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.statistics = WriterStatistics()
        self._channel = channel
        self._batch_limit = batch_bytes
        # What carries no longer line carries no longer send either.
        self._send_limit = min(filter(None, (batch_bytes, send_bytes or channel.send_bytes, channel.max_line_bytes)))
        self._max_line_bytes = min(filter(None, (max_line_bytes, channel.max_line_bytes)), default=None)
        self._max_attempts = max_attempts
        self._sleep = sleep
        self._buffer: list[bytes] = []
        self._buffer_bytes = 0
        self._batch: list[_Send] = []
        self._batch_bytes = 0
        self._sent = 0  # sends of the batch that the present connection has taken
        self._failures = 0  # since the last confirmation
        self._reported = 0  # confirmed lines that `confirm` has returned
        self._closed = False

    @property
    def unconfirmed(self) -> int:
        """How many lines were written and not confirmed."""
        return self.statistics.lines - self.statistics.confirmed + len(self._buffer)

    def unconfirmed_lines(self) -> Iterator[bytes]:
        """Yield the lines that were written and not confirmed, oldest first."""
        for send in self._batch:
            yield from send.lines
        yield from self._buffer

    def encode(self, record: Any) -> bytes:
        """Return ``record`` as a line for `write`.

        :raises DataError: the line would be longer than Devo may be given.
        """
        return encode(record, max_line_bytes=self._max_line_bytes)

    def write(self, lines: bytes | Iterable[bytes]) -> None:
        """Take one line or several, and send them when there are enough. A return proves nothing; `confirm` does.

        :param lines: each is one event and ends with its only newline.
        :raises DataError: one of them is not such a line; those before it are taken.
        :raises DeliveryError: attempts ran out; the lines taken so far are kept.
        """
        if self._closed:
            raise ValueError("write to a closed EventWriter")
        for line in (lines,) if isinstance(lines, bytes) else lines:
            size = len(line)
            if not size or line.find(b"\n") + 1 != size:
                raise DataError(f"A line of {size} bytes does not end with its only newline; nothing of it was sent.")
            if self._buffer_bytes + size > self._send_limit:
                self._send_buffer()
            self._buffer.append(line)
            self._buffer_bytes += size

    def confirm(self) -> int:
        """Return how many lines were confirmed since the last call: all that were written since.

        :raises DeliveryError: attempts ran out; the lines are kept, and another call tries again.
        :raises ConfigurationError, PermanentError: the peer cannot be trusted, or refuses us.
        """
        self._send_buffer()
        if self._batch:
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
                _log.info("%d lines stay unconfirmed after an error.", self.unconfirmed)
            self._drop()

    def _drop(self) -> None:
        self._closed = True
        self._channel.abandon()

    def _send_buffer(self) -> None:
        if not self._buffer:
            return
        if self._batch and self._batch_bytes + self._buffer_bytes > self._batch_limit:
            self._deliver(confirm=True, goes_on=True)
        self._batch.append(_Send(self._buffer, self._buffer_bytes))
        self._batch_bytes += self._buffer_bytes
        self.statistics.lines += len(self._buffer)
        self.statistics.bytes += self._buffer_bytes
        self._buffer, self._buffer_bytes = [], 0
        self._deliver(confirm=False)

    def _deliver(self, *, confirm: bool, goes_on: bool = False) -> None:
        """Bring the batch onto one connection and, if asked, have it confirmed, within the attempts."""
        while True:
            try:
                while self._sent < len(self._batch):
                    self._send(self._batch[self._sent])
                if confirm and self._batch:
                    self._channel.confirm(goes_on=goes_on)
                    self._forget_sent()
                return
            except TransientError as error:
                self._restart()
                self._wait_or_give_up(error)
            except BaseException:
                # A send may be cut in the middle: nothing may follow it on this connection.
                self._restart()
                raise

    def _send(self, send: _Send) -> None:
        if send.times:
            self.statistics.repeated += len(send.lines)
        send.times += 1
        self.statistics.sends += 1
        try:
            is_confirmed = self._channel.send(self._channel.frame(send.lines))
        finally:
            self.statistics.connections = self._channel.connections
        self._sent += 1
        if is_confirmed:
            self._forget_sent()

    def _restart(self) -> None:
        self._channel.abandon()
        self._sent = 0

    def _wait_or_give_up(self, error: TransientError) -> None:
        self._failures += 1
        attempts = self._failures
        asked_s = error.retry_after_s
        if attempts >= self._max_attempts or (asked_s or 0.0) > _LONGEST_ASKED_WAIT_S:
            self._failures = 0
            raise DeliveryError(
                f"Devo did not confirm {self.unconfirmed} lines in {attempts} attempts. {error} "
                "These lines count as not sent: run the task again once Devo can be reached.",
                unconfirmed=self.unconfirmed,
            ) from error
        wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (attempts - 1)) if asked_s is None else asked_s
        _log.warning(
            "%s Sending %d unconfirmed lines again in %.0f s (attempt %d of %d).",
            error,
            self.unconfirmed,
            wait_s,
            attempts + 1,
            self._max_attempts,
        )
        self._sleep(wait_s)

    def _forget_sent(self) -> None:
        """Let go of what the present connection has taken, now that it is confirmed."""
        confirmed, self._batch = self._batch[: self._sent], self._batch[self._sent :]
        self._batch_bytes -= sum(send.size for send in confirmed)
        self.statistics.confirmed += sum(len(send.lines) for send in confirmed)
        self.statistics.confirms += 1
        self._sent = self._failures = 0
