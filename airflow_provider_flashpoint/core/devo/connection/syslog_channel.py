"""Lines over one stream socket, and when they count as delivered."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Callable, Generator, Sequence

from airflow_provider_flashpoint.core.devo.connection import half_close
from airflow_provider_flashpoint.core.devo.connection.connector import refusal
from airflow_provider_flashpoint.core.devo.connection.half_close import End
from airflow_provider_flashpoint.core.devo.events.syslog import Frame
from airflow_provider_flashpoint.errors import FlashpointProviderError, NetworkError

DEFAULT_CONFIRM_TIMEOUT_S = 30.0
# How long an empty connection may take to end, and any connection of a peer that is known not to end them.
_SHORT_PATIENCE_S = 2.0

_log = logging.getLogger(__name__)


class SyslogChannel:
    """Sends framed lines to a peer that reads syslog from a stream.

    `confirm` ends our half of the connection and waits for the peer to end its own, which an orderly peer
    does once it has read everything: then its program has the lines, which does not say that Devo has
    indexed them.

    Some peers never end their half, or end it without TLS's close_notify. Whether such an end is this
    peer's habit or a break is asked once, of a connection that carries nothing. If it is the habit, the
    weaker proof is taken (its host has acknowledged every byte) and a warning says so once; if not, the
    connection counts as broken. On plain TCP one case cannot be told from an orderly end: a peer that ends
    its half early while the last bytes already wait in its host.

    :param connect: makes a connection; its timeout bounds how long a send may stand still.
    :param frame: turns lines into the bytes that carry them, see `framing`.
    :param confirm_timeout_s: seconds to wait for the peer's end while it takes nothing more.
    """

    # One send of 64 to 256 KiB costs the least per event, over TCP and over TLS.
    send_bytes = 128 * 1024
    max_line_bytes = None

    def __init__(
        self,
        connect: Callable[[], socket.socket],
        frame: Frame,
        *,
        confirm_timeout_s: float = DEFAULT_CONFIRM_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connections = 0
        self._connect = connect
        self._frame = frame
        self._confirm_timeout_s = confirm_timeout_s
        self._clock = clock
        self._connection: socket.socket | None = None
        self._next: socket.socket | None = None
        self._habit: End | None = None

    def frame(self, lines: Sequence[bytes]) -> bytes:
        """Return the bytes of ``lines`` on the stream."""
        return self._frame(lines)

    def send(self, data: bytes) -> bool:
        """Send all of it, on a new connection where there is none; syslog confirms none of it: False.

        :raises NetworkError: the connection cannot be had, broke, or the peer had closed it.
        :raises AuthenticationError: the peer refused the client certificate.
        :raises ConfigurationError: the peer cannot be trusted.
        """
        if self._connection is None:
            self._connection = self._open()
        with _breaks_explained(self._connection):
            half_close.send(self._connection, data)
        return False

    def confirm(self, *, goes_on: bool = False) -> None:
        """Return once all that was sent on this connection is proved to have arrived; then close it.

        :param goes_on: more will be sent at once, so the next connection is made while the peer reads the rest.
        :raises NetworkError: it did not, or may not have: the lines must be sent again.
        :raises AuthenticationError: the peer refused the client certificate.
        """
        if self._connection is None:
            return
        end = self._end(self._connection, self._confirm_timeout_s, self._open_next if goes_on else lambda: None)
        best = half_close.best_end(self._connection)
        self._connection.close()
        self._connection, self._next = self._next, None
        if end < best:
            self._judge(end)

    def check(self) -> None:
        """Make a connection that carries nothing, and end it: raises what stands against sending."""
        with contextlib.closing(self._open()) as connection:
            self._end(connection, _SHORT_PATIENCE_S)

    def abandon(self) -> None:
        """Close the connection, whatever is on its way."""
        for connection in (self._connection, self._next):
            if connection is not None:
                with contextlib.suppress(OSError):
                    connection.close()
        self._connection = self._next = None

    def _open(self) -> socket.socket:
        connection = self._connect()
        self.connections += 1
        return connection

    def _open_next(self) -> None:
        # Where it cannot be had now, the next send says why.
        with contextlib.suppress(FlashpointProviderError):
            self._next = self._open()

    def _end(self, connection: socket.socket, patience_s: float, meanwhile: Callable[[], None] = lambda: None) -> End:
        if self._habit is End.NEVER:
            patience_s = min(patience_s, _SHORT_PATIENCE_S)
        with _breaks_explained(connection):
            return half_close.end(connection, patience_s=patience_s, meanwhile=meanwhile, clock=self._clock)

    def _judge(self, end: End) -> None:
        """Raise unless this weak end is what the peer does with any connection."""
        if self._habit is None:
            with contextlib.closing(self._open()) as connection:
                self._habit = self._end(connection, min(self._confirm_timeout_s, _SHORT_PATIENCE_S))
            if end >= self._habit:
                _log.warning(
                    "Devo %s. Its host has acknowledged every byte: that proves that they arrived there, not "
                    "that the program there has read them. The lines are taken as delivered.",
                    "does not close its half of a connection" if end is End.NEVER else "ends TLS without saying so",
                )
        if end < self._habit:
            raise NetworkError("The connection to Devo did not end as this peer's connections do.")


@contextlib.contextmanager
def _breaks_explained(connection: socket.socket) -> Generator[None, None, None]:
    """Turn a break into a NetworkError, or into the refusal of our certificate where that was the cause."""
    try:
        yield
    except OSError as error:
        refused = refusal(error) or refusal(_last_words(connection))
        if refused is not None:
            raise refused from error
        if isinstance(error, ssl.SSLEOFError):
            raise NetworkError("The connection to Devo broke: the peer ended it without a word.") from error
        said = getattr(error, "reason", None) or error.strerror or error
        raise NetworkError(f"The connection to Devo broke: {said}.") from error


def _last_words(connection: socket.socket) -> OSError | None:
    """Return the TLS alert that came before the break; Linux keeps what was received before a reset."""
    if isinstance(connection, ssl.SSLSocket):
        connection.settimeout(0)
        try:
            connection.recv(1)
        except OSError as error:
            return error
    return None
