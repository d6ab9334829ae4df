"""What a transport of events must do, so that `event_writer` can batch, confirm and repeat over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Channel(Protocol):
    """The way of one tag's lines into Devo; each transport has its own."""

    connections: int

    def frame(self, lines: Sequence[bytes]) -> bytes:
        """Return the bytes that carry ``lines`` on this transport."""

    def send(self, data: bytes) -> None:
        """Send framed lines, connecting first where needed; a TransientError tells of a break."""

    def confirm(self) -> None:
        """Return once the peer has all that was sent since the last confirm; errors as in ``send``."""

    def abandon(self) -> None:
        """Drop the connection and what is on its way; never fails."""
