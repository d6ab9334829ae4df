"""The syslog listeners: who may connect, how a connection ends in good order, and what each fault does."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from airflow_provider_flashpoint.sandbox.certificates import Certificates, make_certificates
from airflow_provider_flashpoint.sandbox.devo_connection import SyslogConnection
from airflow_provider_flashpoint.sandbox.devo_syslog import SyslogListener, server_context
from airflow_provider_flashpoint.sandbox.devo_syslog_faults import SyslogFault, SyslogFaultScript
from airflow_provider_flashpoint.sandbox.devo_tables import DevoTables

TAG = "my.app.test.x"
LINE = b"<14>Jan  1 00:00:00 host my.app.test.x: " + b"x" * 59 + b"\n"
# More than the buffers between two sockets of this machine hold, so that sending it takes a reader.
MUCH = LINE * 200_000
DEADLINE_S = 20.0
# As in linux/tcp_states.h: the peer has ended its half, ours is open.
TCP_CLOSE_WAIT = 8


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


class Ingestion:
    """A listener and a client of it."""

    def __init__(self, certificates: Certificates, transport: str) -> None:
        self.certificates = certificates
        self.transport = transport
        self.tables = DevoTables()
        self.script = SyslogFaultScript()
        context = server_context(certificates) if transport == "tls" else None
        self.listener = SyslogListener(self.tables, self.script, context=context)

    def connect(self) -> socket.socket:
        plain = socket.create_connection(("localhost", self.listener.port), DEADLINE_S)
        if self.transport == "tcp":
            return plain
        return self.client_context().wrap_socket(plain, server_hostname="localhost")

    def client_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.certificates.chain)
        context.load_cert_chain(self.certificates.client_cert, self.certificates.client_key)
        return context

    @property
    def last(self) -> SyslogConnection:
        return self.tables.connections()[-1]

    def wait_for_bytes(self, count: int) -> None:
        wait_for(lambda: bool(self.tables.connections()) and len(self.last.wire) >= count)


@pytest.fixture(params=["tls", "tcp"])
def ingestion(certificates: Certificates, request: pytest.FixtureRequest) -> Iterator[Ingestion]:
    made = Ingestion(certificates, request.param)
    made.listener.start()
    yield made
    made.listener.stop()


@pytest.fixture
def tls(certificates: Certificates) -> Iterator[Ingestion]:
    made = Ingestion(certificates, "tls")
    made.listener.start()
    yield made
    made.listener.stop()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.002)


def half_close(client: socket.socket) -> None:
    socket.socket.shutdown(client, socket.SHUT_WR)


def tcp_state(client: socket.socket) -> int:
    return client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def send_until_broken(client: socket.socket) -> None:
    while True:
        client.sendall(LINE * 1000)


def send_whole(ingestion: Ingestion) -> None:
    with ingestion.connect() as client:
        client.sendall(LINE)
        half_close(client)
        assert client.recv(1) == b""


def send_in_background(client: socket.socket, data: bytes) -> threading.Thread:
    def send() -> None:
        client.sendall(data)
        half_close(client)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


def test_an_end_is_answered_after_everything_was_read(ingestion: Ingestion) -> None:
    """Who ends its half and sees the peer's end knows that all lines are counted."""
    with ingestion.connect() as client:
        client.sendall(MUCH)
        half_close(client)
        assert client.recv(1) == b""
        assert ingestion.tables.count(TAG) == 200_000
    assert (ingestion.last.ended, ingestion.last.torn_bytes) == ("eof", 0)


def test_a_close_notify_is_answered_by_one(tls: Ingestion) -> None:
    """A TLS client that ends in good order gets the peer's end in good order."""
    client = tls.connect()
    assert isinstance(client, ssl.SSLSocket)
    client.sendall(LINE)
    client.unwrap().close()
    assert tls.last.ended == "eof"


def test_a_bare_end_is_answered_by_a_close_notify(tls: Ingestion) -> None:
    """A client that ends its TCP half only, as devo-sdk does, gets a TLS end all the same."""
    with tls.connect() as client:
        assert isinstance(client, ssl.SSLSocket)
        client.suppress_ragged_eofs = False
        client.sendall(LINE)
        half_close(client)
        assert client.recv(1) == b""
    assert tls.tables.count(TAG) == 1


def test_a_client_that_breaks_off_leaves_what_was_read(ingestion: Ingestion) -> None:
    """After a break the whole lines are events and the rest is torn."""
    client = ingestion.connect()
    client.sendall(LINE * 3 + LINE[:50])
    ingestion.wait_for_bytes(3 * len(LINE) + 50)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    client.close()
    assert ingestion.tables.wait_until_idle(DEADLINE_S)
    assert (ingestion.last.ended, ingestion.last.events, ingestion.last.torn_bytes) == ("broken", 3, 50)


def test_the_name_in_the_certificate_is_recorded(tls: Ingestion) -> None:
    """The record of a connection tells whose certificate opened it."""
    with tls.connect() as client:
        half_close(client)
        client.recv(1)
    assert tls.last.client == "sandbox client"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_modern_tls_is_spoken(tls: Ingestion, version: ssl.TLSVersion) -> None:
    """TLS 1.2 and 1.3 both bring lines."""
    context = tls.client_context()
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("localhost", tls.listener.port), DEADLINE_S) as plain:
        client = context.wrap_socket(plain, server_hostname="localhost")
        client.sendall(LINE)
        client.unwrap()
    assert tls.tables.count(TAG) == 1


@pytest.mark.parametrize("identity", ["none", "foreign"])
def test_a_client_of_another_authority_is_refused(tls: Ingestion, identity: str) -> None:
    """Without a certificate of the sandbox's authority a client gets a TLS alert and brings nothing."""
    context = ssl.create_default_context(cafile=tls.certificates.chain)
    if identity == "foreign":
        foreign = tls.certificates
        context.load_cert_chain(foreign.foreign_client_cert, foreign.foreign_client_key)
    with (
        socket.create_connection(("localhost", tls.listener.port), DEADLINE_S) as plain,
        pytest.raises(ssl.SSLError, match=r"(?i)alert"),
    ):
        context.wrap_socket(plain, server_hostname="localhost").recv(1)
    assert tls.tables.wait_until_idle(DEADLINE_S)
    assert (tls.last.ended, len(tls.last.wire)) == ("refused", 0)


def test_a_client_can_tell_that_the_server_is_another_ones(tls: Ingestion) -> None:
    """The server's certificate does not hold for a client that trusts a foreign authority."""
    context = ssl.create_default_context(cafile=tls.certificates.foreign_chain)
    with (
        socket.create_connection(("localhost", tls.listener.port), DEADLINE_S) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_a_silent_client_holds_up_no_other(tls: Ingestion) -> None:
    """A client that never shakes hands does not keep the next one waiting."""
    with socket.create_connection(("localhost", tls.listener.port), DEADLINE_S), tls.connect() as client:
        client.sendall(LINE)
        half_close(client)
        assert client.recv(1) == b""
    assert tls.tables.count(TAG) == 1


@pytest.mark.parametrize("action", ["reset", "close"])
def test_a_break_keeps_exactly_what_was_read(ingestion: Ingestion, action: str) -> None:
    """RST, and closing with unread data, break the sender; the bytes read before have arrived."""
    ingestion.script.add(SyslogFault(action, after_bytes=12_345))
    with ingestion.connect() as client, pytest.raises((ConnectionError, ssl.SSLError)):
        send_until_broken(client)
    last = ingestion.last
    assert (last.ended, last.fault, len(last.wire)) == ("fault", action, 12_345)
    assert (last.events, last.torn_bytes) == (123, 45)


def test_a_stall_takes_nothing_and_then_everything(ingestion: Ingestion) -> None:
    """A stalled peer reads nothing beyond the given byte until released, and then the rest."""
    fault = SyslogFault("stall", after_bytes=1_000)
    ingestion.script.add(fault)
    with ingestion.connect() as client:
        sender = send_in_background(client, MUCH)
        ingestion.wait_for_bytes(1_000)
        sender.join(0.1)
        assert sender.is_alive()
        assert len(ingestion.last.wire) == 1_000
        fault.released.set()
        assert client.recv(1) == b""
        sender.join(DEADLINE_S)
    assert (ingestion.last.ended, len(ingestion.last.wire)) == ("eof", len(MUCH))


@pytest.mark.parametrize("how", ["released", "timed"])
def test_a_stall_then_close_reads_no_more(ingestion: Ingestion, how: str) -> None:
    """After the stall the connection breaks, and nothing that came meanwhile has arrived."""
    fault = SyslogFault("stall_then_close", after_bytes=1_000, stall_s=0.05 if how == "timed" else None)
    ingestion.script.add(fault)
    with ingestion.connect() as client:
        client.sendall(LINE * 20)
        ingestion.wait_for_bytes(1_000)
        if how == "released":
            fault.released.set()
        with pytest.raises((ConnectionError, ssl.SSLError)):
            send_until_broken(client)
    assert (ingestion.last.ended, len(ingestion.last.wire)) == ("fault", 1_000)


def test_a_half_close_ends_one_direction_only(ingestion: Ingestion) -> None:
    """The peer's end is seen while the connection still takes bytes that nobody reads."""
    ingestion.script.add(SyslogFault("half_close", after_bytes=1_000))
    with ingestion.connect() as client:
        client.sendall(LINE * 20)
        wait_for(lambda: tcp_state(client) == TCP_CLOSE_WAIT)
        # A connection that was closed would answer the first of these with RST.
        client.sendall(LINE)
        client.sendall(LINE)
        assert tcp_state(client) == TCP_CLOSE_WAIT
        assert (ingestion.last.ended, len(ingestion.last.wire)) == ("fault", 1_000)


def test_a_half_close_over_tls_is_a_bare_end(tls: Ingestion) -> None:
    """It comes without a close_notify, so that a client can tell it from an answer."""
    tls.script.add(SyslogFault("half_close"))
    with tls.connect() as client:
        assert isinstance(client, ssl.SSLSocket)
        client.suppress_ragged_eofs = False
        with pytest.raises(ssl.SSLEOFError):
            client.recv(1)


def test_a_trickle_brings_everything(ingestion: Ingestion) -> None:
    """A slow peer loses nothing."""
    ingestion.script.add(SyslogFault("trickle", after_bytes=150, chunk_bytes=700, pause_s=0.001))
    with ingestion.connect() as client:
        client.sendall(LINE * 100)
        half_close(client)
        assert client.recv(1) == b""
    assert (ingestion.last.ended, ingestion.last.events) == ("eof", 100)


def test_a_trickle_reads_in_small_pieces_until_released(ingestion: Ingestion) -> None:
    """Between two pauses the peer takes no more than a piece; released, it reads on at full speed."""
    fault = SyslogFault("trickle", after_bytes=150, chunk_bytes=700, pause_s=3600)
    ingestion.script.add(fault)
    with ingestion.connect() as client:
        sender = send_in_background(client, MUCH)
        ingestion.wait_for_bytes(150)
        sender.join(0.1)
        assert len(ingestion.last.wire) == 150
        fault.released.set()
        assert client.recv(1) == b""
    assert len(ingestion.last.wire) == len(MUCH)


def test_a_peer_that_never_closes_has_read_all(ingestion: Ingestion) -> None:
    """It reads to the client's end and keeps the connection until released."""
    fault = SyslogFault("never_close")
    ingestion.script.add(fault)
    with ingestion.connect() as client:
        client.sendall(LINE * 100)
        half_close(client)
        assert ingestion.tables.wait_until_idle(DEADLINE_S)
        assert (ingestion.last.ended, ingestion.last.events) == ("eof", 100)
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(DEADLINE_S)
        fault.released.set()
        assert client.recv(1) == b""


def test_a_refused_connection_brings_nothing(ingestion: Ingestion) -> None:
    """The connection is reset in place of the handshake."""
    ingestion.script.add(SyslogFault("refuse"))
    with pytest.raises((ConnectionError, ssl.SSLError)), ingestion.connect() as client:
        send_until_broken(client)
    assert ingestion.tables.wait_until_idle(DEADLINE_S)
    assert (ingestion.last.ended, len(ingestion.last.wire)) == ("refused", 0)


def test_faults_are_used_up_connection_by_connection(ingestion: Ingestion) -> None:
    """Each connection takes the next entry; None and the end of the script leave it unharmed."""
    ingestion.script.add(SyslogFault("reset"), None, SyslogFault("reset"))
    for expected in ("broken", "whole", "broken", "whole"):
        if expected == "broken":
            with pytest.raises((ConnectionError, ssl.SSLError)), ingestion.connect() as client:
                send_until_broken(client)
        else:
            send_whole(ingestion)
    assert [each.ended for each in ingestion.tables.connections()] == ["fault", "eof", "fault", "eof"]
    assert ingestion.tables.count(TAG) == 2


def test_a_connection_that_ends_early_never_meets_its_fault(ingestion: Ingestion) -> None:
    """A fault strikes at its byte, not before."""
    ingestion.script.add(SyslogFault("reset", after_bytes=len(LINE) + 1))
    send_whole(ingestion)
    assert ingestion.last.ended == "eof"


def test_stopping_ends_what_is_open(ingestion: Ingestion) -> None:
    """Stopping returns with connections open, held and idle, and what arrived stays."""
    ingestion.script.add(SyslogFault("stall", after_bytes=50), None)
    with ingestion.connect() as held, ingestion.connect() as idle:
        held.sendall(LINE)
        ingestion.wait_for_bytes(0)
        idle.sendall(LINE)
        wait_for(lambda: [len(each.wire) for each in ingestion.tables.connections()] == [50, 100])
        ingestion.listener.stop()
        assert {each.ended for each in ingestion.tables.connections()} == {"stopped"}
    assert ingestion.tables.count(TAG) >= 1


def test_a_listener_starts_again_on_a_port_of_its_choice(ingestion: Ingestion) -> None:
    """Stopping frees the port: the listener can be started anew."""
    ingestion.listener.stop()
    ingestion.listener.start()
    send_whole(ingestion)
    assert ingestion.tables.count(TAG) == 1


def test_two_hundred_thousand_lines_are_counted(ingestion: Ingestion) -> None:
    """A stream of 200 MB in one call is counted line by line."""
    header = b"<14>Jan  1 00:00:00 host my.app.test.%s: "
    tags = [header % b"x" + b"x" * 959 + b"\n", header % b"y" + b"y" * 959 + b"\n"]
    with ingestion.connect() as client:
        client.sendall(b"".join(tags) * 100_000)
        half_close(client)
        assert client.recv(1) == b""
    counts = {tag: ingestion.tables.count(tag) for tag in ingestion.tables.names()}
    assert counts == {"my.app.test.x": 100_000, "my.app.test.y": 100_000}
    assert ingestion.tables.torn() == 0
