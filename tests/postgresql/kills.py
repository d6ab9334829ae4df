"""Where processes are killed: the points, drawn with a seed, and what strikes at them from outside."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psutil

from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.sandbox.dataset import alerts, indicators
from airflow_provider_flashpoint.sandbox.devo_syslog import SyslogListener, server_context
from airflow_provider_flashpoint.sandbox.devo_syslog_faults import SyslogFault, SyslogFaultScript
from airflow_provider_flashpoint.sandbox.faults import Fault
from airflow_provider_flashpoint.sandbox.sandbox import Sandbox

PERIOD = timedelta(hours=1)
ALERTS = (2600, 300)  # in the two intervals; a batch has about 1,000
INDICATORS = 2000
_APART = 4 * PERIOD  # no stream reads the data of another, whatever it overlaps
_GONE_TIMEOUT_S = 60.0

# When an alert task is killed, and how many points have each moment.
ALERT_MOMENTS = {
    "pulling": 3,  # Flashpoint holds back the nth page
    "sending": 4,  # Devo has read some of the nth batch
    "confirmed": 1,  # Devo has the nth batch, the ledger does not
    "recording": 1,  # a file of the ledger is written, and not in its place
    "recorded": 2,  # the ledger has everything, the checkpoint is not written
    "checkpointed": 1,  # the checkpoint is written, Airflow knows nothing of a success
}
LOOKUP_MOMENTS = {
    "pulling": 1,  # Flashpoint holds back the nth page; the rows before it are staged
    "staging": 1,  # the parts of the stage are there, its manifest is not
    "staged": 1,  # the stage is whole, Airflow does not know where it lies
    "uploading": 2,  # Devo has some of the CSV
    "polling": 1,  # Devo's job is under way
    "deployed": 1,  # Devo has the rows, the ledger does not
    "noted": 1,  # the ledger has the rows, the checkpoint is not written
}
# What the process does just then: regular expressions of acts on files, each with how often it is passed by first.
_STEPS: dict[str, Callable[[int], list[tuple[str, int]]]] = {
    "confirmed": lambda nth: [(r"^open .*/ledger/\w+/\..*\.ids", nth)],
    "recording": lambda nth: [(r"^os\.rename .*/ledger/\w+/.*\.ids", nth)],
    "recorded": lambda nth: [(r"^os\.(listdir|scandir) .*/ledger$", 0)],
    "checkpointed": lambda nth: [("^executed$", 0)],
    "staging": lambda nth: [(r"^os\.rename .*/manifest\.json", 0)],
    "staged": lambda nth: [(r"^os\.rename .*/manifest\.json", 0), (r"^os\.(listdir|scandir) ", 0)],
    "deployed": lambda nth: [(r"^open .*/\..*\.versions", 0)],
    "noted": lambda nth: [(r"^os\.rename .*\.versions", 0), (r"^os\.(listdir|scandir) ", 0)],
}


@dataclass(frozen=True)
class Point:
    """One stream and the moment at which its process is killed.

    :param nth: how many pages, batches, files or polls pass before.
    :param after_bytes: how many bytes Devo reads before.
    :param interval: in which of the two intervals it happens, where the moment leaves that open.
    :param whole: the supervisor of the task's process is killed too, so that nobody tells Airflow.
    """

    number: int
    kind: str
    moment: str
    nth: int
    after_bytes: int
    interval: int
    whole: bool
    start: datetime

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.number:02}_{self.moment}{'_whole' if self.whole else ''}"

    @property
    def target(self) -> str:
        """The Devo table or the lookup."""
        return f"kill.{self.kind}.p{self.number:02}.{self.moment}" if self.kind == "alerts" else self.name

    @property
    def end(self) -> datetime:
        return self.start + 2 * PERIOD


def draw_points(seed: int, end: datetime) -> list[Point]:
    """Return the 20 points of a seed; their data lies before ``end``."""
    chance = random.Random(seed)
    moments = [("alerts", each) for each, count in ALERT_MOMENTS.items() for _ in range(count)]
    moments += [("lookup", each) for each, count in LOOKUP_MOMENTS.items() for _ in range(count)]
    # Half past, so that one batch of alerts lies in two hours of the ledger.
    first = end.replace(minute=30, second=0, microsecond=0) - (len(moments) + 1) * _APART
    return [
        Point(
            number=number,
            kind=kind,
            moment=moment,
            nth=chance.randrange(_most(kind, moment)),
            after_bytes=chance.randrange(1, 700_000 if kind == "alerts" else 100_000),
            interval=0 if kind == "alerts" else chance.randrange(2),
            whole=chance.random() < 0.5,
            start=first + number * _APART,
        )
        for number, (kind, moment) in enumerate(moments)
    ]


def _most(kind: str, moment: str) -> int:
    """Return how many pages, batches, files or polls of this moment there are at least."""
    if moment == "pulling":
        return ALERTS[0] // 100 if kind == "alerts" else INDICATORS // 2 // 100
    return 2 if moment == "sending" else 3


def publish(sandbox: Sandbox, points: Sequence[Point]) -> None:
    """Give Flashpoint the data of each stream."""
    store = sandbox.flashpoint.store
    for point in points:
        middle = point.start + PERIOD
        if point.kind == "alerts":
            store.publish_alerts(alerts(2 * point.number, ALERTS[0], point.start, middle))
            store.publish_alerts(alerts(2 * point.number + 1, ALERTS[1], middle, point.end))
        else:
            store.publish_indicators(indicators(point.number, INDICATORS, point.start, point.end, types=("domain",)))


def write_plan(folder: Path, points: Sequence[Point], *, timeout_s: float | None = None) -> Path:
    """Write what the DAG file reads, and return its path."""
    plan = [
        {
            "dag_id": point.name,
            "kind": point.kind,
            "target": point.target,
            "start": point.start.isoformat(),
            "interval": point.interval,
            "whole": point.whole,
            "steps": _STEPS[point.moment](point.nth) if point.moment in _STEPS else [],
            "devo_conn_id": f"devo_{point.name}" if point.moment == "sending" else "devo_default",
            "timeout_s": timeout_s,
        }
        for point in points
    ]
    path = folder / "plan.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    return path


class Strike(threading.Event):
    """What a stall of the sandbox waits for: it ends the process of the stream, and returns when that is gone."""

    def __init__(self, folder: Path, point: Point, number: signal.Signals = signal.SIGKILL) -> None:
        super().__init__()
        self._folder = folder
        self._point = point
        self._number = number

    def wait(self, timeout: float | None = None) -> bool:
        """End the process."""
        announced = (self._folder / f"{self._point.name}.process").read_text(encoding="utf-8")
        process, supervisor = map(int, announced.split())
        if self._point.whole and supervisor != 1:
            os.kill(supervisor, self._number)
        os.kill(process, self._number)
        if _is_gone(process):
            (self._folder / f"{self._point.name}.struck").touch(exist_ok=False)
        return True


def _is_gone(process: int) -> bool:
    try:
        psutil.Process(process).wait(_GONE_TIMEOUT_S)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return psutil.Process(process).status() == psutil.STATUS_ZOMBIE
    return True


def lay_strikes(
    sandbox: Sandbox, folder: Path, points: Sequence[Point], number: signal.Signals = signal.SIGKILL
) -> tuple[ExitStack, dict[str, str]]:
    """Script the strikes of the servers; return what ends them, and the connections to Devo that are needed for it."""
    stack = ExitStack()
    environment = {}
    for point in points:
        strike = Strike(folder, point, number)
        match = {
            "pulling": rf"until={format_instant(point.start + (point.interval + 1) * PERIOD)}",
            "uploading": rf"^{'PUT' if point.interval else 'POST'} .*/{point.target}/deploy-csv",
            "polling": rf"^GET .*/{point.target}/job/",
        }.get(point.moment)
        if point.moment == "sending":
            port = stack.enter_context(_listener(sandbox, point, strike))
            environment[f"AIRFLOW_CONN_DEVO_{point.name.upper()}"] = json.dumps(
                sandbox.devo.airflow_connection() | {"port": port}
            )
        elif match is not None:
            server = sandbox.flashpoint if point.moment == "pulling" else sandbox.devo
            server.faults.add(
                Fault(
                    "stall",
                    match=match,
                    skip=0 if point.moment == "uploading" else point.nth,
                    after_received_bytes=point.after_bytes if point.moment == "uploading" else None,
                    released=strike,
                )
            )
    return stack, environment


@contextmanager
def _listener(sandbox: Sandbox, point: Point, strike: Strike) -> Generator[int]:
    """Yield the port of a listener for one stream alone, since faults of syslog go by the order of connections."""
    fault = SyslogFault("stall", after_bytes=point.after_bytes, released=strike)
    script = SyslogFaultScript([*[None] * point.nth, fault])
    listener = SyslogListener(sandbox.devo.tables, script, context=server_context(sandbox.devo.certificates)).start()
    try:
        yield listener.port
    finally:
        listener.stop()
