"""What a transport of events must do, so that `event_writer` can collect, confirm and repeat over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Channel(Protocol):
    """The way of one tag's lines into Devo; each transport has its own.

    ``connections`` counts those made so far, or the requests where a transport has none of its own. ``send_bytes`` is
    how much is best sent at once, ``max_line_bytes`` the longest line that it can carry, or None for any.
    """

    connections: int
    send_bytes: int

    @property
    def max_line_bytes(self) -> int | None: ...

    def frame(self, lines: Sequence[bytes]) -> bytes:
        """Return the bytes that carry ``lines`` on this transport."""

    def send(self, data: bytes) -> bool:
        """Send framed lines, connecting first where needed; a TransientError tells of a break.

        Returns whether the peer has confirmed them, and so all that was sent before them.
        """

    def confirm(self, *, goes_on: bool = False) -> None:
        """Return once the peer has all that was sent since the last confirm; errors as in ``send``.

        :param goes_on: whether more will be sent at once.
        """

    def abandon(self) -> None:
        """Drop the connection and what is on its way; never fails."""

    def check(self) -> None:
        """Raise what stands against sending, and send no event."""
