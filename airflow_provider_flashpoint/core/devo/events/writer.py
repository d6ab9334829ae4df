"""Writing events to Devo: lines are kept until they are confirmed, and sent again after a break.

Syslog has no acknowledgement, so data that a socket accepted may still be lost with the connection. The writer keeps
every line until its channel has proof that the peer has read it::

    write -> buffer -> send -> batch of unconfirmed sends -> confirm -> forgotten

Delivery is at least once. A break never loses a line and repeats at most one batch. All of the batch is sent again,
since acknowledged bytes do not prove that the peer's program has read them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.devo.connection.resend import DEFAULT_MAX_ATTEMPTS, Resending
from airflow_provider_flashpoint.core.devo.events.ports import Channel, WriterStatistics
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.errors import DataError

# Each batch costs a new connection, which interrupts the flow. Larger batches cost less, and repeat more after a break.
DEFAULT_BATCH_BYTES = 32 * 1024 * 1024

_log = logger(__name__)


def encode(record: Any, *, max_line_bytes: int | None = None) -> bytes:
    """Return ``record`` as a line: its JSON, which has no other line break, and a newline.

    :param max_line_bytes: the longest line allowed, newline included; None for any.
    :raises DataError: the line is longer than that.
    """
    line = codec.encode(record) + b"\n"
    if max_line_bytes is not None and len(line) > max_line_bytes:
        raise DataError(f"A line has {len(line)} bytes; max_line_bytes allows {max_line_bytes}.")
    return line


@dataclass(slots=True)
class _Send:
    lines: list[bytes]
    size: int
    times: int = 0


class EventWriter:
    """Writes lines to one channel and confirms them; see `Writer`. Not thread-safe.

    As a context manager it confirms at the end. After an error inside the context it only drops the connection, since
    the caller will write the unconfirmed lines again.

    :param batch_bytes: the most that is confirmed together, and so repeated after a break; the writer confirms by
        itself before it would exceed this. A longer single line is a batch of its own.
    :param send_bytes: lines are collected up to this size and sent at once; by default the size that suits the channel.
    :param max_line_bytes: the longest line of `encode`; None for the limit of the channel.
    :param max_attempts: the most failures in a row, without a confirmation between them.
    :param before_repeat: called before lines are sent again; raises if they must not be.
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
        before_repeat: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.statistics = WriterStatistics()
        self._channel = channel
        self._batch_limit = batch_bytes
        # The longest line that the channel carries also bounds a send.
        self._send_limit = min(filter(None, (batch_bytes, send_bytes or channel.send_bytes, channel.max_line_bytes)))
        self._max_line_bytes = min(filter(None, (max_line_bytes, channel.max_line_bytes)), default=None)
        self._resending = Resending(
            lambda: f"{self.unconfirmed} lines",
            max_attempts=max_attempts,
            sleep=sleep,
            unconfirmed=lambda: self.unconfirmed,
            before_repeat=before_repeat,
        )
        self._buffer: list[bytes] = []
        self._buffer_bytes = 0
        self._batch: list[_Send] = []
        self._batch_bytes = 0
        self._sent = 0  # sends of the batch on the present connection
        self._reported = 0  # confirmed lines that `confirm` has returned
        self._closed = False

    @property
    def unconfirmed(self) -> int:
        """See `Writer`."""
        return self.statistics.lines - self.statistics.confirmed + len(self._buffer)

    def unconfirmed_lines(self) -> Iterator[bytes]:
        """Yield the lines that were written and not confirmed, oldest first."""
        for send in self._batch:
            yield from send.lines
        yield from self._buffer

    def encode(self, record: Any) -> bytes:
        """Return ``record`` as a line for `write`; see `Writer`."""
        return encode(record, max_line_bytes=self._max_line_bytes)

    def write(self, lines: bytes | Iterable[bytes]) -> None:
        """See `Writer`. A line may also be given alone.

        :raises DataError: a line does not end with its only newline; those before it are taken.
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
        """See `Writer`."""
        self._send_buffer()
        if self._batch:
            self._resending(partial(self._transfer, confirm=True))
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
            self._resending(partial(self._transfer, confirm=True, goes_on=True))
        self._batch.append(_Send(self._buffer, self._buffer_bytes))
        self._batch_bytes += self._buffer_bytes
        self.statistics.lines += len(self._buffer)
        self.statistics.bytes += self._buffer_bytes
        self._buffer, self._buffer_bytes = [], 0
        self._resending(self._transfer)

    def _transfer(self, *, confirm: bool = False, goes_on: bool = False) -> None:
        """Bring the whole batch onto one connection and, if asked, have it confirmed."""
        try:
            while self._sent < len(self._batch):
                self._send(self._batch[self._sent])
            if confirm and self._batch:
                self._channel.confirm(goes_on=goes_on)
                self._forget_sent()
        except BaseException:
            # A send may be cut in the middle: nothing may follow it on this connection.
            self._channel.abandon()
            self._sent = 0
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

    def _forget_sent(self) -> None:
        """Remove the sends of the present connection from the batch, now that they are confirmed."""
        confirmed, self._batch = self._batch[: self._sent], self._batch[self._sent :]
        self._batch_bytes -= sum(send.size for send in confirmed)
        self.statistics.confirmed += sum(len(send.lines) for send in confirmed)
        self.statistics.confirms += 1
        self._sent = 0
        self._resending.confirmed()
