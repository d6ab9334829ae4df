"""Runs each contender in a fresh process, against sandboxes in another process.

This module and its callers import nothing large: on Linux ``ru_maxrss`` of a new process includes the memory of the
process that started it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.case import Bar, Case, Contender

_PROJECT = Path(__file__).parents[1]
_MEBIBYTE = 1 << 20
_CLOCK_TICK_S = 1e-3


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one run of a contender. ``lost`` and ``repeated`` follow from the server's counts."""

    done: int
    seconds: float
    cpu_s: float
    peak_bytes: int
    lost: int = 0
    repeated: int = 0

    @property
    def rate(self) -> float:
        """Units per second."""
        return self.done / self.seconds

    @property
    def cpu_rate(self) -> float:
        """Units per second of CPU time."""
        return self.done / max(self.cpu_s, _CLOCK_TICK_S)

    @property
    def peak_mib(self) -> float:
        """Peak memory in MiB."""
        return self.peak_bytes / _MEBIBYTE


class BenchmarkError(Exception):
    """A contender or the sandboxes failed; there is nothing to compare."""


def measure(case: Case, *, runs: int, scale: float) -> dict[str, list[Figures]]:
    """Run every contender of a case ``runs`` times, in an order that is reversed each time. Return figures by name.

    :raises BenchmarkError: a process failed; the message has its output.
    """
    figures: dict[str, list[Figures]] = {name: [] for name in case.contenders}
    count = max(1, round(case.count * scale))
    with _served(case, count) as server:
        for number in range(min(runs, case.runs or runs)):
            for name in sorted(figures, reverse=bool(number % 2)):
                if number >= (case.contenders[name].runs or runs):
                    continue
                figures[name].append(_run(case, name, count, server))
    return figures


def judge(bar: Bar, figures: dict[str, list[Figures]]) -> tuple[float, bool]:
    """Return the value that the bar bounds, from the medians of all runs, and whether the bar is reached."""
    value = median(getattr(each, bar.figure) for each in figures[bar.of])
    if bar.figure in {"lost", "repeated"}:
        value = max(getattr(each, bar.figure) for each in figures[bar.of])
    if bar.to is not None:
        value /= median(getattr(each, bar.figure) for each in figures[bar.to])
    return value, (bar.at_least is None or value >= bar.at_least) and (bar.at_most is None or value <= bar.at_most)


class _Server:
    """The process of the sandboxes, or None for a case that needs none."""

    def __init__(self, process: subprocess.Popen[str] | None) -> None:
        self._process = process
        self.addresses = self._read() if process else {}

    def announce(self, what: str) -> dict[str, int]:
        """Announce ``begin`` or ``end`` of a run; return the counts of what arrived."""
        if self._process is None or self._process.stdin is None:
            return {}
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process and self._process.stdout else ""
        if not line:
            raise BenchmarkError("The sandboxes have failed.")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def _served(case: Case, count: int) -> Generator[_Server]:
    if case.server is None:
        yield _Server(None)
        return
    settings = _scaled(case.server, count / case.count)
    module = "benchmarks.sink" if settings.pop("sink", False) else "benchmarks.server"
    command = [sys.executable, "-m", module, json.dumps(settings)]
    with subprocess.Popen(command, cwd=_PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield _Server(process)


def _scaled(settings: Mapping[str, Any], scale: float) -> dict[str, Any]:
    """Return the settings of a server with their amounts scaled like the work."""
    return {
        name: round(value * scale) if name in {"indicators", "after_bytes", "stall_after_bytes"}
        else _scaled(value, scale) if isinstance(value, Mapping) else value
        for name, value in settings.items()
    }  # fmt: skip


def _run(case: Case, name: str, count: int, server: _Server) -> Figures:
    contender = case.contenders[name]
    count = max(1, round(count * contender.share))
    server.announce("begin")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as directory:
        work = json.dumps({"count": count, "directory": directory, "servers": server.addresses})
        command = [sys.executable, "-m", "benchmarks.contender", case.name, name]
        done = subprocess.run(command, cwd=_PROJECT, input=work, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{case.title}: {name} failed ({done.returncode}).\n{done.stderr}")
    arrived = server.announce("end")
    return Figures(**json.loads(done.stdout.splitlines()[-1]), **_missed(contender, count, arrived))


def _missed(contender: Contender, count: int, arrived: dict[str, int]) -> dict[str, int]:
    if not contender.arrives_as:
        return {}
    total = arrived[contender.arrives_as]
    distinct = arrived["distinct"] if contender.arrives_as == "events" else total
    return {"lost": count - distinct, "repeated": total - distinct}
