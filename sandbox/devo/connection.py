"""One syslog connection, or HTTP request with events: its bytes, its end, and the lines cut from it."""

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
    """The bytes of one connection.

    ``ended`` is None while more bytes may arrive, else

    * ``eof``: the client ended it, and all its bytes were read;
    * ``broken``: the client or the network broke it;
    * ``fault``: the scripted ``fault`` ended the reading;
    * ``refused``: a certificate, a handshake or a fault prevented it;
    * ``stopped``: the server stopped.

    ``torn_bytes`` counts the bytes after the last complete line of an ended connection; ``counted`` says that it
    is known. ``client`` is the name in the client's certificate.
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
    """The order in which connections delivered their bytes.

    A connection takes a turn if another one delivered bytes since its last turn. A thread that reads alone
    records nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: list[tuple[SyslogConnection, int]] = []
        self.current: SyslogConnection | None = None

    def take(self, connection: SyslogConnection) -> None:
        """Record that the next committed bytes are those of ``connection``."""
        with self._lock:
            self.current = connection
            self._taken.append((connection, len(connection.wire)))

    def drain(self) -> list[tuple[SyslogConnection, int]]:
        """Return the turns since the last call, each as a connection and the length at which its next turn begins.

        The next call returns the last turn of an open connection again.
        """
        with self._lock:
            taken, self._taken = self._taken, []
            ends: dict[SyslogConnection, int] = {}
            turns = []
            for connection, start in reversed(taken):
                # Read the end before the length: an ended connection has its final length.
                open_still = connection.ended is None
                if connection not in ends and open_still:
                    self._taken.append((connection, start))
                turns.append((connection, ends.get(connection, len(connection.wire))))
                ends[connection] = start
            self._taken.reverse()
            return turns[::-1]
