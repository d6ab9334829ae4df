"""The syslog listeners: who may connect, and the orderly end of a connection."""

from __future__ import annotations

import socket
import ssl

import pytest
from devo_clients import (
    DEADLINE_S,
    LINE,
    MUCH,
    TAG,
    Ingestion,
    half_close,
    send_whole,
    wait_for,
)

from sandbox.devo.syslog_faults import SyslogFault


def test_an_end_is_answered_after_everything_was_read(ingestion: Ingestion) -> None:
    """A client that ends its half and sees the peer's end knows that all lines are counted."""
    with ingestion.connect() as client:
        client.sendall(MUCH)
        half_close(client)
        assert client.recv(1) == b""
        assert ingestion.tables.count(TAG) == 200_000
    assert (ingestion.last.ended, ingestion.last.torn_bytes) == ("eof", 0)


def test_a_close_notify_is_answered_by_one(tls: Ingestion) -> None:
    """A TLS client that ends in order gets an orderly end from the peer."""
    client = tls.connect()
    assert isinstance(client, ssl.SSLSocket)
    client.sendall(LINE)
    client.unwrap().close()
    assert tls.last.ended == "eof"


def test_a_bare_end_is_answered_by_a_close_notify(tls: Ingestion) -> None:
    """A client that ends only its TCP half, as devo-sdk does, still gets a TLS end."""
    with tls.connect() as client:
        assert isinstance(client, ssl.SSLSocket)
        client.suppress_ragged_eofs = False
        client.sendall(LINE)
        half_close(client)
        assert client.recv(1) == b""
    assert tls.tables.count(TAG) == 1


def test_the_bytes_before_a_break_are_kept(ingestion: Ingestion) -> None:
    """After a break the complete lines are events and the rest is torn."""
    client = ingestion.connect()
    client.sendall(LINE * 3 + LINE[:50])
    ingestion.wait_for_bytes(3 * len(LINE) + 50)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    client.close()
    assert ingestion.tables.wait_until_idle(DEADLINE_S, connections=1)
    assert (ingestion.last.ended, ingestion.last.events, ingestion.last.torn_bytes) == ("broken", 3, 50)


def test_the_name_in_the_certificate_is_recorded(tls: Ingestion) -> None:
    """A connection records the name in the client's certificate."""
    with tls.connect() as client:
        half_close(client)
        client.recv(1)
    assert tls.last.client == "sandbox client"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_modern_tls_is_spoken(tls: Ingestion, version: ssl.TLSVersion) -> None:
    """TLS 1.2 and 1.3 are accepted."""
    context = tls.client_context()
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("localhost", tls.listener.port), DEADLINE_S) as plain:
        client = context.wrap_socket(plain, server_hostname="localhost")
        client.sendall(LINE)
        client.unwrap()
    assert tls.tables.count(TAG) == 1


@pytest.mark.parametrize("identity", ["none", "foreign"])
def test_a_client_of_another_authority_is_refused(tls: Ingestion, identity: str) -> None:
    """A client without a certificate of the sandbox's authority gets a TLS alert and delivers nothing."""
    context = ssl.create_default_context(cafile=tls.certificates.chain)
    if identity == "foreign":
        foreign = tls.certificates
        context.load_cert_chain(foreign.foreign_client_cert, foreign.foreign_client_key)
    with (
        socket.create_connection(("localhost", tls.listener.port), DEADLINE_S) as plain,
        pytest.raises(ssl.SSLError, match=r"(?i)alert"),
    ):
        context.wrap_socket(plain, server_hostname="localhost").recv(1)
    assert tls.tables.wait_until_idle(DEADLINE_S, connections=1)
    assert (tls.last.ended, len(tls.last.wire)) == ("refused", 0)


def test_a_client_of_a_foreign_authority_rejects_the_server(tls: Ingestion) -> None:
    """A client that trusts a foreign authority rejects the server's certificate."""
    context = ssl.create_default_context(cafile=tls.certificates.foreign_chain)
    with (
        socket.create_connection(("localhost", tls.listener.port), DEADLINE_S) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_a_silent_client_holds_up_no_other(tls: Ingestion) -> None:
    """A client that never does its handshake does not delay the next one."""
    with socket.create_connection(("localhost", tls.listener.port), DEADLINE_S), tls.connect() as client:
        client.sendall(LINE)
        half_close(client)
        assert client.recv(1) == b""
    assert tls.tables.count(TAG) == 1


def test_stopping_ends_open_connections(ingestion: Ingestion) -> None:
    """Stopping returns while connections are open, held or idle, and keeps the received data."""
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
    """Stopping frees the port, so that the listener can start again."""
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
