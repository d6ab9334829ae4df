"""Events to the sandbox Devo over TLS and plain TCP, with every way in which a connection can break."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from devo_peers import FakeClock, sandbox_connector

from airflow_provider_flashpoint.core.devo.connection.syslog_channel import SyslogChannel
from airflow_provider_flashpoint.core.devo.events.syslog import syslog_frame
from airflow_provider_flashpoint.core.devo.events.writer import EventWriter, encode
from airflow_provider_flashpoint.errors import DeliveryError
from sandbox.devo.server import DevoServer
from sandbox.devo.syslog_faults import SyslogFault

TAG = "threatintel.flashpoint.intelligence.alerts"
# Sixty thousand events, 60 MB: far more than the hosts at both ends hold back.
EVENTS = [encode({"id": f"{number:05}", "body": "x" * 980}) for number in range(60_000)]
BATCH_BYTES = 4 << 20
EVENTS_IN_BATCH = BATCH_BYTES // len(EVENTS[0])

both_transports = pytest.mark.parametrize("transport", ["tls", "tcp"])


def writer_to(devo: DevoServer, transport: str, *, confirm_timeout_s: float = 30.0, **options: Any) -> EventWriter:
    """Return a writer that does not wait between attempts."""
    connector = sandbox_connector(devo, transport, send_timeout_s=options.pop("send_timeout_s", 60.0))
    channel = SyslogChannel(connector.connect, syslog_frame(TAG), confirm_timeout_s=confirm_timeout_s)
    return EventWriter(channel, **({"sleep": lambda _: None, "batch_bytes": BATCH_BYTES} | options))


def assert_arrived(devo: DevoServer, events: list[bytes], *, repeated_at_most: int) -> None:
    """Check that all of ``events`` arrived, with a limit of repetitions."""
    count = devo.tables.ids(TAG, "id")
    assert count.distinct == len(events)
    assert count.duplicates <= repeated_at_most


@both_transports
def test_healthy_peer_gets_each_event_once(devo: DevoServer, transport: str) -> None:
    """Without a break, every event arrives once and in order."""
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
    """However a connection breaks, none of 60,000 events is lost and at most one batch is repeated."""
    devo.syslog_faults.add(None, SyslogFault(action, after_bytes=BATCH_BYTES // 2, **details))
    # On plain TCP an early end can be told from an orderly one only while there is more to send than hosts hold.
    events_in_batch = len(EVENTS) if (action, transport) == ("half_close", "tcp") else EVENTS_IN_BATCH
    with writer_to(devo, transport, batch_bytes=events_in_batch * len(EVENTS[-1])) as writer:
        # What is confirmed before the break is not repeated.
        writer.write(EVENTS[:10])
        writer.confirm()
        writer.write(EVENTS[10:])
    assert 0 < writer.statistics.repeated <= events_in_batch
    assert_arrived(devo, EVENTS, repeated_at_most=events_in_batch)
    assert devo.tables.torn() <= 1


@both_transports
@pytest.mark.parametrize(
    ("action", "details"),
    [("stall", {"stall_s": 0.2}), ("trickle", {"chunk_bytes": 8 * 1024, "pause_s": 0.001})],
)
def test_slow_peer_is_waited_for(devo: DevoServer, transport: str, action: Any, details: dict[str, float]) -> None:
    """A peer that stalls or reads slowly within the timeouts gets each event once."""
    devo.syslog_faults.add(SyslogFault(action, after_bytes=BATCH_BYTES // 2, **details))
    with writer_to(devo, transport) as writer:
        writer.write(EVENTS)
    assert writer.statistics.repeated == 0
    assert_arrived(devo, EVENTS, repeated_at_most=0)


@both_transports
def test_break_on_every_third_connection_loses_nothing(devo: DevoServer, transport: str) -> None:
    """Each of many breaks in one run repeats at most one batch, and loses no event."""
    breaking = SyslogFault("reset", after_bytes=BATCH_BYTES // 2)
    # A connection that was made ahead is dropped with the one that breaks.
    devo.syslog_faults.add(*[breaking, None, None] * 10)
    with writer_to(devo, transport) as writer:
        writer.write(EVENTS)
    breaks = sum(1 for each in devo.tables.connections() if each.ended == "fault")
    assert breaks > 3
    assert_arrived(devo, EVENTS, repeated_at_most=breaks * EVENTS_IN_BATCH)


def test_end_without_a_word_is_a_break_over_tls(devo: DevoServer) -> None:
    """A peer that ends its half before it has read everything is detected, since its empty connections end in order."""
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
    """A peer that keeps all connections open gets each event once; one warning says what that proves."""
    devo.syslog_faults.add(*[SyslogFault("never_close") for _ in range(20)])
    with (
        caplog.at_level(logging.WARNING),
        writer_to(devo, transport, confirm_timeout_s=1.5, batch_bytes=16 << 20) as writer,
    ):
        writer.write(EVENTS)
    assert writer.statistics.repeated == 0
    assert writer.statistics.confirms > 2
    assert [record.getMessage() for record in caplog.records] == [
        "Devo does not close its half of a connection. Its host has acknowledged every byte: this proves that "
        "the lines arrived there, not that the program there has read them. The lines count as delivered."
    ]
    devo.syslog_faults.release()
    assert devo.tables.wait_until_idle(60.0)
    assert_arrived(devo, EVENTS, repeated_at_most=0)


@both_transports
def test_peer_that_closes_others_but_not_this_one_has_not_read(devo: DevoServer, transport: str) -> None:
    """If the peer ends an empty connection but not the one with events, the events are sent again."""
    devo.syslog_faults.add(SyslogFault("stall", after_bytes=10))
    few = EVENTS[:5]
    with writer_to(devo, transport, confirm_timeout_s=3.0) as writer:
        writer.write(few)
        writer.confirm()
    assert writer.statistics.repeated == len(few)
    assert_arrived(devo, few, repeated_at_most=0)


def test_peer_that_takes_nothing_more_ends_in_an_error(devo: DevoServer, clock: FakeClock) -> None:
    """A peer that stalls every connection costs a limited number of attempts, then raises an error with the count."""
    devo.syslog_faults.add(*[SyslogFault("stall", after_bytes=1) for _ in range(3)])
    writer = writer_to(
        devo,
        "tcp",
        send_timeout_s=0.2,
        confirm_timeout_s=0.2,
        batch_bytes=len(EVENTS) * len(EVENTS[0]),
        max_attempts=3,
        sleep=clock.sleep,
    )
    with pytest.raises(DeliveryError, match="3 attempts") as caught:
        writer.write(EVENTS)
    assert caught.value.unconfirmed == writer.unconfirmed > 0
    assert writer.statistics.connections == 3
