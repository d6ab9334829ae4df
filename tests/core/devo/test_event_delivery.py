"""Events to the sandbox Devo over TLS and plain TCP, through every way in which a connection can break."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from devo.sender import Sender, SenderConfigSSL, SenderConfigTCP
from devo_peers import FakeClock, sandbox_connector
from hypothesis import given, settings
from hypothesis import strategies as st
from test_event_line import ANY_TEXT, as_utf16

from airflow_provider_flashpoint.core.devo.event_writer import EventWriter
from airflow_provider_flashpoint.core.devo.line import encode, encode_text, syslog_header
from airflow_provider_flashpoint.core.devo.syslog_channel import SyslogChannel
from airflow_provider_flashpoint.errors import DeliveryError
from airflow_provider_flashpoint.sandbox.devo_server import DevoServer
from airflow_provider_flashpoint.sandbox.devo_settings import DevoSettings
from airflow_provider_flashpoint.sandbox.devo_syslog_faults import SyslogFault

TAG = "threatintel.flashpoint.intelligence.alerts"
# Three thousand events, 24 MB: more than the hosts at both ends hold back, so that a break comes while sending.
EVENTS = [encode({"id": f"{number}", "body": "x" * 8000}) for number in range(3000)]
WINDOW_BYTES = 4 << 20
EVENTS_IN_WINDOW = WINDOW_BYTES // len(EVENTS[0])
BREAK_AFTER_BYTES = 1_500_000

both_transports = pytest.mark.parametrize("transport", ["tls", "tcp"])


def writer_to(
    devo: DevoServer, transport: str, *, tag: str = TAG, confirm_timeout_s: float = 30.0, **options: Any
) -> EventWriter:
    """Return a writer that waits for nothing between attempts."""
    connector = sandbox_connector(devo, transport, send_timeout_s=options.pop("send_timeout_s", 60.0))
    channel = SyslogChannel(connector.connect, syslog_header(tag), confirm_timeout_s=confirm_timeout_s)
    return EventWriter(channel, **({"sleep": lambda _: None} | options))


def assert_arrived(devo: DevoServer, events: list[bytes], *, repeated_at_most: int) -> None:
    """Each of ``events`` is at the sink, and no more than so many came again."""
    count = devo.tables.ids(TAG, "id")
    assert count.distinct == len(events)
    assert count.duplicates <= repeated_at_most


@both_transports
def test_healthy_peer_gets_each_event_once(devo: DevoServer, transport: str) -> None:
    """Without a break every event arrives once and in order."""
    with writer_to(devo, transport) as writer:
        writer.write(EVENTS)
        assert writer.confirm() == len(EVENTS)
    assert [f"{message}\n".encode() for message in devo.tables.messages(TAG)] == EVENTS


@both_transports
@pytest.mark.parametrize(
    ("action", "details"),
    [
        ("reset", {}),
        ("close", {}),
        ("stall_then_close", {"stall_s": 0.2}),
        ("half_close", {}),
        ("refuse", {}),
    ],
)
def test_break_loses_nothing(devo: DevoServer, transport: str, action: Any, details: dict[str, float]) -> None:
    """However a connection breaks, no event is lost and at most one window is repeated."""
    devo.syslog_faults.add(None, SyslogFault(action, after_bytes=BREAK_AFTER_BYTES, **details))
    # On plain TCP an early end can be told from an orderly one only while there is more to send than hosts hold.
    window = len(EVENTS[0]) * len(EVENTS) if (action, transport) == ("half_close", "tcp") else WINDOW_BYTES
    # A peer that ends its half and stops reading may be found out only when a send is stalled for too long.
    with writer_to(devo, transport, window_bytes=window, send_timeout_s=5.0) as writer:
        writer.write(EVENTS[:10])
        writer.confirm()
        writer.write(EVENTS[10:])
        writer.confirm()
    assert writer.statistics.repeated > 0
    assert_arrived(devo, EVENTS, repeated_at_most=window // len(EVENTS[0]))
    assert devo.tables.torn() <= 1


@both_transports
@pytest.mark.parametrize(
    ("action", "details"),
    [("stall", {"stall_s": 0.2}), ("trickle", {"chunk_bytes": 64 * 1024, "pause_s": 0.001})],
)
def test_slow_peer_is_waited_for(devo: DevoServer, transport: str, action: Any, details: dict[str, float]) -> None:
    """A peer that stalls or trickles within the timeouts gets each event once."""
    devo.syslog_faults.add(SyslogFault(action, after_bytes=BREAK_AFTER_BYTES, **details))
    with writer_to(devo, transport, window_bytes=WINDOW_BYTES) as writer:
        writer.write(EVENTS)
    assert writer.statistics.repeated == 0
    assert_arrived(devo, EVENTS, repeated_at_most=0)


@both_transports
def test_break_on_every_other_connection_loses_nothing(devo: DevoServer, transport: str) -> None:
    """Many breaks in one run cost one window each, and no event."""
    breaking = SyslogFault("reset", after_bytes=BREAK_AFTER_BYTES)
    devo.syslog_faults.add(*[breaking, None] * 10)
    with writer_to(devo, transport, window_bytes=WINDOW_BYTES) as writer:
        writer.write(EVENTS)
    breaks = sum(1 for each in devo.tables.connections() if each.ended == "fault")
    assert breaks > 1
    assert_arrived(devo, EVENTS, repeated_at_most=breaks * EVENTS_IN_WINDOW)


def test_end_without_a_word_is_a_break_over_tls(devo: DevoServer) -> None:
    """A peer that ends its half before it has read what its host holds is found out, since others end politely."""
    few = EVENTS[:3]
    devo.syslog_faults.add(SyslogFault("half_close", after_bytes=len(few[0])))
    with writer_to(devo, "tls") as writer:
        writer.write(few)
        writer.confirm()
    assert writer.statistics.repeated == len(few)
    assert_arrived(devo, few, repeated_at_most=len(few))


@both_transports
def test_peer_that_never_closes_is_believed_with_a_warning(
    devo: DevoServer, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A peer whose habit is to keep connections open gets each event once, and the log says once what that proves."""
    devo.syslog_faults.add(*[SyslogFault("never_close") for _ in range(12)])
    with (
        caplog.at_level(logging.WARNING),
        writer_to(devo, transport, confirm_timeout_s=0.1, window_bytes=WINDOW_BYTES) as writer,
    ):
        writer.write(EVENTS)
    assert writer.statistics.repeated == 0
    assert writer.statistics.confirms > 2
    assert [record.getMessage() for record in caplog.records] == [
        "Devo does not close its half of a connection. Its host has acknowledged every byte: that proves that "
        "they arrived there, not that the program there has read them. The lines are taken as delivered."
    ]
    devo.syslog_faults.release()
    assert devo.tables.wait_until_idle(10.0)
    assert_arrived(devo, EVENTS, repeated_at_most=0)


@both_transports
def test_peer_that_closes_others_but_not_this_one_has_not_read(devo: DevoServer, transport: str) -> None:
    """Where the peer ends an empty connection but not the one with events, those are sent again."""
    devo.syslog_faults.add(SyslogFault("stall", after_bytes=10))
    few = EVENTS[:5]
    with writer_to(devo, transport, confirm_timeout_s=0.1) as writer:
        writer.write(few)
        writer.confirm()
    assert writer.statistics.repeated == len(few)
    assert_arrived(devo, few, repeated_at_most=0)


def test_peer_that_takes_nothing_more_ends_in_an_error(devo: DevoServer, clock: FakeClock) -> None:
    """A peer that stalls every connection costs a bounded number of attempts, then an error with the count."""
    devo.syslog_faults.add(*[SyslogFault("stall", after_bytes=1) for _ in range(3)])
    writer = writer_to(
        devo,
        "tcp",
        send_timeout_s=0.2,
        confirm_timeout_s=0.2,
        window_bytes=len(EVENTS) * len(EVENTS[0]),
        max_attempts=3,
        sleep=clock.sleep,
    )
    with pytest.raises(DeliveryError, match="3 attempts") as caught:
        writer.write(EVENTS)
    assert caught.value.unconfirmed == writer.unconfirmed > 0
    assert writer.statistics.connections == 3


@both_transports
def test_stream_is_the_sdks(devo: DevoServer, transport: str) -> None:
    """For every message that devo-sdk sends right, the bytes on the wire are the same."""
    texts = ["hello", "", 'a"b",c\td', "ñ€😀", "a" * 100_000, "back\\slash"]
    records = [{"id": 1, "deep": [None, {"a.b": 'x"y\nz'}]}, {"id": "zwei", "html": "<b>&amp;</b>"}, []]
    certificates = devo.certificates
    config = (
        SenderConfigTCP(address=("127.0.0.1", devo.plain_port))
        if transport == "tcp"
        else SenderConfigSSL(
            address=("localhost", devo.syslog_port),
            key=str(certificates.client_key),
            cert=str(certificates.client_cert),
            chain=str(certificates.chain),
        )
    )
    sender = Sender(config)
    for text in texts:
        sender.send(TAG, text)
    for record in records:
        sender.send(TAG, encode(record).decode().removesuffix("\n"))
    sender.close()
    with writer_to(devo, transport) as writer:
        writer.write(map(encode_text, texts))
        writer.write(map(encode, records))
    assert devo.tables.wait_until_idle(10.0)
    theirs, ours = (each.wire.read(0, len(each.wire)) for each in devo.tables.connections())
    assert ours == theirs
    assert len(ours) > 100_000


@pytest.fixture(scope="module")
def lasting_devo(certificates_directory: Any) -> Iterator[DevoServer]:
    """A sandbox for the many examples of one test."""
    with DevoServer(DevoSettings(directory=certificates_directory)) as server:
        yield server


@given(fields=st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=5, unique_by=lambda pair: as_utf16(pair[0])))
@settings(deadline=None)
def test_any_text_arrives_unchanged_as_one_event(lasting_devo: DevoServer, fields: list[tuple[str, str]]) -> None:
    """Any text in any field comes out as it went in, and never makes a second event."""
    lasting_devo.tables.clear()
    records = [dict(fields), {name: value for value, name in fields}, {"text": [name for name, _ in fields]}]
    with writer_to(lasting_devo, "tcp") as writer:
        writer.write(map(encode, records))
    tables = lasting_devo.tables
    assert tables.names() == [TAG]
    assert [json.loads(each) for each in tables.messages(TAG)] == [as_utf16(each) for each in records]


def test_each_batch_is_one_send(devo: DevoServer) -> None:
    """The socket is called once for each batch of 64 to 256 KiB."""
    sizes: list[int] = []

    class Counting:
        """A socket that notes the size of each send, and is otherwise as it is."""

        def __init__(self, connection: Any) -> None:
            self._connection = connection

        def sendall(self, data: bytes) -> None:
            sizes.append(len(data))
            self._connection.sendall(data)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

    connect: Callable[[], Any] = sandbox_connector(devo, "tcp").connect
    channel = SyslogChannel(lambda: Counting(connect()), syslog_header(TAG))
    writer = EventWriter(channel)
    small = [encode({"id": number, "body": "x" * 900}) for number in range(5000)]
    writer.write(small)
    assert all(64 * 1024 <= size <= 256 * 1024 for size in sizes)
    assert sum(sizes) + 64 * 1024 * 2 > sum(map(len, small))
