"""The end of a connection and its proof, against peers that end in ways the sandbox does not."""

from __future__ import annotations

import contextlib
import itertools
import logging
import select
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from devo_peers import Issued, Peer, issue, read_to_end, sandbox_connector, server_context

from airflow_provider_flashpoint.core.devo.connection import half_close
from airflow_provider_flashpoint.core.devo.connection.connector import Connector
from airflow_provider_flashpoint.core.devo.connection.half_close import End
from airflow_provider_flashpoint.core.devo.connection.syslog_channel import SyslogChannel
from airflow_provider_flashpoint.core.devo.connection.tls import Identity, client_context
from airflow_provider_flashpoint.core.devo.events.syslog import syslog_frame
from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
from airflow_provider_flashpoint.errors import AuthenticationError, DeliveryError, NetworkError
from sandbox.devo.server import DevoServer
from sandbox.devo.syslog_faults import SyslogFault

PeerMaker = Callable[[Callable[[socket.socket], None]], Peer]
LINES = [b"%03d\n" % number for number in range(100)]


def reset(connection: socket.socket) -> None:
    """End with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def wait_for_their_end(connection: socket.socket) -> None:
    """Wait until the other side's FIN has arrived, without reading what came before it."""
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)
    poll.poll()


def plain(peer: Peer) -> Connector:
    return Connector("127.0.0.1", peer.port, None)


def tls(peer: Peer, authority: Issued, client: Issued | None = None) -> Connector:
    own = client or issue("client", authority)
    context = client_context(Identity(cert=own.cert, key=own.private_key, chain=authority.cert))
    return Connector("localhost", peer.port, context)


def writer_over(connector: Connector, **options: Any) -> EventWriter:
    channel = SyslogChannel(connector.connect, b"".join, confirm_timeout_s=options.pop("confirm_timeout_s", 30.0))
    return EventWriter(channel, sleep=lambda _: None, **options)


def test_plain_end_is_bare(peer: PeerMaker) -> None:
    """A plain peer that reads to the end and closes ends BARE, the best on TCP."""
    connection = plain(peer(read_to_end)).connect()
    with connection:
        connection.sendall(b"x" * 1000)
        assert half_close.end(connection, patience_s=30.0) is End.BARE
        assert half_close.best_end(connection) is End.BARE


def test_polite_tls_end_is_notified(devo: DevoServer) -> None:
    """A TLS peer that answers our end with close_notify ends NOTIFIED, the best end."""
    with sandbox_connector(devo, "tls").connect() as connection:
        connection.sendall(b"x" * 1000)
        assert half_close.end(connection, patience_s=30.0) is End.NOTIFIED
        assert half_close.best_end(connection) is End.NOTIFIED


def test_end_before_ours_is_a_break(peer: PeerMaker) -> None:
    """A peer that closed before our end has not answered it."""
    closed = threading.Event()

    def close_at_once(connection: socket.socket) -> None:
        connection.shutdown(socket.SHUT_WR)
        closed.set()
        read_to_end(connection)

    with plain(peer(close_at_once)).connect() as connection:
        closed.wait()
        with pytest.raises(ConnectionResetError, match="before it had read"):
            half_close.end(connection, patience_s=30.0)


@pytest.mark.parametrize("last_words", [b"", b"\x17\x03\x03\x00\x20 a record that is cut"])
@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_reset_after_our_end_is_a_break(
    peer: PeerMaker, transport: str, last_words: bytes, authority: Issued, tmp_path: Path
) -> None:
    """A reset never counts as an end, even if the peer's host acknowledged every byte."""
    context = server_context(issue("localhost", authority), tmp_path)

    def reset_at_the_end(connection: socket.socket) -> None:
        if transport == "tls":
            connection = context.wrap_socket(connection, server_side=True)
        wait_for_their_end(connection)
        socket.socket.sendall(connection, last_words)
        reset(connection)

    peer_ = peer(reset_at_the_end)
    connector = tls(peer_, authority) if transport == "tls" else plain(peer_)
    with connector.connect() as connection:
        connection.sendall(b"x" * 1000)
        with pytest.raises(OSError, match="reset"):
            half_close.end(connection, patience_s=30.0)


def test_goodbye_of_a_program_that_has_not_read_is_a_break(peer: PeerMaker, authority: Issued, tmp_path: Path) -> None:
    """A TLS peer that sends close_notify and closes with unread bytes is detected by its reset."""
    context = server_context(issue("localhost", authority), tmp_path)

    def leave_politely(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            wait_for_their_end(secured)
            secured.settimeout(0)
            with contextlib.suppress(OSError):
                secured.unwrap()

    with tls(peer(leave_politely), authority).connect() as connection:
        connection.sendall(b"x" * 100_000)
        with pytest.raises(ConnectionResetError):
            half_close.end(connection, patience_s=30.0)


def test_goodbye_without_an_end_is_believed(
    peer: PeerMaker, authority: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A TLS peer that has read everything and sends close_notify, but keeps the TCP connection, ends NOTIFIED."""
    context = server_context(issue("localhost", authority), tmp_path)
    over = threading.Event()

    def stay(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            read_to_end(secured)
            secured.unwrap()
            over.wait()

    monkeypatch.setattr(half_close, "_RESET_PATIENCE_S", 0.01)
    with tls(peer(stay), authority).connect() as connection:
        connection.sendall(b"x" * 1000)
        try:
            assert half_close.end(connection, patience_s=30.0) is End.NOTIFIED
        finally:
            over.set()


def fill(connection: socket.socket) -> int:
    """Send until neither host takes more, and return the number of bytes."""
    sent = 0
    connection.settimeout(0.2)
    with contextlib.suppress(TimeoutError):
        while True:
            sent += connection.send(b"x" * 65536)
    return sent


@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_end_is_noticed_while_a_send_stands_still(
    peer: PeerMaker, transport: str, authority: Issued, tmp_path: Path
) -> None:
    """A peer that ends its half and stops reading is detected at once, not after the send timeout."""
    context = server_context(issue("localhost", authority), tmp_path)
    over = threading.Event()

    def end_at_the_first_byte(connection: socket.socket) -> None:
        if transport == "tls":
            connection = context.wrap_socket(connection, server_side=True)
        socket.socket.recv(connection, 1, socket.MSG_PEEK)
        socket.socket.shutdown(connection, socket.SHUT_WR)
        over.wait()
        connection.close()

    peer_ = peer(end_at_the_first_byte)
    connector = tls(peer_, authority) if transport == "tls" else plain(peer_)
    with connector.connect() as connection:
        try:
            with pytest.raises(ConnectionResetError, match="before it had read everything"):
                half_close.send(connection, b"x" * 100_000_000)
        finally:
            over.set()


@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_long_send_arrives_whole(devo: DevoServer, transport: str) -> None:
    """Data far longer than the hosts' buffers arrives byte for byte, however often the peer's host is full."""
    data = bytes(range(256)) * 100_000
    with sandbox_connector(devo, transport).connect() as connection:
        half_close.send(connection, data)
        half_close.end(connection, patience_s=30.0)
    [received] = devo.tables.connections()
    assert received.wire.read(0, len(data) + 1) == data


def test_end_that_crossed_our_last_bytes_is_no_answer(peer: PeerMaker) -> None:
    """An end that comes while bytes are in flight is detected at once: it does not answer them."""
    ours_is_ended, over = threading.Event(), threading.Event()

    def end_without_reading(connection: socket.socket) -> None:
        ours_is_ended.wait()
        connection.shutdown(socket.SHUT_WR)
        over.wait()

    def clock() -> float:
        ours_is_ended.set()
        return 0.0

    with plain(peer(end_without_reading)).connect() as connection:
        fill(connection)
        try:
            with pytest.raises(ConnectionResetError, match="bytes not taken"):
                half_close.end(connection, patience_s=30.0, clock=clock)
        finally:
            over.set()


def test_bytes_that_nobody_takes_are_a_break(peer: PeerMaker) -> None:
    """A peer that neither reads nor ends is given up after the patience, and nothing is confirmed."""
    over = threading.Event()
    with plain(peer(lambda connection: bool(over.wait()))).connect() as connection:
        fill(connection)
        try:
            with pytest.raises(TimeoutError, match="bytes were not taken"):
                half_close.end(connection, patience_s=0.1)
        finally:
            over.set()


def test_peer_that_takes_more_is_waited_for(peer: PeerMaker) -> None:
    """The patience starts again whenever the peer's host has taken more bytes."""
    ticks = itertools.count()
    turns = threading.Semaphore(0)

    def read_in_turns(connection: socket.socket) -> None:
        # What its host holds is little, so that each turn lets it take more of ours.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        turns.acquire()
        while connection.recv(65536):
            turns.acquire()

    def clock() -> float:
        turns.release()
        return float(next(ticks))

    with plain(peer(read_in_turns)).connect() as connection:
        turns_needed = fill(connection) >> 16
        assert turns_needed > 16
        try:
            assert half_close.end(connection, patience_s=8.0, clock=clock) is End.BARE
        finally:
            turns.release(turns_needed)


def test_peer_known_to_keep_open_is_not_waited_for_again(devo: DevoServer) -> None:
    """Once the habit of a peer is known, a confirmation no longer takes the whole time."""
    devo.syslog_faults.add(*[SyslogFault("never_close") for _ in range(3)])
    ticks = itertools.count()
    connect = sandbox_connector(devo, "tcp").connect
    channel = SyslogChannel(connect, b"".join, confirm_timeout_s=10.0, clock=lambda: float(next(ticks)))
    spent = []
    for _ in range(2):
        channel.send(b"x\n")
        before = next(ticks)
        channel.confirm()
        spent.append(next(ticks) - before)
    assert spent[1] < 10 < spent[0]


def test_next_connection_is_made_while_the_peer_reads(devo: DevoServer) -> None:
    """If more will follow, the next connection is made before the end of the last one."""
    channel = SyslogChannel(sandbox_connector(devo, "tls").connect, b"".join)
    channel.send(b"one\n")
    channel.confirm(goes_on=True)
    assert channel.connections == 2
    channel.send(b"two\n")
    channel.confirm()
    assert channel.connections == 2
    assert [each.ended for each in devo.tables.connections()] == ["eof", "eof"]


def test_next_connection_may_fail_without_harm(devo: DevoServer) -> None:
    """If the next connection fails, the data is confirmed all the same, and the next send raises the reason."""
    connect = sandbox_connector(devo, "tcp").connect
    answers = iter([connect, raise_unreachable, raise_unreachable])
    channel = SyslogChannel(lambda: next(answers)(), b"".join)
    channel.send(b"one\n")
    channel.confirm(goes_on=True)
    with pytest.raises(NetworkError, match="unreachable"):
        channel.send(b"two\n")


def raise_unreachable() -> socket.socket:
    raise NetworkError("Devo is unreachable.")


def test_chatter_of_the_peer_is_dropped(peer: PeerMaker) -> None:
    """Data from the peer on a one-way connection is neither an end nor an error."""

    def chatter(connection: socket.socket) -> None:
        connection.sendall(b"hello")
        read_to_end(connection)
        connection.sendall(b"bye")

    with writer_over(plain(peer(chatter))) as writer:
        writer.write(LINES)
    assert writer.statistics.repeated == 0


def test_chatter_cannot_hold_up_a_confirmation(peer: PeerMaker) -> None:
    """A peer that keeps sending after our end counts as one that never closes."""

    def talk_on(connection: socket.socket) -> None:
        read_to_end(connection)
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"la")

    with plain(peer(talk_on)).connect() as connection:
        connection.sendall(b"x\n")
        assert half_close.end(connection, patience_s=1.0) is End.NEVER


def test_tls_peer_that_never_says_goodbye_is_believed(
    peer: PeerMaker, authority: Issued, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A TLS peer that always ends with a bare FIN gets each line once; one warning says what that proves."""
    context = server_context(issue("localhost", authority), tmp_path)
    received: list[int] = []

    def end_bare(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            received.append(read_to_end(secured))

    with caplog.at_level(logging.WARNING), writer_over(tls(peer(end_bare), authority)) as writer:
        for line in LINES[:3]:
            writer.write(line)
            writer.confirm()
    assert writer.statistics.repeated == 0
    assert sum(received) == sum(map(len, LINES[:3]))
    warnings = [record.getMessage().partition(".")[0] for record in caplog.records]
    assert warnings == ["Devo ends TLS without close_notify"]


@pytest.mark.parametrize("newest", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("bytes_sent", [10, 4_000_000])
def test_refused_certificate_is_said_at_once(
    peer: PeerMaker, authority: Issued, tmp_path: Path, newest: str, bytes_sent: int
) -> None:
    """A peer that does not know our certificate's authority costs one attempt, whenever its refusal arrives."""
    import ssl

    context = server_context(issue("localhost", authority), tmp_path, clients=authority)
    context.maximum_version = ssl.TLSVersion[newest]
    stranger = issue("client", issue("Other authority"))

    def refuse(connection: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError):
            context.wrap_socket(connection, server_side=True).close()

    writer = writer_over(tls(peer(refuse), authority, stranger))
    with pytest.raises(AuthenticationError, match=r"refused the client certificate: .*authority"), writer:
        writer.write(b"x" * bytes_sent + b"\n")
        writer.confirm()
    assert writer.statistics.connections <= 1


def test_check_finds_a_refused_certificate_without_sending(peer: PeerMaker, authority: Issued, tmp_path: Path) -> None:
    """The check finds a refusal that TLS 1.3 sends only after the handshake."""
    import ssl

    context = server_context(issue("localhost", authority), tmp_path, clients=authority)

    def refuse(connection: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError):
            context.wrap_socket(connection, server_side=True).close()

    connector = tls(peer(refuse), authority, issue("client", issue("Other authority")))
    with pytest.raises(AuthenticationError):
        SyslogChannel(connector.connect, b"".join).check()


def test_refusal_that_crosses_our_end_is_no_answer(
    peer: PeerMaker, authority: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal between the last look at the connection and our close_notify is not taken for its answer."""
    import ssl

    context = server_context(issue("localhost", authority), tmp_path, clients=authority)
    over = threading.Event()

    def refuse(connection: socket.socket) -> None:
        with connection.dup(), contextlib.suppress(ssl.SSLError):  # the copy keeps the connection open
            try:
                context.wrap_socket(connection, server_side=True)
            finally:
                over.wait()

    monkeypatch.setattr(half_close, "_check_open", lambda connection: select.select([connection], [], []))
    connector = tls(peer(refuse), authority, issue("client", issue("Other authority")))
    try:
        with pytest.raises(AuthenticationError):
            SyslogChannel(connector.connect, b"".join).check()
    finally:
        over.set()


def test_check_sends_nothing(devo: DevoServer) -> None:
    """The check makes a connection and ends it in order, without a byte of an event."""
    SyslogChannel(sandbox_connector(devo, "tls").connect, syslog_frame("my.app.a.b")).check()
    assert devo.tables.wait_until_idle(60.0)
    assert [(len(each.wire), each.ended) for each in devo.tables.connections()] == [(0, "eof")]


def test_peer_that_is_gone_ends_in_an_error(peer: PeerMaker) -> None:
    """If nobody listens any more, the error says so and counts the lines."""
    gone = peer(read_to_end)
    gone.close()
    connector = plain(gone)
    writer = writer_over(connector, max_attempts=2)
    writer.write(LINES)
    with pytest.raises(DeliveryError, match=r"100 lines in 2 attempts.*refused") as caught:
        writer.confirm()
    assert caught.value.unconfirmed == 100
