"""Interruptions of tasks from outside: stalls of the sandbox that last until the stalled process has ended."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from sandbox.devo.syslog import SyslogListener, server_context
from sandbox.devo.syslog_faults import SyslogFault, SyslogFaultScript
from sandbox.http_service.faults import Fault
from sandbox.sandbox import Sandbox
from tests.postgresql.kills import MANY_ALERTS, Point

_PATIENCE_S = 300.0
_POLL_S = 0.05
_SLOW_S = 1.0
_MOST_CONNECTIONS = 50


class Interruption(threading.Event):
    """An event for a stall to wait for: the wait ends the process of the stream, and returns when that has ended.

    It is set once a wait has ended the process, so later stalls do not wait. A stall has no effect if its process has
    ended by itself. Most kinds of stall therefore occur again until one of them has ended a process.
    """

    def __init__(self, folder: Path, point: Point) -> None:
        super().__init__()
        self._folder = folder
        self._point = point
        self._turn = threading.Lock()

    def wait(self, timeout: float | None = None) -> bool:
        """End the process, unless that is done."""
        with self._turn:
            if not self.is_set() and self._end_process():
                (self._folder / f"{self._point.name}.interrupted").touch(exist_ok=False)
                self.set()
        return True

    def _end_process(self) -> bool:
        """End the process or wait for its timeout; for an orphaned task, wait until its next attempt has started.

        Return False if the process ended before by itself, or is still alive.
        """
        task, supervisor = self._announced()
        victims = {"task": [task], "worker": [supervisor, task], "supervisor": [supervisor]}[self._point.victim]
        if any(map(_is_gone, victims)):
            return False
        for process in victims:
            if self._point.end_by != "timeout" and process != 1:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGTERM if self._point.end_by == "term" else signal.SIGKILL)
        is_done = _waited(lambda: all(map(_is_gone, victims)))
        if self._point.victim == "supervisor":
            is_done = is_done and _waited(lambda: self._announced()[0] != task)
        return is_done

    def _announced(self) -> tuple[int, int]:
        task, supervisor = (self._folder / f"{self._point.name}.process").read_text(encoding="utf-8").split()
        return int(task), int(supervisor)


def _waited(condition: Callable[[], bool]) -> bool:
    """Return whether ``condition`` became true in time."""
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _is_gone(process: int) -> bool:
    try:
        return psutil.Process(process).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def interruptions(sandbox: Sandbox, folder: Path, points: Sequence[Point]) -> Generator[dict[str, str]]:
    """Script the stalls, and yield the Airflow connections to Devo that they need.

    :param folder: the folder of the plan.
    """
    with ExitStack() as stack:
        connections = {}
        for point in points:
            interruption = Interruption(folder, point)
            if point.moment == "sending":
                port = stack.enter_context(_listener(sandbox, point, interruption))
                connections[f"AIRFLOW_CONN_{point.devo_conn_id.upper()}"] = _devo_connection(sandbox, port)
            elif point.moment == "pulling":
                match = rf"\b(size|limit)={point.page_size}\b"
                stall = Fault("stall", match=match, times=None, skip=point.nth, released=interruption)
                sandbox.flashpoint.faults.add(stall)
            elif point.moment == "uploading":
                match = f"^{'PUT' if point.interval else 'POST'} .*/{point.target}/deploy-csv"
                # The fault takes these bytes out of the body, so the upload would be incomplete. It occurs only once.
                taken = point.after_bytes
                sandbox.devo.faults.add(Fault("stall", match=match, after_received_bytes=taken, released=interruption))
            elif point.moment == "polling":
                match = f"^GET .*/{point.target}/job/"
                sandbox.devo.faults.add(Fault("stall", match=match, times=None, skip=point.nth, released=interruption))
        yield connections


def _devo_connection(sandbox: Sandbox, port: int) -> str:
    connection = sandbox.devo.airflow_connection()
    # An orphaned task must wait for its confirmation until its next attempt has started, however long that takes.
    extra = connection["extra"] | {"confirm_timeout_s": _PATIENCE_S}
    return json.dumps(connection | {"port": port, "extra": extra})


@contextmanager
def _listener(sandbox: Sandbox, point: Point, interruption: Interruption) -> Generator[int]:
    """Yield the port of a listener for one stream only, because syslog faults apply in the order of connections."""
    is_orphaned = point.victim == "supervisor"
    stall = SyslogFault("stall", point.after_bytes, released=interruption)
    script = SyslogFaultScript([*[None] * point.nth, *[stall] * (1 if is_orphaned else _MOST_CONNECTIONS)])
    if is_orphaned:
        # So slow that the next attempt catches up with the orphaned task, and both send the same batch.
        script.add(*[SyslogFault("stall", 1, stall_s=_SLOW_S)] * (MANY_ALERTS // 1000))
    listener = SyslogListener(sandbox.devo.tables, script, context=server_context(sandbox.devo.certificates)).start()
    try:
        yield listener.port
    finally:
        listener.stop()
