"""The sandbox understands devo-sdk, the vendor's own client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from devo.sender import DevoSenderException, Lookup, Sender, SenderConfigSSL, SenderConfigTCP

from sandbox.devo.server import DevoServer
from sandbox.devo.syslog_faults import SyslogFault

TAG = "my.app.test.x"
SPECIAL = ['a"b",c\td', "<b>&amp;</b>", "ñ€😀", "a\x00b", "", "a: b", "  spaces  ", "\\n", "x" * 1_000_000]


def tls_sender(devo: DevoServer, identity: str = "client", **options: Any) -> Sender:
    files = devo.certificates
    config = SenderConfigSSL(
        address=("localhost", devo.syslog_port),
        key=str(getattr(files, f"{identity}_key")),
        cert=str(getattr(files, f"{identity}_cert")),
        chain=str(files.chain),
        **options,
    )
    return Sender(config, timeout=120)


def sender(devo: DevoServer, transport: str) -> Sender:
    if transport == "tls":
        return tls_sender(devo)
    return Sender(SenderConfigTCP(address=("localhost", devo.plain_port)), timeout=120)


@pytest.fixture(params=["tls", "tcp"])
def client(devo: DevoServer, request: pytest.FixtureRequest) -> Iterator[Sender]:
    made = sender(devo, request.param)
    yield made
    made.close()


def test_the_vendor_s_check_of_the_configuration_passes(devo: DevoServer) -> None:
    """devo-sdk finds that keys, certificates, chain and server belong together."""
    client = tls_sender(devo, verify_config=True)
    client.send(TAG, "hello")
    client.close()
    assert devo.tables.messages(TAG) == ["hello"]


def test_several_tables_on_one_connection(devo: DevoServer, client: Sender) -> None:
    """Events go to the tables of their tags, in the order in which they were sent."""
    for number in range(30):
        client.send(f"my.app.test.{'xyz'[number % 3]}", f"message {number}")
    client.close()
    assert devo.tables.names() == ["my.app.test.x", "my.app.test.y", "my.app.test.z"]
    assert devo.tables.messages("my.app.test.y") == [f"message {number}" for number in range(1, 30, 3)]
    assert [each.events for each in devo.tables.connections()] == [30]


def test_special_characters_arrive_unchanged(devo: DevoServer, client: Sender) -> None:
    """Any text without a line break arrives unchanged."""
    for message in SPECIAL:
        client.send(TAG, message)
    client.close()
    assert devo.tables.messages(TAG) == SPECIAL


def test_the_header_is_understood(devo: DevoServer, client: Sender) -> None:
    """Facility, severity, date and host are read from the header of devo-sdk."""
    client.send(TAG, "m", facility=16, severity=3, hostname="web1", date="2024-01-02 03:04:05.678")
    client.close()
    header = devo.tables.events(TAG)[0].header
    assert header is not None
    assert (header.priority, header.host, header.date) == (131, "web1", "2024-01-02 03:04:05.678")


def test_a_line_break_makes_a_second_line(devo: DevoServer, client: Sender) -> None:
    """Without counted frames the rest of a message becomes a line without a table."""
    client.send(TAG, "one\ntwo\r")
    client.close()
    assert devo.tables.messages(TAG) == ["one"]
    assert devo.tables.messages("unknown.unknown") == ["two\r"]


def test_counted_frames_hold_line_breaks(devo: DevoServer, client: Sender) -> None:
    """With multiline a message is one event, whatever it contains."""
    messages = ["one\ntwo", "ñ\n", "x\n" * 10_000 + "y", "plain"]
    for message in messages:
        client.send(TAG, message, multiline=message != "plain")
    client.close()
    # devo-sdk adds the newline that ends an event only where the message has none.
    assert devo.tables.messages(TAG) == [message.removesuffix("\n") for message in messages]


def test_zipped_events_arrive(devo: DevoServer, client: Sender) -> None:
    """Gzip members of many events, with plain events between them, are all counted."""
    client.buffer_size(2000)
    for number in range(200):
        client.send(TAG.encode(), f"zipped {number}".encode(), zip=True)
        if number % 10 == 0:
            client.send(TAG, f"plain {number}")
    client.flush_buffer()
    client.close()
    messages = devo.tables.messages(TAG)
    assert [m for m in messages if m.startswith("zipped")] == [f"zipped {number}" for number in range(200)]
    assert [m for m in messages if m.startswith("plain")] == [f"plain {number}" for number in range(0, 200, 10)]


def test_ids_of_sent_events_are_counted(devo: DevoServer, client: Sender) -> None:
    """The store distinguishes distinct events from repeated ones."""
    for number in [*range(50), *range(10)]:
        client.send(TAG, f'{{"id": "alert-{number}"}}')
    client.close()
    ids = devo.tables.ids(TAG, "id")
    assert (ids.distinct, ids.duplicates, ids.without) == (50, 10, 0)


@pytest.mark.filterwarnings("ignore:The lookup upload functionality:DeprecationWarning")
@pytest.mark.parametrize("action", ["FULL", "INC"])
def test_the_lines_of_an_old_lookup_arrive_whole(devo: DevoServer, client: Sender, tmp_path: Path, action: str) -> None:
    """START, rows and END of devo-sdk's Lookup are complete in the tables of syslog lookups."""
    csv = tmp_path / "colors.csv"
    csv.write_text('COLOR,KEY\nRed,1\n"Gr,een",2\n😀,3\n')
    lookup = Lookup(name="Colors", con=client, delay=0)
    lookup.send_csv(path=str(csv), key="KEY", action=action)
    lookup.send_data_line(fields=["1", "Red"], key_index=0, delete=True)
    client.close()
    prefix = f"{lookup.lookup_id}_Colors|"
    header = '[{"KEY":{"type":"str","key":true}},{"COLOR":{"type":"str"}}]'
    control = devo.tables.messages(f"my.lookup.control.Colors.{action}")
    assert control == [f"{prefix}START|{header}", f"{prefix}END|{header}"]
    rows = devo.tables.messages("my.lookup.data.Colors")
    assert rows == [f'{prefix}1,"Red"', f'{prefix}2,"Gr,een"', f'{prefix}3,"😀"']
    assert devo.tables.messages("my.lookup.data.Colors.DELETE") == [f'{prefix}1,"Red"']


def test_a_foreign_client_is_refused(devo: DevoServer) -> None:
    """With a foreign certificate devo-sdk delivers nothing, though its first send seems to succeed."""
    client = tls_sender(devo, "foreign_client")
    with pytest.raises(DevoSenderException):
        while True:
            client.send(TAG, "hello")
    client.close()
    assert devo.tables.count(TAG) == 0


@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_closing_waits_for_the_peer_to_have_read(devo: DevoServer, transport: str) -> None:
    """When close returns, all events are counted."""
    client = sender(devo, transport)
    for _ in range(5_000):
        client.send(TAG, "x" * 1_000)
    client.close()
    assert devo.tables.count(TAG) == 5_000
    assert [each.ended for each in devo.tables.connections()] == ["eof"]


@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_a_break_loses_events_of_this_client(devo: DevoServer, transport: str) -> None:
    """If the peer breaks the connection, fewer events arrive than devo-sdk reported as sent."""
    devo.syslog_faults.add(SyslogFault("stall_then_close", after_bytes=1_000_000, stall_s=0.2))
    client = sender(devo, transport)
    said = 0
    for _ in range(20_000):
        try:
            said += client.send(TAG, "x" * 1_000)
        except DevoSenderException:
            continue
    client.close()
    assert devo.tables.count(TAG) < said
    assert devo.tables.torn() >= 1
