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
    """A fault that a listener applies to one connection after reading exactly ``after_bytes`` of it.

    ``action`` is one of

    * ``reset``: ends the connection with RST;
    * ``close``: closes as soon as more bytes have arrived, without reading them;
    * ``stall``: stops reading, then reads on normally;
    * ``stall_then_close``: stops reading, then closes without reading on;
    * ``half_close``: ends its own direction (FIN), stops reading and keeps the connection;
    * ``trickle``: reads on, ``chunk_bytes`` at a time with ``pause_s`` between;
    * ``never_close``: reads to the client's end and keeps the connection, as some relays do
      (``after_bytes`` has no meaning);
    * ``refuse``: ends the connection with RST instead of the handshake.

    Bytes read before the fault count as arrived. A connection that ends earlier skips its fault.

    :param stall_s: duration of a stall, and of the time that ``half_close`` and ``never_close`` keep the
        connection; None for as long as the server runs.
    :param released: ends the wait early; afterwards ``trickle`` reads at full speed.
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

        :raises InvalidSettingError: it is not an object, has an unknown field, or lacks the action.
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
    """Gives one entry to each connection. None, and the end of the script, leave a connection unharmed."""

    def __init__(self, faults: Iterable[SyslogFault | None] = ()) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[SyslogFault | None] = deque(faults)
        self._taken: list[SyslogFault] = []

    def add(self, *faults: SyslogFault | None) -> None:
        """Append entries for the next connections."""
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
        """Release the faults that hold connections."""
        with self._lock:
            for fault in self._taken:
                fault.released.set()

    def clear(self) -> None:
        """Forget the entries for next connections, and release the faults that hold connections."""
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
