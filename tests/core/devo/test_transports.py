"""The transports that a connection can choose."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from devo_peers import FakeClock, sandbox_identity

from airflow_provider_flashpoint.connections import read_settings
from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
from airflow_provider_flashpoint.core.devo.settings import DevoSettings
from airflow_provider_flashpoint.core.devo.transports import EVENT_TRANSPORTS, LOOKUP_TRANSPORTS, event_channel
from airflow_provider_flashpoint.errors import ConfigurationError, DeliveryError
from sandbox.devo.server import DevoServer

TAG = "my.app.test.x"


def settings_of(devo: DevoServer, **extra: Any) -> DevoSettings:
    identity = sandbox_identity(devo)
    fields = {"cert": identity.cert, "private_key": identity.key, "chain": identity.chain} | extra
    port = fields.pop("port")
    return read_settings(DevoSettings, fields, conn_id="devo_test", host="localhost", port=port)


def test_registry_has_each_choice_of_a_connection() -> None:
    """Every transport that a connection can choose is registered under its name, and no other."""
    fields = DevoSettings.model_fields
    assert set(EVENT_TRANSPORTS) == set(get_args(fields["event_transport"].annotation))
    assert set(LOOKUP_TRANSPORTS) == set(get_args(fields["lookup_transport"].annotation))
    for transport in (*EVENT_TRANSPORTS.values(), *LOOKUP_TRANSPORTS.values()):
        assert {*transport.needs, *transport.refuses, transport.shown_by or "host"} <= set(fields) | {"token"}


def test_tag_is_checked_before_connecting(devo: DevoServer) -> None:
    """An invalid tag is refused before connecting."""
    with pytest.raises(ConfigurationError, match="Invalid Devo tag"):
        event_channel(settings_of(devo, port=1), "no tag")


@pytest.mark.parametrize("insecure", [False, True])
def test_events_go_where_the_settings_say(devo: DevoServer, insecure: bool, clock: FakeClock) -> None:
    """Events arrive over TLS, or over plain TCP where it is enabled."""
    port = devo.plain_port if insecure else devo.syslog_port
    channel = event_channel(settings_of(devo, port=port, insecure=insecure), TAG)
    with EventWriter(channel, sleep=clock.sleep) as writer:
        writer.write(writer.encode({"a": 1}))
    assert devo.tables.messages(TAG) == ['{"a":1}']
    assert [each.transport for each in devo.tables.connections()] == ["tcp" if insecure else "tls"]


def test_plain_tcp_is_never_a_fallback(devo: DevoServer, clock: FakeClock) -> None:
    """Without `insecure`, no event is sent to a port without TLS."""
    channel = event_channel(settings_of(devo, port=devo.plain_port, connect_timeout_s=0.2), TAG)
    writer = EventWriter(channel, max_attempts=1, sleep=clock.sleep)
    writer.write(b"x\n")
    with pytest.raises(DeliveryError, match="no TLS handshake in time"):
        writer.confirm()
    assert TAG not in devo.tables.names()
