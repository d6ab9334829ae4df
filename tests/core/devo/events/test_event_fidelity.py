"""Events arrive unchanged over each transport and framing, with the bytes of devo-sdk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from devo.sender import Sender, SenderConfigSSL, SenderConfigTCP
from devo_peers import sandbox_identity
from hypothesis import given, settings
from hypothesis import strategies as st
from test_event_line import ANY_TEXT, JSON_VALUES, as_utf16

from airflow_provider_flashpoint.connections import read_settings
from airflow_provider_flashpoint.core.devo.events.writer import EventWriter, encode
from airflow_provider_flashpoint.core.devo.settings import DevoSettings as ConnectionSettings
from airflow_provider_flashpoint.core.devo.transports import event_channel
from sandbox.devo.server import DevoServer
from sandbox.devo.settings import DevoSettings

TAG = "threatintel.flashpoint.intelligence.alerts"
# What devo-sdk sends as one event: no line break, and no lone surrogate, which it would replace.
SDK_TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\n\r\0"))

each_way = pytest.mark.parametrize(
    "extra",
    [
        {},
        {"event_framing": "octet_counted"},
        {"insecure": True},
        {"insecure": True, "event_framing": "octet_counted"},
        {"event_date_field": "time"},
        {"event_transport": "http"},
    ],
    ids=["tls", "tls-counted", "tcp", "tcp-counted", "tls-dated", "http"],
)


@pytest.fixture(scope="module")
def devo(certificates_directory: Path) -> Iterator[DevoServer]:
    """A sandbox for the many examples of one test."""
    with DevoServer(DevoSettings(directory=certificates_directory)) as server:
        yield server


def line_of_text(text: str) -> bytes:
    """Return a text that is not JSON as a line, with its line breaks and NULs made visible."""
    visible = text.translate(str.maketrans({"\n": "\\n", "\r": "\\r", "\0": "\\0"}))
    return visible.encode("utf-8", "backslashreplace") + b"\n"


def writer_to(devo: DevoServer, extra: dict[str, Any]) -> EventWriter:
    identity = sandbox_identity(devo)
    fields = {
        "cert": identity.cert,
        "private_key": identity.key,
        "chain": identity.chain,
        "domain": devo.settings.domain,
        "http_token": devo.settings.http_token,
        "http_base_url": devo.url,
    }
    port = devo.plain_port if extra.get("insecure") else devo.syslog_port
    connection = read_settings(ConnectionSettings, fields | extra, conn_id="devo_test", host="localhost", port=port)
    return EventWriter(event_channel(connection, TAG))


def sdk_sender(devo: DevoServer, extra: dict[str, Any]) -> Sender:
    certificates = devo.certificates
    if extra.get("insecure"):
        return Sender(SenderConfigTCP(address=("127.0.0.1", devo.plain_port)))
    config = SenderConfigSSL(
        address=("localhost", devo.syslog_port),
        key=str(certificates.client_key),
        cert=str(certificates.client_cert),
        chain=str(certificates.chain),
    )
    return Sender(config)


@each_way
@settings(deadline=None)
@given(
    fields=st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=5, unique_by=lambda pair: as_utf16(pair[0])),
    value=JSON_VALUES,
)
def test_any_text_arrives_unchanged_as_one_event(
    devo: DevoServer, extra: dict[str, Any], fields: list[tuple[str, str]], value: Any
) -> None:
    """Any text in any field arrives unchanged, and never makes a second event or another table."""
    devo.tables.clear()
    records = [
        dict(fields),
        {name: text for text, name in fields} | {"time": value},
        {"text": [name for name, _ in fields]},
    ]
    with writer_to(devo, extra) as writer:
        writer.write(map(encode, records))
    assert devo.tables.names() == [TAG]
    assert [as_utf16(json.loads(each)) for each in devo.tables.messages(TAG)] == [as_utf16(each) for each in records]


@each_way
@settings(deadline=None)
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=5))
def test_any_text_that_is_no_json_is_one_event(devo: DevoServer, extra: dict[str, Any], texts: list[str]) -> None:
    """Texts that are not JSON arrive as lines, one event each."""
    devo.tables.clear()
    lines = [line_of_text(text) for text in texts]
    with writer_to(devo, extra) as writer:
        writer.write(lines)
    assert devo.tables.names() == [TAG]
    assert [f"{each}\n".encode() for each in devo.tables.messages(TAG)] == lines


@pytest.mark.parametrize("extra", [{}, {"insecure": True}], ids=["tls", "tcp"])
@pytest.mark.parametrize("framing", ["newline", "octet_counted"])
@settings(deadline=None, max_examples=25)
@given(texts=st.lists(SDK_TEXT, max_size=5), records=st.lists(JSON_VALUES, max_size=5))
def test_stream_is_the_sdks(
    devo: DevoServer, extra: dict[str, Any], framing: str, texts: list[str], records: list[Any]
) -> None:
    """For every message that devo-sdk sends correctly, the bytes are the same, in both framings."""
    devo.tables.clear()
    texts = [*texts, "", 'a"b",c\td', "ñ€😀", "back\\slash", "a" * 70_000]
    lines = [*map(line_of_text, texts), *map(encode, records)]
    sender = sdk_sender(devo, extra)
    for line in lines:
        # The SDK counts the newline of a message only where it is given with it.
        sender.send(TAG, line.decode(), multiline=framing == "octet_counted")
    sender.close()
    with writer_to(devo, extra | {"event_framing": framing}) as writer:
        writer.write(lines)
    assert devo.tables.wait_until_idle(60.0)
    theirs, ours = (each.wire.read(0, len(each.wire)) for each in devo.tables.connections())
    assert ours == theirs
    assert len(ours) > 70_000
