"""Scripted faults of a sandbox server: which, when and how often.

A server describes each occasion as one line of text, and applies the fault that the script has for it. For an HTTP
server the line is method and decoded target: ``GET /api/v4/indicators/attribute?types=domain``.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from email.utils import formatdate
from time import time
from typing import Any, Literal, get_args

from sandbox.errors import InvalidSettingError

Kind = Literal["status", "reset", "stall", "cut", "html", "malformed"]
When = Literal["before", "after"]

_COUNTS = ("times", "skip", "status", "after_bytes", "after_received_bytes")
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Fault:
    """One fault.

    ``kind`` is one of

    * ``status``: answers ``status`` (503) with ``headers`` and ``body``;
    * ``html``: answers ``status`` (502) with an HTML page;
    * ``malformed``: answers ``status`` (200) with truncated JSON;
    * ``reset``: ends the connection with RST;
    * ``stall``: waits for ``stall_s`` (None: until released), then goes on;
    * ``cut``: announces the whole body and closes after ``after_bytes`` (by default half of it).

    :param match: regular expression searched in the description of the occasion; empty for all.
    :param times: how often it fires; None for always.
    :param skip: number of matching occasions before the first that it fires at.
    :param when: ``before``: the request has no effect; ``after``: it takes effect and the answer is spoiled.
        ``cut``, and any fault with ``after_bytes``, is always ``after``.
    :param after_bytes: bytes of the answer's body that are sent first.
    :param after_received_bytes: bytes that are read from the client first.
    :param body: a text, or a value that is sent as JSON.
    :param released: ends a stall early; the script makes one if it is None.
    """

    kind: Kind
    match: str = ""
    times: int | None = 1
    skip: int = 0
    when: When = "before"
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    stall_s: float | None = None
    after_bytes: int | None = None
    after_received_bytes: int | None = None
    released: threading.Event | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            kinds = ", ".join(get_args(Kind))
            raise InvalidSettingError(f"A fault has the kind {self.kind!r}; use one of {kinds}.")
        if self.when not in get_args(When):
            raise InvalidSettingError(f"A fault has when={self.when!r}; use 'before' or 'after'.")
        for name in _COUNTS:
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 0):
                raise InvalidSettingError(f"A fault has {name}={value!r}; it takes a number from 0.")
        if not isinstance(self.stall_s, int | float | None) or not isinstance(self.headers, Mapping):
            raise InvalidSettingError("The stall_s of a fault is a number, and its headers are an object.")
        try:
            re.compile(self.match)
        except (re.error, TypeError) as error:
            raise InvalidSettingError(f"{self.match!r} is not a regular expression: {error}.") from error
        if self.kind == "cut" or self.after_bytes is not None:
            object.__setattr__(self, "when", "after")

    @classmethod
    def from_json(cls, value: Any) -> Fault:
        """Return the fault that a JSON object describes with the names of this class.

        :raises InvalidSettingError: it is not an object, names an unknown field, or lacks the kind.
        """
        allowed = [each.name for each in fields(cls) if each.name != "released"]
        if not isinstance(value, dict) or "kind" not in value:
            raise InvalidSettingError(f"A fault is an object with a kind, and may have {', '.join(allowed[1:])}.")
        for name in value:
            if name not in allowed:
                raise InvalidSettingError(f"A fault has no {name!r}; it may have {', '.join(allowed)}.")
        return cls(**value)

    def to_json(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, in the form that ``from_json`` accepts."""
        plain = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "released"}
        bare = Fault(self.kind)
        return {"kind": self.kind} | {k: v for k, v in plain.items() if v != getattr(bare, k)}


class _Scripted:
    """A fault, with the number of occasions it matched and fired at."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.released = fault.released or threading.Event()
        self.matched = 0
        self.fired = 0

    def due(self, occasion: str) -> bool:
        if self.fault.times is not None and self.fired >= self.fault.times:
            return False
        if not re.search(self.fault.match, occasion):
            return False
        self.matched += 1
        if self.matched <= self.fault.skip:
            return False
        self.fired += 1
        return True


class FaultScript:
    """The faults of one server, in order, shared by its threads.

    At each occasion the first due fault fires. Later faults do not count the occasion.
    """

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._scripted: list[_Scripted] = []
        self.add(*faults)

    def add(self, *faults: Fault) -> None:
        """Append faults to the script."""
        with self._lock:
            self._scripted.extend(_Scripted(fault) for fault in faults)

    def take(self, occasion: str) -> Fault | None:
        """Return the due fault for ``occasion`` and count it, or None."""
        with self._lock:
            return next((each.fault for each in self._scripted if each.due(occasion)), None)

    def hold(self, fault: Fault) -> None:
        """Wait for ``stall_s`` or until the fault is released."""
        with self._lock:
            events = [each.released for each in self._scripted if each.fault is fault]
        if events:
            events[0].wait(fault.stall_s)

    def release(self) -> None:
        """End all current stalls. Later stalls of the same faults do not wait."""
        with self._lock:
            for each in self._scripted:
                each.released.set()

    def clear(self) -> None:
        """Forget all faults and end the current stalls."""
        self.release()
        with self._lock:
            self._scripted.clear()

    def fired(self, match: str | None = None) -> int:
        """Return how often faults fired: all faults, or those with exactly this ``match``."""
        with self._lock:
            return sum(each.fired for each in self._scripted if match is None or each.fault.match == match)

    def to_json(self) -> list[dict[str, Any]]:
        """Return each fault in order, with the number of occasions it ``matched`` and ``fired`` at."""
        with self._lock:
            scripted = list(self._scripted)
        return [each.fault.to_json() | {"matched": each.matched, "fired": each.fired} for each in scripted]


def retry_after_date(delay_s: float) -> str:
    """Return the HTTP-date ``delay_s`` from now, for a Retry-After header."""
    return formatdate(time() + delay_s, usegmt=True)


def reset_connection(connection: socket.socket) -> None:
    """Close with RST at once, so that the client sees a broken connection and not an orderly end.

    Readers and writers made from the socket cannot be used afterwards.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    # close() of the socket would wait for its readers and writers; close() of the descriptor does not.
    os.close(connection.detach())
