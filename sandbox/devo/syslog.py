"""The syslog ingestion of a sandbox Devo: a TLS listener that asks for certificates, and a plain one.

A reading thread only reads into the spool of its connection. Lines are cut when they are inspected, so that the
listener does not slow down a sender that is measured against it.
"""

from __future__ import annotations

import select
import socket
import ssl
import sys
import threading
from typing import Any, Self

from sandbox.certificates import Certificates
from sandbox.devo.connection import Ending, SyslogConnection
from sandbox.devo.spool import SEGMENT_BYTES
from sandbox.devo.syslog_faults import SyslogFault, SyslogFaultScript
from sandbox.devo.tables import DevoTables
from sandbox.errors import InvalidSettingError
from sandbox.http_service.faults import reset_connection

_HANDSHAKE_S = 30.0
_FAREWELL_S = 30.0
_JOIN_S = 30.0
_BACKLOG = 128


def server_context(certificates: Certificates) -> ssl.SSLContext:
    """Return the context of a server that accepts only clients of its own authority, with TLS 1.2 or later."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificates.server_cert, certificates.server_key)
    context.load_verify_locations(certificates.chain)
    # devo-sdk ends with a bare FIN. It counts as an end, and is answered with a close_notify like any other.
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    return context


class SyslogListener:
    """Accepts syslog connections on a port of the loopback interface and records their bytes.

    :param tables: takes the connections.
    :param script: the faults to apply.
    :param context: speaks TLS when given, else plain TCP.
    :param port: 0 takes a free one.
    """

    def __init__(
        self,
        tables: DevoTables,
        script: SyslogFaultScript,
        *,
        context: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self._tables = tables
        self._script = script
        self._context = context
        self._wanted_port = port
        self._socket: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._peers: dict[socket.socket, threading.Thread] = {}
        self.stopping = threading.Event()

    @property
    def port(self) -> int:
        """The port served.

        :raises InvalidSettingError: the listener is not started.
        """
        if self._socket is None:
            raise InvalidSettingError("The sandbox listener has no port before it is started.")
        port: int = self._socket.getsockname()[1]
        return port

    def start(self) -> Self:
        """Listen, and serve connections in new threads until ``stop``."""
        self.stopping.clear()
        self._socket = socket.create_server(("127.0.0.1", self._wanted_port), backlog=_BACKLOG)
        self._acceptor = threading.Thread(target=self._accept, args=(self._socket,), daemon=True)
        self._acceptor.start()
        return self

    def stop(self) -> None:
        """Stop listening and end the connections that are open. A second call does nothing."""
        if self._socket is None or self._acceptor is None:
            return
        self.stopping.set()
        # A new connection wakes the accepting thread on every system; closing its socket does not.
        socket.create_connection(self._socket.getsockname(), _JOIN_S).close()
        self._acceptor.join(_JOIN_S)
        self._socket.close()
        self._socket = None
        self._script.release()
        for peer in list(self._peers):
            _shutdown(peer, socket.SHUT_RDWR)
        for reader in list(self._peers.values()):
            reader.join(_JOIN_S)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            accepted, _ = listening.accept()
            if self.stopping.is_set():
                accepted.close()
                return
            fault = self._script.take()
            connection = self._tables.open("tls" if self._context else "tcp", fault.action if fault else None)
            try:
                peer = self._wrap(accepted)
            except OSError:
                # The client is already gone, with bytes in flight.
                self._tables.end(connection, "refused")
                accepted.close()
                continue
            reader = threading.Thread(target=self._serve, args=(peer, connection, fault), daemon=True)
            self._peers[peer] = reader
            reader.start()

    def _wrap(self, accepted: socket.socket) -> socket.socket:
        """Return the socket to read from. Its own thread does the handshake, so that it does not delay others."""
        if self._context is None:
            return accepted
        # A ragged end is then an RST, since the context accepts a bare FIN as an end.
        return self._context.wrap_socket(
            accepted, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False
        )

    def _serve(self, peer: socket.socket, connection: SyslogConnection, fault: SyslogFault | None) -> None:
        try:
            if fault and fault.action == "refuse":
                self._tables.end(connection, "refused")
                reset_connection(peer)
                return
            if isinstance(peer, ssl.SSLSocket):
                _shake_hands(peer, connection)
            self._read(peer, connection, fault)
        except OSError:
            # TLS errors too: a refusal during the handshake, a break later.
            ended: Ending = "broken" if connection.client or not self._context else "refused"
            self._tables.end(connection, "stopped" if self.stopping.is_set() else ended)
        finally:
            del self._peers[peer]
            peer.close()

    def _read(self, peer: socket.socket, connection: SyslogConnection, fault: SyslogFault | None) -> None:
        """Read to the client's end, or apply the fault, then end the connection."""
        pause = fault is not None and fault.action != "never_close"
        limit = fault.after_bytes if fault and pause else sys.maxsize
        at_end = self._fill(peer, connection, limit)
        if not at_end and fault:
            at_end = self._misbehave(peer, connection, fault)
        if not at_end:
            return
        # Recorded before the answer, so that everything is counted when the client sees the end.
        self._tables.end(connection, "stopped" if self.stopping.is_set() else "eof")
        if fault and fault.action == "never_close":
            fault.hold()
        _take_leave(peer)

    def _fill(
        self, peer: socket.socket, connection: SyslogConnection, limit: int, chunk_bytes: int = SEGMENT_BYTES
    ) -> bool:
        """Read until the record holds ``limit`` bytes; return whether the client ended before."""
        spool, turns = connection.wire, self._tables.turns
        while (left := limit - len(spool)) > 0:
            count = peer.recv_into(spool.room(min(left, chunk_bytes)))
            if not count:
                return True
            if turns.current is not connection:
                turns.take(connection)
            spool.commit(count)
        return False

    def _misbehave(self, peer: socket.socket, connection: SyslogConnection, fault: SyslogFault) -> bool:
        """Apply the fault; return whether the connection was still read to its end."""
        if fault.action == "trickle":
            return self._trickle(peer, connection, fault)
        if fault.action == "stall":
            fault.hold()
            return self._fill(peer, connection, sys.maxsize)
        self._tables.end(connection, "fault")
        if fault.action == "reset":
            reset_connection(peer)
        elif fault.action == "close":
            # Closing with nothing unread would look like an orderly end. The client's end is readable too.
            _wait_until_readable(peer)
        elif fault.action == "half_close":
            _shutdown(peer, socket.SHUT_WR)
            fault.hold()
        else:
            fault.hold()
        return False

    def _trickle(self, peer: socket.socket, connection: SyslogConnection, fault: SyslogFault) -> bool:
        while not fault.released.wait(fault.pause_s):
            if self._fill(peer, connection, len(connection.wire) + fault.chunk_bytes, fault.chunk_bytes):
                return True
        return self._fill(peer, connection, sys.maxsize)


def _shake_hands(peer: ssl.SSLSocket, connection: SyslogConnection) -> None:
    peer.settimeout(_HANDSHAKE_S)
    peer.do_handshake()
    peer.settimeout(None)
    subject: Any = (peer.getpeercert() or {}).get("subject", ())
    names = dict(pair for relative_name in subject for pair in relative_name)
    connection.client = names.get("commonName", "?")


def _wait_until_readable(peer: socket.socket) -> None:
    poll = select.poll()
    poll.register(peer, select.POLLIN)
    poll.poll()


def _take_leave(peer: socket.socket) -> None:
    """Answer the client's end: over TLS with a close_notify, then with FIN."""
    try:
        if isinstance(peer, ssl.SSLSocket):
            peer.settimeout(_FAREWELL_S)
            peer = peer.unwrap()
        peer.shutdown(socket.SHUT_WR)
    except OSError:
        # The client did not wait for it.
        return


def _shutdown(peer: socket.socket, how: int) -> None:
    """End a direction of the TCP connection, bypassing a TLS socket, which another thread may be reading."""
    try:
        socket.socket.shutdown(peer, how)
    except OSError:
        return
