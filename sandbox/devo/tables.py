"""The tables of a sandbox Devo: events by tag. The index refers to received bytes, so a million events is cheap."""

from __future__ import annotations

import json
import threading
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sandbox.devo.connection import Ending, SyslogConnection, Transport, Turns
from sandbox.devo.lines import Header, Line, parse_header
from sandbox.devo.spool import MemoryBudget

LOOKUP_TABLES = "my.lookup."


class Event(NamedTuple):
    """A received event: the number of its connection, its header (None if unreadable), its message."""

    connection: int
    header: Header | None
    message: bytes

    @property
    def text(self) -> str:
        """The message; bytes that are not UTF-8 are lone surrogates, which ``surrogateescape`` restores."""
        return self.message.decode("utf-8", "surrogateescape")


@dataclass
class IdCount:
    """Counts of ids: ``distinct`` ids, ``duplicates`` beyond the first, events ``without`` an id."""

    counts: Counter[str] = field(default_factory=Counter)
    without: int = 0

    @property
    def distinct(self) -> int:
        return len(self.counts)

    @property
    def duplicates(self) -> int:
        return self.counts.total() - len(self.counts)

    def add(self, message: bytes, name: str) -> None:
        """Count the id that the JSON object ``message`` has under ``name``."""
        try:
            value = json.loads(message)
        except ValueError:
            value = None
        found = value.get(name) if isinstance(value, dict) else None
        if found is None:
            self.without += 1
        else:
            self.counts[found if isinstance(found, str) else json.dumps(found)] += 1


class Table:
    """The events of one tag, in order of arrival. ``bytes`` counts complete lines without their newlines."""

    def __init__(self) -> None:
        self.bytes = 0
        self.torn: Counter[int] = Counter()
        self.connections: Counter[int] = Counter()
        self._sources: list[SyslogConnection] = []
        self._source = array("I")
        self._inflated = bytearray()
        self._offset = array("Q")
        self._length = array("Q")
        self._message = array("I")
        self._ids: dict[str, tuple[IdCount, int]] = {}

    def __len__(self) -> int:
        return len(self._offset)

    def add(self, connection: SyslogConnection, line: Line, message_start: int) -> None:
        """Append a line of ``connection`` to the index."""
        if not self._sources or self._sources[-1] is not connection:
            self._sources.append(connection)
        self._source.append(len(self._sources) - 1)
        self._inflated.append(line.inflated)
        self._offset.append(line.offset)
        self._length.append(len(line.content))
        self._message.append(message_start)
        self.bytes += len(line.content)
        self.connections[connection.number] += 1

    def events(self, offset: int = 0, limit: int | None = None) -> Iterator[Event]:
        """Yield events from the one at ``offset`` on, at most ``limit``."""
        end = len(self) if limit is None else min(len(self), offset + limit)
        for index in range(offset, end):
            connection = self._sources[self._source[index]]
            spool = connection.inflated if self._inflated[index] else connection.wire
            line = spool.read(self._offset[index], self._length[index])
            yield Event(connection.number, parse_header(line)[0], line[self._message[index] :])

    def ids(self, name: str) -> IdCount:
        """Return the count of ids under ``name``; each event is parsed once per name."""
        count, done = self._ids.get(name, (IdCount(), 0))
        for event in self.events(done):
            count.add(event.message, name)
        self._ids[name] = count, len(self)
        return count


class DevoTables:
    """All tables and connections. Lines are cut and sorted when they are inspected, not when they arrive.

    :param memory_bytes: memory for all connections together; further bytes go to temporary files.
    """

    def __init__(self, memory_bytes: int = 1024**3) -> None:
        self.turns = Turns()
        self._budget = MemoryBudget(memory_bytes)
        self._lock = threading.RLock()
        # The list of connections has a separate lock, so that accepting never waits for cutting.
        self._changed = threading.Condition()
        self._connections: list[SyslogConnection] = []
        self._tables: dict[str, Table] = {}
        self._opened = 0
        self.on_lookup_line: Callable[[int, str, bytes], None] = lambda connection, tag, message: None
        """Takes connection, tag and message of each line for the lookup tables while lines are sorted."""

    def open(self, transport: Transport, fault: str | None = None) -> SyslogConnection:
        """Return a new connection, numbered from 1."""
        with self._changed:
            self._opened += 1
            connection = SyslogConnection(self._opened, transport, self._budget, fault)
            self._connections.append(connection)
        return connection

    def end(self, connection: SyslogConnection, ended: Ending) -> None:
        """Record how a connection ended. No bytes may be committed to it after that."""
        with self._changed:
            if connection.ended is None:
                connection.ended = ended
            self._changed.notify_all()

    def wait_until_idle(self, timeout_s: float, *, connections: int = 0) -> bool:
        """Wait until ``connections`` were accepted and all have ended; return whether this happened in time."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._opened >= connections and all(each.ended for each in self._connections),
                timeout_s,
            )

    def names(self) -> list[str]:
        """Return the tags that have events or torn lines, sorted."""
        with self._lock:
            self._refresh()
            return sorted(self._tables)

    def refresh(self) -> None:
        """Sort the lines that have arrived."""
        with self._lock:
            self._refresh()

    def count(self, tag: str) -> int:
        """Return the number of events of ``tag``."""
        with self._lock:
            return len(self._table(tag))

    def messages(self, tag: str, offset: int = 0, limit: int | None = None) -> list[str]:
        """Return the messages of ``tag`` as texts (see ``Event.text``), in order of arrival."""
        return [event.text for event in self.events(tag, offset, limit)]

    def events(self, tag: str, offset: int = 0, limit: int | None = None) -> list[Event]:
        """Return the events of ``tag``, in order of arrival."""
        with self._lock:
            return list(self._table(tag).events(offset, limit))

    def ids(self, tag: str, name: str) -> IdCount:
        """Return the counts of ids in messages that are JSON objects with the id under ``name``."""
        with self._lock:
            return self._table(tag).ids(name)

    def connections(self) -> list[SyslogConnection]:
        """Return the connections with their current counts, in the order in which they were accepted."""
        with self._lock:
            self._refresh()
            return list(self._connections)

    def torn(self) -> int:
        """Return the number of lines that the end of a connection cut."""
        with self._lock:
            self._refresh()
            return sum(table.torn.total() for table in self._tables.values())

    def to_json(self, id_name: str | None = None) -> dict[str, Any]:
        """Return ``{"tables": {tag: ...}, "connections": [...]}``; with ``id_name``, ids are counted too."""
        with self._lock:
            self._refresh()
            tables = {tag: _summary(self._tables[tag], id_name) for tag in sorted(self._tables)}
            return {"tables": tables, "connections": [each.to_json() for each in self._connections]}

    def clear(self) -> None:
        """Forget the events and the ended connections. Open connections go on."""
        with self._lock:
            self._refresh()
            self._tables.clear()
            with self._changed:
                ended = [each for each in self._connections if each.counted]
                self._connections = [each for each in self._connections if not each.counted]
        for connection in ended:
            connection.wire.discard()
            connection.inflated.discard()

    def _table(self, tag: str) -> Table:
        self._refresh()
        return self._tables.get(tag) or Table()

    def _refresh(self) -> None:
        """Cut and sort the bytes that arrived since the last call."""
        ended = [each for each in self._connections if each.ended and not each.counted]
        for connection, end in self.turns.drain():
            for line in connection.cutter.advance(end):
                tag, message_start = connection.tags.find(line.content)
                self._tables.setdefault(tag, Table()).add(connection, line, message_start)
                connection.events += 1
                if tag.startswith(LOOKUP_TABLES):
                    self.on_lookup_line(connection.number, tag, line.content[message_start:])
        for connection in ended:
            connection.counted = True
            if torn := connection.cutter.remainder():
                connection.torn_bytes = len(torn)
                tag, _ = connection.tags.find(torn)
                self._tables.setdefault(tag, Table()).torn[connection.number] += 1


def _summary(table: Table, id_name: str | None) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "events": len(table),
        "bytes": table.bytes,
        "connections": dict(table.connections),
        "torn": dict(table.torn),
    }
    if id_name is not None:
        ids = table.ids(id_name)
        summary["ids"] = {
            "name": id_name,
            "distinct": ids.distinct,
            "duplicates": ids.duplicates,
            "without": ids.without,
        }
    return summary
