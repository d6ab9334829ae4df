"""The record of one syslog connection, or HTTP request with events: its bytes, how it ended, what was cut from it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.devo.lines import LineCutter, TagFinder
from sandbox.devo.spool import MemoryBudget, Spool

Transport = Literal["tls", "tcp", "http"]
Ending = Literal["eof", "broken", "fault", "refused", "stopped"]


@dataclass(eq=False)
class SyslogConnection:
    """What one connection brought.

    ``ended`` is None while bytes may still come, else

    * ``eof``: the client ended it, and everything before that was read;
    * ``broken``: the client, or the way, broke it;
    * ``fault``: the scripted ``fault`` ended the reading;
    * ``refused``: it never came to be, by its certificate, its handshake or a fault;
    * ``stopped``: the server stopped.

    ``torn`` counts the bytes after the last complete line of a connection that has ended.
    ``client`` is the name in the client's certificate. ``counted`` says that ``torn_bytes`` is known.
    """

    number: int
    transport: Transport
    budget: MemoryBudget
    fault: str | None = None
    client: str | None = None
    ended: Ending | None = None
    events: int = 0
    torn_bytes: int = 0
    wire: Spool = field(init=False)
    inflated: Spool = field(init=False)
    cutter: LineCutter = field(init=False)
    tags: TagFinder = field(init=False, default_factory=TagFinder)
    counted: bool = False

    def __post_init__(self) -> None:
        self.wire = Spool(self.budget)
        self.inflated = Spool(self.budget)
        self.cutter = LineCutter(self.wire, self.inflated)

    def to_json(self) -> dict[str, Any]:
        """Return number, transport, client, fault, ended, bytes, events and torn bytes."""
        return {
            "number": self.number,
            "transport": self.transport,
            "client": self.client,
            "fault": self.fault,
            "ended": self.ended,
            "bytes": len(self.wire),
            "events": self.events,
            "torn_bytes": self.torn_bytes,
        }


class Turns:
    """In which order connections brought their bytes, in turns.

    A turn is taken when another connection brought bytes since: the reading threads write nothing down
    as long as they are alone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: list[tuple[SyslogConnection, int]] = []
        self.current: SyslogConnection | None = None

    def take(self, connection: SyslogConnection) -> None:
        """Note that the bytes of ``connection`` that are committed from here on are next."""
        with self._lock:
            self.current = connection
            self._taken.append((connection, len(connection.wire)))

    def drain(self) -> list[tuple[SyslogConnection, int]]:
        """Return the turns since the last call as connection and the length at which its next turn begins.

        The last turn of a connection that may still bring bytes is returned again by the next call.
        """
        with self._lock:
            taken, self._taken = self._taken, []
            ends: dict[SyslogConnection, int] = {}
            turns = []
            for connection, start in reversed(taken):
                # Whether it ended is read before its length: what ended has its final length.
                open_still = connection.ended is None
                if connection not in ends and open_still:
                    self._taken.append((connection, start))
                turns.append((connection, ends.get(connection, len(connection.wire))))
                ends[connection] = start
            self._taken.reverse()
            return turns[::-1]
