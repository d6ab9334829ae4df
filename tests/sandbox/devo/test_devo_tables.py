"""Events by tag, counted when they are inspected."""

from __future__ import annotations

import json

from sandbox.devo.connection import SyslogConnection
from sandbox.devo.lines import UNKNOWN_TAG
from sandbox.devo.tables import DevoTables

TAG = "my.app.test.x"


def line(message: str, tag: str = TAG) -> bytes:
    return f"<14>Jan  1 00:00:00 host {tag}: {message}\n".encode()


def bring(tables: DevoTables, connection: SyslogConnection, data: bytes) -> None:
    """Do the work of a reading thread."""
    if tables.turns.current is not connection:
        tables.turns.take(connection)
    connection.wire.append(data)


def test_events_are_sorted_by_tag() -> None:
    """A connection with several tags fills several tables."""
    tables = DevoTables()
    bring(tables, tables.open("tcp"), line("1") + line("2", "my.app.test.y") + line("3") + b"4\n")
    assert tables.names() == [TAG, "my.app.test.y", UNKNOWN_TAG]
    assert tables.messages(TAG) == ["1", "3"]
    assert tables.messages("my.app.test.y") == ["2"]
    assert tables.messages(UNKNOWN_TAG) == ["4"]


def test_connections_in_turns_keep_the_order_of_arrival() -> None:
    """Events are ordered by the time at which they were complete, not by connection."""
    tables = DevoTables()
    first, second = tables.open("tcp"), tables.open("tls")
    bring(tables, first, line("1") + line("2")[:5])
    bring(tables, second, line("3"))
    bring(tables, first, line("2")[5:] + line("4"))
    bring(tables, second, line("5"))
    assert tables.messages(TAG) == ["1", "3", "2", "4", "5"]
    assert [event.connection for event in tables.events(TAG)] == [1, 2, 1, 1, 2]


def test_looking_in_between_does_not_change_the_order() -> None:
    """Each inspection continues after the last one."""
    tables = DevoTables()
    first, second = tables.open("tcp"), tables.open("tcp")
    seen = []
    for connection, number in ((first, "1"), (second, "2"), (first, "3"), (first, "4"), (second, "5")):
        bring(tables, connection, line(number))
        seen.append(tables.messages(TAG))
    assert seen == [["1", "2", "3", "4", "5"][: count + 1] for count in range(5)]


def test_the_tail_of_an_open_connection_is_not_torn() -> None:
    """The start of a line is neither an event nor torn while more bytes may arrive."""
    tables = DevoTables()
    bring(tables, tables.open("tcp"), line("1")[:-1])
    assert (tables.count(TAG), tables.torn()) == (0, 0)


def test_the_tail_of_an_ended_connection_is_torn() -> None:
    """Bytes after the last newline are one torn line of their tag, not an event."""
    tables = DevoTables()
    connection = tables.open("tcp")
    bring(tables, connection, line("1") + line("2")[:-1])
    tables.end(connection, "broken")
    summary = tables.to_json()
    assert summary["tables"][TAG] == {
        "events": 1,
        "bytes": len(line("1")) - 1,
        "connections": {1: 1},
        "torn": {1: 1},
    }
    assert summary["connections"][0]["torn_bytes"] == len(line("2")) - 1
    assert tables.torn() == 1


def test_a_torn_line_without_a_whole_header_is_unknown() -> None:
    """A tail too short to have a tag is counted as unknown."""
    tables = DevoTables()
    connection = tables.open("tcp")
    bring(tables, connection, b"<14>Jan")
    tables.end(connection, "broken")
    assert tables.to_json()["tables"][UNKNOWN_TAG]["torn"] == {1: 1}


def test_the_first_ending_is_the_one_that_counts() -> None:
    """Events on a socket after its reading ended do not change the record."""
    tables = DevoTables()
    connection = tables.open("tcp")
    tables.end(connection, "eof")
    tables.end(connection, "broken")
    assert connection.ended == "eof"


def test_ids_are_counted_as_they_come() -> None:
    """Distinct ids, repeats and events without an id are distinguished, also when more arrive later."""
    tables = DevoTables()
    connection = tables.open("tcp")
    messages = [{"id": "a"}, {"id": "b"}, {"id": "a"}, {"id": 1}, {"id": None}, {}, ["id"]]
    bring(tables, connection, b"".join(line(json.dumps(each)) for each in messages) + line("{"))
    count = tables.ids(TAG, "id")
    assert (count.distinct, count.duplicates, count.without) == (3, 1, 4)
    bring(tables, connection, line('{"id":"b"}'))
    count = tables.ids(TAG, "id")
    assert (count.distinct, count.duplicates, count.without) == (3, 2, 4)
    assert count.counts == {"a": 2, "b": 2, "1": 1}


def test_bytes_that_are_no_utf8_come_back_unchanged() -> None:
    """The text of a message can be converted back into the received bytes."""
    tables = DevoTables()
    message = b"\xed\xa0\x80\xff\x00" + "é".encode()
    bring(tables, tables.open("tcp"), line("")[:-1] + message + b"\n")
    assert tables.events(TAG)[0].message == message
    assert tables.messages(TAG)[0].encode("utf-8", "surrogateescape") == message


def test_a_part_of_the_events_can_be_read() -> None:
    """Offset and limit select events; beyond the end there are none."""
    tables = DevoTables()
    bring(tables, tables.open("tcp"), b"".join(line(str(number)) for number in range(10)))
    assert tables.messages(TAG, 7) == ["7", "8", "9"]
    assert tables.messages(TAG, 2, 3) == ["2", "3", "4"]
    assert tables.messages(TAG, 10, 3) == []
    assert tables.messages("my.app.none") == []


def test_clearing_keeps_open_connections_going() -> None:
    """After clearing, only later events exist, and a line that was half received before."""
    tables = DevoTables()
    ended, open_still = tables.open("tcp"), tables.open("tcp")
    bring(tables, ended, line("1"))
    tables.end(ended, "eof")
    bring(tables, open_still, line("2") + line("3")[:8])
    tables.clear()
    bring(tables, open_still, line("3")[8:])
    assert tables.messages(TAG) == ["3"]
    assert [connection.number for connection in tables.connections()] == [2]


def test_events_outlive_the_memory_budget() -> None:
    """Events in a file are read like those in memory."""
    tables = DevoTables(memory_bytes=0)
    connection = tables.open("tcp")
    bring(tables, connection, b"".join(line(f"{number}{'x' * 1000}") for number in range(1000)))
    assert connection.wire.spilled
    assert [int(message.rstrip("x")) for message in tables.messages(TAG)] == list(range(1000))


def test_waiting_ends_when_all_connections_have_ended() -> None:
    """Idle means that the expected connections were accepted and all have ended."""
    tables = DevoTables()
    assert not tables.wait_until_idle(0, connections=1)
    connection = tables.open("tcp")
    assert not tables.wait_until_idle(0)
    tables.end(connection, "eof")
    assert tables.wait_until_idle(0, connections=1)
