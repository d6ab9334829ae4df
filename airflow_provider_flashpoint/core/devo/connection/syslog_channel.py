"""One syslog connection after the other, and the proof that the peer has read what was sent."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING

from airflow_provider_flashpoint.core.devo.connection import half_close
from airflow_provider_flashpoint.core.devo.connection.connector import connector_of, reason_of, refusal
from airflow_provider_flashpoint.core.devo.connection.half_close import End
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.errors import FlashpointProviderError, NetworkError

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.devo.settings import DevoSettings

Frame = Callable[[Sequence[bytes]], bytes]

# The wait for the end of an empty connection, and of any connection to a peer that is known not to end them.
_SHORT_PATIENCE_S = 2.0

_log = logger(__name__)


class SyslogChannel:
    """Sends framed lines to a peer that reads syslog from a stream; see `Channel`.

    `confirm` ends our half of the connection and waits for the peer to end its own. An orderly peer does so once it has
    read everything. This proves that its program has the lines, not that Devo has indexed them.

    Some peers never end their half, or end it without TLS's close_notify. The first such end is compared with that of a
    connection that carries nothing. If both end alike, it is the habit of this peer: the weaker proof is accepted (its
    host has acknowledged every byte), with one warning. Otherwise the connection counts as broken. On plain TCP, one
    case looks the same as an orderly end: a peer that ends its half early, while the last bytes wait in its host.

    :param connect: makes a connection; its timeout bounds how long a send may block.
    :param frame: returns the bytes that carry lines.
    :param confirm_timeout_s: seconds to wait for the peer's end while the peer takes nothing more.
    """

    # Sends of 64 to 256 KiB cost the least CPU per event, over TCP and over TLS.
    send_bytes = 128 * 1024
    max_line_bytes = None

    def __init__(
        self,
        connect: Callable[[], socket.socket],
        frame: Frame,
        *,
        confirm_timeout_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connections = 0
        self.frame = frame
        self._connect = connect
        self._confirm_timeout_s = confirm_timeout_s
        self._clock = clock
        self._connection: socket.socket | None = None
        self._next: socket.socket | None = None
        self._habit: End | None = None

    def send(self, data: bytes) -> bool:
        """Send ``data``, and return False: syslog does not confirm a send. Errors as in `Connector.connect`."""
        if self._connection is None:
            self._connection = self._open()
        with _translated_errors(self._connection):
            half_close.send(self._connection, data)
        return False

    def confirm(self, *, goes_on: bool = False) -> None:
        """Return once the end of the connection proves that all data on it arrived; then close it.

        :param goes_on: the next connection is made while the peer reads the rest.
        :raises NetworkError: the data may not have arrived and must be sent again.
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
        """Make an empty connection and end it; see `Channel`."""
        with contextlib.closing(self._open()) as connection:
            self._end(connection, _SHORT_PATIENCE_S)

    def abandon(self) -> None:
        """See `Channel`."""
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
        # If this fails, the next send tries again and raises the reason.
        with contextlib.suppress(FlashpointProviderError):
            self._next = self._open()

    def _end(self, connection: socket.socket, patience_s: float, meanwhile: Callable[[], None] = lambda: None) -> End:
        if self._habit is End.NEVER:
            patience_s = min(patience_s, _SHORT_PATIENCE_S)
        with _translated_errors(connection):
            return half_close.end(connection, patience_s=patience_s, meanwhile=meanwhile, clock=self._clock)

    def _judge(self, end: End) -> None:
        """Raise unless this peer ends every connection as weakly as ``end``."""
        if self._habit is None:
            with contextlib.closing(self._open()) as connection:
                self._habit = self._end(connection, min(self._confirm_timeout_s, _SHORT_PATIENCE_S))
            if end >= self._habit:
                _log.warning(
                    "Devo %s. Its host has acknowledged every byte: this proves that the lines arrived there, not "
                    "that the program there has read them. The lines count as delivered.",
                    "does not close its half of a connection" if end is End.NEVER else "ends TLS without close_notify",
                )
        if end < self._habit:
            raise NetworkError("The connection to Devo broke off at its end: nothing proves that Devo read all.")


def open_syslog(settings: DevoSettings, frame: Frame = b"".join) -> SyslogChannel:
    """Return a channel to the host of a connection; it is not connected yet.

    :raises ConfigurationError: a certificate is missing or invalid.
    """
    return SyslogChannel(connector_of(settings).connect, frame, confirm_timeout_s=settings.confirm_timeout_s)


@contextlib.contextmanager
def _translated_errors(connection: socket.socket) -> Generator[None, None, None]:
    """Translate a break into a NetworkError, or into an AuthenticationError where a refused certificate caused it."""
    try:
        yield
    except OSError as error:
        refused = refusal(error) or refusal(_pending_alert(connection))
        if refused is not None:
            raise refused from error
        reason = "the peer ended it without close_notify" if isinstance(error, ssl.SSLEOFError) else reason_of(error)
        raise NetworkError(f"The connection to Devo broke: {reason}.") from error


def _pending_alert(connection: socket.socket) -> OSError | None:
    """Return the TLS alert that came before the break; Linux keeps what was received before a reset."""
    if isinstance(connection, ssl.SSLSocket):
        connection.settimeout(0)
        try:
            connection.recv(1)
        except OSError as error:
            return error
    return None
