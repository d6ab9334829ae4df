"""Scripted faults of the syslog listeners: one for each connection, in the order they are accepted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from sandbox.errors import InvalidSettingError

Action = Literal["reset", "close", "stall", "stall_then_close", "half_close", "trickle", "never_close", "refuse"]


@dataclass(frozen=True)
class SyslogFault:
    """What a listener does to one connection once it has read exactly ``after_bytes`` of it.

    ``action`` is one of

    * ``reset``: ends the connection with RST;
    * ``close``: closes as soon as more bytes have come, without reading them;
    * ``stall``: stops reading, then reads on as if nothing had been;
    * ``stall_then_close``: stops reading, then closes without reading on;
    * ``half_close``: ends its own direction (FIN), stops reading and keeps the connection;
    * ``trickle``: reads on, ``chunk_bytes`` at a time with ``pause_s`` between;
    * ``never_close``: reads to the client's end, as relays do that then keep the connection
      (``after_bytes`` has no meaning);
    * ``refuse``: ends the connection with RST in place of the handshake.

    What was read before counts as arrived. A connection that ends earlier never meets its fault.

    :param stall_s: how long a stall holds, and how long ``half_close`` and ``never_close`` keep the
        connection; None for as long as the server runs.
    :param released: ends what holds; afterwards ``trickle`` reads at full speed.
    """

    action: Action
    after_bytes: int = 0
    stall_s: float | None = None
    chunk_bytes: int = 1024
    pause_s: float = 0.01
    released: threading.Event = field(default_factory=threading.Event, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.action not in get_args(Action):
            allowed = ", ".join(get_args(Action))
            raise InvalidSettingError(f"A syslog fault has the action {self.action!r}; use one of {allowed}.")
        if self.after_bytes < 0 or self.chunk_bytes < 1:
            raise InvalidSettingError("A syslog fault needs after_bytes >= 0 and chunk_bytes >= 1.")

    def hold(self) -> None:
        """Wait for ``stall_s``, or until released."""
        self.released.wait(self.stall_s)

    @classmethod
    def from_json(cls, value: Any) -> SyslogFault | None:
        """Return the fault that a JSON object describes with the names of this class; null is no fault.

        :raises InvalidSettingError: it is no object, names an unknown field, or lacks the action.
        """
        if value is None:
            return None
        allowed = {each.name for each in fields(cls)} - {"released"}
        if not isinstance(value, dict) or "action" not in value or set(value) - allowed:
            names = ", ".join(sorted(allowed))
            raise InvalidSettingError(f"A syslog fault is null or an object with an action, and of {names}.")
        return cls(**value)

    def to_json(self) -> dict[str, Any]:
        """Return all fields, as ``from_json`` takes them."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "released"}


class SyslogFaultScript:
    """Hands out one entry per connection; None leaves a connection unharmed, and so does the script's end."""

    def __init__(self, faults: Iterable[SyslogFault | None] = ()) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[SyslogFault | None] = deque(faults)
        self._taken: list[SyslogFault] = []

    def add(self, *faults: SyslogFault | None) -> None:
        """Append entries for the connections to come."""
        with self._lock:
            self._waiting.extend(faults)

    def take(self) -> SyslogFault | None:
        """Return the entry of the next connection."""
        with self._lock:
            fault = self._waiting.popleft() if self._waiting else None
            if fault is not None:
                self._taken.append(fault)
            return fault

    def release(self) -> None:
        """End whatever the faults of connections so far hold."""
        with self._lock:
            for fault in self._taken:
                fault.released.set()

    def clear(self) -> None:
        """Forget the entries for connections to come, and release those of connections so far."""
        self.release()
        with self._lock:
            self._waiting.clear()
            self._taken.clear()

    def to_json(self) -> dict[str, Any]:
        """Return the entries ``waiting`` and those ``taken``, in order."""
        with self._lock:
            return {
                "waiting": [fault and fault.to_json() for fault in self._waiting],
                "taken": [fault.to_json() for fault in self._taken],
            }
