"""Runs cases, each in a fresh process, against sandboxes in yet another one.

This module and its callers import nothing large: Linux counts the memory of the process that starts another into
``ru_maxrss`` of the one that was started.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

CASES = {"pull": "pull -> flatten -> stage", "sync": "stage -> lookup"}
_PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Figures:
    """What one case brought and took: rows, those that came twice included; wall time; peak memory of its process."""

    rows: int
    seconds: float
    peak_bytes: int


class BenchmarkError(Exception):
    """A case or its sandboxes failed, so there is nothing to compare."""


def measure(rows: int) -> dict[str, Figures]:
    """Run every case once with ``rows`` indicators, and return its figures by its name.

    :raises BenchmarkError: a process failed; what it said is on standard error.
    """
    with _sandboxes(rows) as addresses, tempfile.TemporaryDirectory(prefix="benchmark-") as directory:
        return {name: _run(name, rows, directory, addresses) for name in CASES}


def medians(runs: list[Figures]) -> Figures:
    """Return the median of each figure of several runs of one case."""
    return Figures(
        rows=runs[0].rows,
        seconds=median(run.seconds for run in runs),
        peak_bytes=int(median(run.peak_bytes for run in runs)),
    )


def _run(name: str, rows: int, directory: str, addresses: str) -> Figures:
    command = [sys.executable, "-m", "benchmarks.case", name, "--rows", str(rows), "--directory", directory]
    done = subprocess.run(command, cwd=_PROJECT, input=addresses, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{CASES[name]} with {rows} rows failed ({done.returncode}).")
    return Figures(**json.loads(done.stdout))


@contextlib.contextmanager
def _sandboxes(rows: int) -> Generator[str]:
    """Serve ``rows`` indicators while the block runs; yields the line that tells where."""
    command = [sys.executable, "-m", "benchmarks.server", str(rows)]
    with subprocess.Popen(command, cwd=_PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        addresses = server.stdout.readline() if server.stdout else ""
        if not addresses:
            raise BenchmarkError("The sandboxes did not start.")
        yield addresses
