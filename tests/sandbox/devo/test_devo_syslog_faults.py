"""The effects of each scripted fault on a syslog connection."""

from __future__ import annotations

import ssl

import pytest
from devo_clients import (
    DEADLINE_S,
    LINE,
    MUCH,
    TAG,
    TCP_CLOSE_WAIT,
    Ingestion,
    half_close,
    send_in_background,
    send_until_broken,
    send_whole,
    tcp_state,
    wait_for,
)

from sandbox.devo.syslog_faults import SyslogFault


@pytest.mark.parametrize("action", ["reset", "close"])
def test_a_break_keeps_exactly_what_was_read(ingestion: Ingestion, action: str) -> None:
    """RST, and closing with unread data, break the sender; bytes read before have arrived."""
    ingestion.script.add(SyslogFault(action, after_bytes=12_345))
    with ingestion.connect() as client, pytest.raises((ConnectionError, ssl.SSLError)):
        send_until_broken(client)
    last = ingestion.last
    assert (last.ended, last.fault, len(last.wire)) == ("fault", action, 12_345)
    assert (last.events, last.torn_bytes) == (123, 45)


def test_a_close_waits_for_something_to_leave_unread(ingestion: Ingestion) -> None:
    """The connection stays until more bytes arrive, since closing it before would look like an orderly end."""
    ingestion.script.add(SyslogFault("close", after_bytes=len(LINE)))
    with ingestion.connect() as client:
        client.sendall(LINE)
        assert ingestion.tables.wait_until_idle(DEADLINE_S, connections=1)
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(DEADLINE_S)
        with pytest.raises((ConnectionError, ssl.SSLError)):
            send_until_broken(client)


def test_a_stall_takes_nothing_and_then_everything(ingestion: Ingestion) -> None:
    """A stalled peer reads nothing after the given byte until it is released, and then the rest."""
    fault = SyslogFault("stall", after_bytes=1_000)
    ingestion.script.add(fault)
    with ingestion.connect() as client:
        sender = send_in_background(client, MUCH)
        ingestion.wait_for_bytes(1_000)
        sender.join(0.1)
        assert sender.is_alive()
        assert len(ingestion.last.wire) == 1_000
        fault.released.set()
        sender.join(DEADLINE_S)
        assert client.recv(1) == b""
    assert (ingestion.last.ended, len(ingestion.last.wire)) == ("eof", len(MUCH))


@pytest.mark.parametrize("how", ["released", "timed"])
def test_a_stall_then_close_reads_no_more(ingestion: Ingestion, how: str) -> None:
    """After the stall the connection breaks, and bytes sent during the stall have not arrived."""
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
    """The client sees the peer's end while the connection still accepts bytes that are never read."""
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
    """The end has no close_notify, so that a client can distinguish it from an answer."""
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
    """Between two pauses the peer reads at most one piece; released, it reads at full speed."""
    fault = SyslogFault("trickle", after_bytes=150, chunk_bytes=700, pause_s=3600)
    ingestion.script.add(fault)
    with ingestion.connect() as client:
        sender = send_in_background(client, MUCH)
        ingestion.wait_for_bytes(150)
        sender.join(0.1)
        assert len(ingestion.last.wire) == 150
        fault.released.set()
        sender.join(DEADLINE_S)
        assert client.recv(1) == b""
    assert len(ingestion.last.wire) == len(MUCH)


def test_a_peer_that_never_closes_has_read_all(ingestion: Ingestion) -> None:
    """The peer reads to the client's end and keeps the connection until it is released."""
    fault = SyslogFault("never_close")
    ingestion.script.add(fault)
    with ingestion.connect() as client:
        client.sendall(LINE * 100)
        half_close(client)
        assert ingestion.tables.wait_until_idle(DEADLINE_S, connections=1)
        assert (ingestion.last.ended, ingestion.last.events) == ("eof", 100)
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(DEADLINE_S)
        fault.released.set()
        assert client.recv(1) == b""


def test_a_refused_connection_brings_nothing(ingestion: Ingestion) -> None:
    """The connection is reset instead of the handshake."""
    ingestion.script.add(SyslogFault("refuse"))
    with pytest.raises((ConnectionError, ssl.SSLError)), ingestion.connect() as client:
        send_until_broken(client)
    assert ingestion.tables.wait_until_idle(DEADLINE_S, connections=1)
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
    """A fault applies at its byte, not before."""
    ingestion.script.add(SyslogFault("reset", after_bytes=len(LINE) + 1))
    send_whole(ingestion)
    assert ingestion.last.ended == "eof"
