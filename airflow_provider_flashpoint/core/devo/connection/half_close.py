"""How a stream connection is written to and ends: our half first, then the peer's, and what its end proves.

TCP acknowledges bytes when the peer's host has them, not when its program has read them. A program that
reads to the end of our half and only then ends its own tells more, so that is what is waited for.
"""

from __future__ import annotations

import array
import contextlib
import enum
import fcntl
import select
import socket
import ssl
import termios
import time
from collections.abc import Callable

_POLL_S = 0.05
_FAREWELL_S = 2.0
_RECEIVE_BYTES = 4096


class End(enum.IntEnum):
    """How a peer ended its half after we had ended ours, from the weakest proof to the strongest.

    In each case the peer's host has acknowledged every byte and our end.
    """

    NEVER = 0  # it kept its half open
    BARE = 1  # FIN: the program ended, or its host did so for it
    NOTIFIED = 2  # TLS close_notify: the program ended in good order


def best_end(connection: socket.socket) -> End:
    """Return the strongest proof that this kind of connection can give."""
    return End.NOTIFIED if isinstance(connection, ssl.SSLSocket) else End.BARE


def check_open(connection: socket.socket) -> None:
    """Drop what the peer says, since syslog is one-way.

    :raises OSError: the peer has ended, broken or refused the connection.
    """
    timeout_s = connection.gettimeout()
    connection.settimeout(0)
    try:
        while connection.recv(_RECEIVE_BYTES):
            pass
    except (BlockingIOError, ssl.SSLWantReadError):
        return
    finally:
        connection.settimeout(timeout_s)
    raise ConnectionResetError("the peer closed it before it had read everything")


def send(connection: socket.socket, data: bytes) -> None:
    """Send all of ``data``, unless the peer ends first: it will not read what it has left behind.

    Waits as long as the connection's timeout allows whenever the peer's host takes nothing.

    :raises OSError: the peer has ended, broken or refused the connection, or takes nothing any more.
    """
    check_open(connection)
    timeout_s = connection.gettimeout()
    connection.settimeout(0)
    try:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[connection.send(rest) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                _wait_for_room(connection, timeout_s)
    finally:
        connection.settimeout(timeout_s)


def end(
    connection: socket.socket,
    *,
    patience_s: float,
    meanwhile: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> End:
    """End our half, wait for the peer's end, and return how it came. The connection is not closed.

    :param patience_s: seconds to wait while the peer's host takes nothing more.
    :param meanwhile: what to do once our half has ended, while the peer reads the rest.
    :raises OSError: the connection broke, or bytes remain that nobody took.
    """
    # An end that is there before ours was not an answer to it.
    check_open(connection)
    is_notified = _end_our_half(connection)
    meanwhile()
    connection.settimeout(min(_POLL_S, patience_s))
    deadline = clock() + patience_s
    unread = unacknowledged_bytes(connection)
    while clock() < deadline:
        ended = End.NOTIFIED if is_notified else _read_end(connection)
        left = unacknowledged_bytes(connection)
        if ended is not End.NEVER:
            # An answer to our end acknowledges all bytes before it; what may be open is our end itself, since a
            # TLS peer answers the close_notify that goes before.
            if left > 1:
                raise ConnectionResetError(f"the peer ended it with {left} bytes not taken")
            if ended is End.NOTIFIED:
                _let_a_reset_arrive(connection, min(patience_s, _FAREWELL_S))
            return ended
        if left < unread:
            unread, deadline = left, clock() + patience_s
    if unread:
        raise TimeoutError(f"{unread} bytes were not taken in {patience_s:.0f} s")
    return End.NEVER


def unacknowledged_bytes(connection: socket.socket) -> int:
    """Return how many bytes, our end included, the peer's host has not acknowledged (SIOCOUTQ)."""
    answer = array.array("i", [0])
    fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, answer)
    return answer[0]


def _wait_for_room(connection: socket.socket, timeout_s: float | None) -> None:
    """Wait until the peer's host takes more; its end is noticed also while it takes nothing."""
    poll = select.poll()
    poll.register(connection, select.POLLOUT | select.POLLRDHUP)
    happened = poll.poll(None if timeout_s is None else timeout_s * 1000)
    if not happened:
        raise TimeoutError("nothing was taken in time")
    if happened[0][1] & select.POLLRDHUP and not happened[0][1] & select.POLLERR:
        raise ConnectionResetError("the peer closed it before it had read everything")


def _end_our_half(connection: socket.socket) -> bool:
    """Say that we have ended, and return whether the peer has already said in TLS that it has ended too."""
    is_notified = isinstance(connection, ssl.SSLSocket) and _send_close_notify(connection)
    # SSLSocket.shutdown would stop decrypting, and so hide a refusal that the peer still sends.
    socket.socket.shutdown(connection, socket.SHUT_WR)
    return is_notified


def _send_close_notify(connection: ssl.SSLSocket) -> bool:
    """Say in TLS that we have ended (RFC 8446, section 6.1), and return whether the peer's word for it is here."""
    timeout_s = connection.gettimeout()
    connection.settimeout(0)
    while True:
        try:
            connection.unwrap()
        except (ssl.SSLWantReadError, ssl.SSLEOFError):
            return False  # sent; whatever the peer answers is read with its end
        except ssl.SSLWantWriteError:
            _wait_for_room(connection, timeout_s)
        else:
            return True


def _let_a_reset_arrive(connection: socket.socket, patience_s: float) -> None:
    """Wait for the FIN behind a close_notify: what closes without having read everything sends a reset instead.

    :raises OSError: it was reset (RFC 1122, section 4.2.2.13).
    """
    connection.settimeout(patience_s)
    # A peer that keeps the TCP connection open after its goodbye is believed.
    with contextlib.suppress(TimeoutError):
        socket.socket.recv(connection, 1)


def _read_end(connection: socket.socket) -> End:
    """Return the peer's end if it comes within the connection's timeout."""
    try:
        # SSLSocket reports a reset as an end; the socket below it tells them apart.
        waiting = socket.socket.recv(connection, 1, socket.MSG_PEEK)
        if connection.recv(_RECEIVE_BYTES):
            return End.NEVER
    except TimeoutError:
        return End.NEVER
    except ssl.SSLEOFError as error:
        if waiting and error.reason != "UNEXPECTED_EOF_WHILE_READING":
            raise ConnectionResetError("it was reset") from error
        return End.BARE
    except ssl.SSLZeroReturnError:
        return End.NOTIFIED
    return best_end(connection)
