"""The ports of event delivery: `Writer`, which pipelines use, and `Channel`, which each transport implements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass
class WriterStatistics:
    """Counts of one writer.

    ``lines`` and ``bytes`` count what was sent, without headers and repetitions; ``repeated`` counts the lines that
    were sent again after a break.
    """

    lines: int = 0
    bytes: int = 0
    sends: int = 0
    connections: int = 0
    confirms: int = 0
    confirmed: int = 0
    repeated: int = 0


class Writer(Protocol):
    """Writes events to one table, and confirms that Devo has read them."""

    @property
    def statistics(self) -> WriterStatistics:
        """Counts since the writer was made."""

    @property
    def unconfirmed(self) -> int:
        """The number of lines that were written and not confirmed."""

    def encode(self, record: Any) -> bytes:
        """Return ``record`` as a line for `write`.

        :raises DataError: the line would be longer than the transport or the settings allow.
        """

    def write(self, lines: Iterable[bytes]) -> None:
        """Take lines, and send them when there are enough. Only `confirm` proves delivery.

        :raises DeliveryError: all attempts failed; the lines are kept.
        """

    def confirm(self) -> int:
        """Return how many lines were confirmed since the last call: all that were written since.

        :raises DeliveryError: all attempts failed; the lines are kept, and the next call sends them again.
        :raises ConfigurationError, PermanentError: the peer is not trusted, or refuses the credentials.
        """


class Channel(Protocol):
    """Carries the lines of one tag over one transport.

    ``connections`` counts the connections made so far, or the requests. ``send_bytes`` is the best size of one send,
    ``max_line_bytes`` the longest line that the transport can carry, None for any.
    """

    connections: int
    send_bytes: int

    @property
    def max_line_bytes(self) -> int | None: ...

    def frame(self, lines: Sequence[bytes]) -> bytes:
        """Return the bytes that carry ``lines`` on this transport."""

    def send(self, data: bytes) -> bool:
        """Send framed lines, and connect first where needed.

        Returns whether the peer has confirmed these bytes and all that were sent before them.

        :raises TransientError: the connection broke; the lines may be sent again.
        """

    def confirm(self, *, goes_on: bool = False) -> None:
        """Return once the peer has read all that was sent since the last confirm; errors as in ``send``.

        :param goes_on: more lines will be sent at once.
        """

    def abandon(self) -> None:
        """Drop the connection and what is in flight; never fails."""

    def check(self) -> None:
        """Raise the error that would prevent sending. Sends no event."""
