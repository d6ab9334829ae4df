"""The points at which tasks are killed or otherwise ended, the data of their streams, and the plan for the DAG file."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from sandbox.generations import LEGACY, Generation
from sandbox.sandbox import Sandbox

PERIOD = timedelta(hours=1)
ALERTS = (2600, 300)  # in the two intervals; a batch has about 1,000
MANY_ALERTS = 6600
INDICATORS = 2000
PAGE = 100
TYPE = "domain"
_APART = 4 * PERIOD  # far enough that no stream reads the data of another, overlaps included
_FIRST_OTHER = 50
_TIMEOUT_S = 20.0

# The moments at which an alert task is killed, and the number of points at each.
ALERT_MOMENTS = {
    "pulling": 3,  # Flashpoint has not answered the nth page
    "sending": 4,  # Devo has read a part of the nth batch
    "confirmed": 1,  # Devo has the nth batch, the ledger does not
    "recording": 1,  # a file of the ledger is written, and not yet renamed to its final name
    "recorded": 2,  # the ledger has everything, the checkpoint is not written
    "checkpointed": 1,  # the checkpoint is written, Airflow has not recorded the success
}
LOOKUP_MOMENTS = {
    "pulling": 1,  # Flashpoint has not answered the nth page; the rows before it are staged
    "staging": 1,  # the parts of the stage are written, its manifest is not
    "staged": 1,  # the stage is complete, Airflow has not recorded its address
    "uploading": 2,  # Devo has a part of the CSV
    "polling": 1,  # Devo's job is running
    "deployed": 1,  # Devo has the rows, the ledger does not
    "noted": 1,  # the ledger has the rows, the checkpoint is not written
}
# The file operations that lead to a moment: regular expressions, each with the number of matches to skip first.
_STEPS: dict[str, Callable[[int], list[tuple[str, int]]]] = {
    "confirmed": lambda nth: [(r"^os\.rename .*/ledger/\w+/\w+/.*\.ids", nth)],
    "recording": lambda nth: [(r"^os\.rename .*/ledger/\w+/\w+/.*\.ids", nth)],
    "recorded": lambda nth: [(r"^os\.(listdir|scandir) .*/ledger$", 0)],
    "checkpointed": lambda nth: [("^executed$", 0)],
    "staging": lambda nth: [(r"^os\.rename .*/manifest\.json", 0)],
    "staged": lambda nth: [(r"^os\.rename .*/manifest\.json", 0), (r"^os\.(listdir|scandir) ", 0)],
    "deployed": lambda nth: [(r"^os\.rename .*\.versions", 0)],
    "noted": lambda nth: [(r"^os\.rename .*\.versions", 0), (r"^os\.(listdir|scandir) ", 0)],
}


@dataclass(frozen=True)
class Point:
    """One stream and the moment at which its process is killed or otherwise ended.

    :param nth: the number of pages, batches, files or polls before that moment.
    :param after_bytes: the number of bytes that Devo reads before that moment.
    :param interval: the one of the two intervals in which it happens, if the moment can be in either.
    :param page_size: of the stream; no other stream that is stalled at a page has the same.
    :param victim: ``task``, whose supervisor reports its end to Airflow; ``supervisor``; or ``worker``, both of them.
    :param end_by: ``kill``; ``term``, as Airflow ends a task whose state was changed; or ``timeout`` of the task.
    """

    number: int
    kind: str
    moment: str
    nth: int
    after_bytes: int
    interval: int
    victim: str
    start: datetime
    generation: Generation
    end_by: str = "kill"
    page_size: int = PAGE

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.generation.api}_{self.number:02}_{self.moment}_{self.end_by}_{self.victim}"

    @property
    def target(self) -> str:
        """The Devo table or the lookup."""
        if self.kind == "lookup":
            return self.name
        return f"{self.end_by}.alerts.{self.generation.api}_{self.number:02}.{self.moment}"

    @property
    def flashpoint_conn_id(self) -> str:
        return f"flashpoint_{self.generation.api}"

    @property
    def devo_conn_id(self) -> str:
        """The connection to Devo: a separate one if the stream has a separate listener."""
        return f"devo_{self.name}" if self.moment == "sending" else "devo_default"

    @property
    def end(self) -> datetime:
        return self.start + 2 * PERIOD


def draw_points(
    seed: int, end: datetime, generation: Generation = LEGACY, numbers: Iterable[int] | None = None
) -> list[Point]:
    """Return points of a seed at which processes are killed; their data lies before ``end``.

    :param numbers: the numbers of the points, of all 20 by default.
    """
    chance = random.Random(seed)
    moments = [("alerts", each) for each, count in ALERT_MOMENTS.items() for _ in range(count)]
    moments += [("lookup", each) for each, count in LOOKUP_MOMENTS.items() for _ in range(count)]
    drawn = [
        Point(
            number=number,
            kind=kind,
            moment=moment,
            nth=chance.randrange(_most(kind, moment)),
            after_bytes=chance.randrange(1, 700_000 if kind == "alerts" else 100_000),
            interval=chance.randrange(2) if kind == "lookup" and moment not in ("pulling", "polling") else 0,
            victim=chance.choice(("task", "worker")),
            start=end,
            generation=generation,
        )
        for number, (kind, moment) in enumerate(moments)
    ]
    return _placed([drawn[number] for number in numbers or range(len(drawn))], end)


def _placed(points: Sequence[Point], end: datetime) -> list[Point]:
    """Return the points with their data apart from each other, before ``end``."""
    first = _half_past(end) - len(points) * _APART
    return [replace(point, start=first + place * _APART) for place, point in enumerate(points)]


def with_page_sizes(points: Sequence[Point]) -> list[Point]:
    """Return the points, with a page size of its own for each that stalls a page, so that its requests are known."""
    stalled = [point.name for point in points if point.moment == "pulling"]
    sizes = {name: PAGE - 1 - place for place, name in enumerate(stalled)}
    return [replace(point, page_size=sizes.get(point.name, PAGE)) for point in points]


def other_interruptions(end: datetime, *, orphans: bool) -> list[Point]:
    """Return points at which a task is terminated, times out or loses its supervisor; their data lies before ``end``.

    :param orphans: include tasks that continue although their supervisor was killed.
    """
    ends = [
        ("alerts", "sending", "task", "term"),
        ("alerts", "sending", "task", "timeout"),
        ("lookup", "pulling", "task", "term"),
        ("lookup", "uploading", "task", "term"),
    ]
    if orphans:
        ends += [("alerts", "sending", "supervisor", "kill"), ("lookup", "polling", "supervisor", "kill")]
    points = [
        Point(
            number=_FIRST_OTHER + place,
            kind=kind,
            moment=moment,
            nth=1,
            after_bytes=50_000,
            interval=0,
            victim=victim,
            start=end,
            generation=LEGACY,
            end_by=end_by,
        )
        for place, (kind, moment, victim, end_by) in enumerate(ends)
    ]
    return _placed(points, end)


def _half_past(end: datetime) -> datetime:
    """Return half past the previous hour, so that one batch of alerts is in two hours of the ledger."""
    return end.replace(minute=30, second=0, microsecond=0) - PERIOD


def _most(kind: str, moment: str) -> int:
    """Return the least number of pages, batches, files or polls that this moment can have."""
    if moment == "pulling":
        return ALERTS[0] // PAGE if kind == "alerts" else INDICATORS // 2 // PAGE
    return 2 if moment == "sending" else 3


def publish(sandbox: Sandbox, points: Sequence[Point]) -> None:
    """Give Flashpoint the data of each stream."""
    store = sandbox.flashpoint.store
    for point in points:
        middle, generation = point.start + PERIOD, point.generation
        seed = zlib.crc32(point.name.encode())
        if point.kind == "alerts":
            count = MANY_ALERTS if point.victim == "supervisor" else ALERTS[0]
            generation.alerts.publish(store, seed, count, point.start, middle)
            generation.alerts.publish(store, seed + 1, ALERTS[1], middle, point.end)
        else:
            generation.indicators.publish(store, seed, INDICATORS, point.start, point.end, types=(TYPE,))


def write_plan(folder: Path, points: Sequence[Point]) -> Path:
    """Write the plan that the DAG file reads, and return its path."""
    plan = [
        {
            "dag_id": point.name,
            "kind": point.kind,
            "target": point.target,
            "start": point.start.isoformat(),
            "interval": point.interval,
            "victim": point.victim,
            "priority": 2 if point.victim == "supervisor" else 1,  # its attempts must not wait for other streams
            "steps": _STEPS[point.moment](point.nth) if point.moment in _STEPS else [],
            "devo_conn_id": point.devo_conn_id,
            "flashpoint_conn_id": point.flashpoint_conn_id,
            "page_size": point.page_size,
            "lookup_key": point.generation.lookup_key(TYPE),
            "timeout_s": _TIMEOUT_S if point.end_by == "timeout" else None,
        }
        for point in points
    ]
    path = folder / "plan.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    return path
