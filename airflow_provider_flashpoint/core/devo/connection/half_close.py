"""Sending on a stream connection, and its end: first our half, then the peer's, as proof that the peer has read all.

TCP acknowledges bytes when the peer's host has them, not when its program has read them. A program that reads to the
end of our half, and only then ends its own, has read them: this module waits for that.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import functools
import os
import select
import socket
import ssl
import sys
import termios
import time
from collections.abc import Callable, Generator

_POLL_S = 0.05
_RESET_PATIENCE_S = 2.0
_RECEIVE_BYTES = 4096


class End(enum.IntEnum):
    """The end of a peer's half after the end of ours, from the weakest proof to the strongest.

    In each case the peer's host has acknowledged every byte and our end.
    """

    NEVER = 0  # it kept its half open
    BARE = 1  # FIN: the program ended it, or its host did so for it
    NOTIFIED = 2  # TLS close_notify: the program ended it in good order


def best_end(connection: socket.socket) -> End:
    """Return the strongest proof that this kind of connection can give."""
    return End.NOTIFIED if isinstance(connection, ssl.SSLSocket) else End.BARE


def send(connection: socket.socket, data: bytes) -> None:
    """Send ``data``. While the peer's host takes nothing, wait up to the connection's timeout.

    :raises OSError: the peer has ended, broken or refused the connection, or takes nothing any more.
    """
    with _non_blocking(connection) as timeout_s:
        _check_open(connection)
        _send_all(connection, connection.send, data, timeout_s)


def end(
    connection: socket.socket,
    *,
    patience_s: float,
    meanwhile: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> End:
    """End our half, wait for the peer's end, and return its kind. The connection is not closed.

    :param patience_s: seconds to wait while the peer's host takes nothing more.
    :param meanwhile: called once, after our half has ended and while the peer reads the rest.
    :raises OSError: the connection broke, or the peer's host did not take all bytes.
    """
    with _non_blocking(connection) as timeout_s:
        _check_open(connection)  # an end before ours would not answer it
        if isinstance(connection, ssl.SSLSocket):
            _send_close_notify(connection, timeout_s)
    # SSLSocket.shutdown would stop decrypting, and so hide a refusal that the peer still sends.
    socket.socket.shutdown(connection, socket.SHUT_WR)
    meanwhile()
    connection.settimeout(min(_POLL_S, patience_s))
    deadline = clock() + patience_s
    unread = _unacknowledged_bytes(connection)
    while clock() < deadline:
        ended = _read_end(connection)
        left = _unacknowledged_bytes(connection)
        if ended is not End.NEVER:
            # The answer to our end acknowledges all bytes before it. Our end itself (1) may be open: a TLS peer answers
            # the close_notify that goes before.
            if left > 1:
                raise ConnectionResetError(f"the peer ended it with {left} bytes not taken")
            if ended is End.NOTIFIED:
                _wait_for_reset(connection, min(patience_s, _RESET_PATIENCE_S))
            return ended
        if left < unread:
            unread, deadline = left, clock() + patience_s
    if unread:
        raise TimeoutError(f"{unread} bytes were not taken in {patience_s:.0f} s")
    return End.NEVER


def _unacknowledged_bytes(connection: socket.socket) -> int:
    """Return how many bytes, our end included, the peer's host has not acknowledged (SIOCOUTQ)."""
    return int.from_bytes(fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)


@contextlib.contextmanager
def _non_blocking(connection: socket.socket) -> Generator[float | None]:
    """Make the connection non-blocking in the ``with`` block; yields its timeout."""
    timeout_s = connection.gettimeout()
    connection.settimeout(0)
    try:
        yield timeout_s
    finally:
        connection.settimeout(timeout_s)


def _check_open(connection: socket.socket) -> None:
    """Discard received data, since syslog is one-way.

    :raises OSError: the peer has ended, broken or refused the connection.
    """
    with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
        while connection.recv(_RECEIVE_BYTES):
            pass
        raise _ended_early()


def _send_all(
    connection: socket.socket, send_some: Callable[[memoryview], int], data: bytes, timeout_s: float | None
) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[send_some(rest) :]
        except (BlockingIOError, ssl.SSLWantWriteError):
            _wait_for_room(connection, timeout_s)


def _wait_for_room(connection: socket.socket, timeout_s: float | None) -> None:
    """Wait until the peer's host takes more; the peer's end is noticed also while it takes nothing."""
    poll = select.poll()
    poll.register(connection, select.POLLOUT | select.POLLRDHUP)
    events = poll.poll(None if timeout_s is None else timeout_s * 1000)
    if not events:
        raise TimeoutError("nothing was taken in time")
    if events[0][1] & select.POLLRDHUP and not events[0][1] & select.POLLERR:
        raise _ended_early()


def _ended_early() -> ConnectionResetError:
    return ConnectionResetError("the peer closed it before it had read everything")


def _send_close_notify(connection: ssl.SSLSocket, timeout_s: float | None) -> None:
    """Send close_notify (RFC 8446, section 6.1), and read nothing.

    ``unwrap`` also reads, and returns without an error when it reads a fatal alert: a refusal would count as the answer
    to our end. So ``unwrap`` writes into a pair of sockets, where there is nothing to read, and what it wrote is sent.
    """
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        with _redirected(connection, near), contextlib.suppress(ssl.SSLWantReadError):
            connection.unwrap()
        near.shutdown(socket.SHUT_WR)
        _send_all(connection, functools.partial(socket.socket.send, connection), far.recv(_RECEIVE_BYTES), timeout_s)


@contextlib.contextmanager
def _redirected(connection: socket.socket, other: socket.socket) -> Generator[None]:
    """Make the file descriptor of ``connection`` refer to ``other`` in the ``with`` block."""
    descriptor = connection.fileno()
    own = os.dup(descriptor)
    try:
        os.dup2(other.fileno(), descriptor, inheritable=False)
        yield
    finally:
        os.dup2(own, descriptor, inheritable=False)
        os.close(own)


def _wait_for_reset(connection: socket.socket, patience_s: float) -> None:
    """Wait for the FIN after a close_notify: a peer that closes without having read everything sends a reset instead.

    A peer that keeps the TCP connection open after its close_notify is trusted.

    :raises OSError: the connection was reset (RFC 1122, section 4.2.2.13).
    """
    connection.settimeout(patience_s)
    with contextlib.suppress(TimeoutError):
        socket.socket.recv(connection, 1)


def _read_end(connection: socket.socket) -> End:
    """Return the peer's end if it comes within the connection's timeout."""
    try:
        # SSLSocket reports a reset as an end; the socket below it distinguishes them.
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
