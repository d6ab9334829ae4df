"""Finding and ending all processes of a lab.

Airflow's processes are not in one process group: the parsers of DAG files and the running tasks create new
groups and sessions. So each process has a mark in its environment, which its children inherit, and a lab
ends all processes with its mark.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterable, Mapping

import psutil

_MARK = "AIRFLOW_LAB_MARK"
_GRACE_S = 10.0


def with_mark(environment: Mapping[str, str], mark: str) -> dict[str, str]:
    """Return ``environment`` with the mark by which `marked` finds the process."""
    # Airflow renames its processes. Unless SPT_NOENV is set, this overwrites the environment that others see.
    return {**environment, _MARK: mark, "SPT_NOENV": "1"}


def marked(mark: str) -> list[psutil.Process]:
    """Return the living processes with this ``mark``."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(_MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end_all(mark: str) -> None:
    """End all processes with this ``mark``. Kill those that do not end within the grace period."""
    send_signal(marked(mark), signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    while (left := marked(mark)) and time.monotonic() < deadline:
        psutil.wait_procs(left, timeout=0.5)
    # A process that is about to be killed may have started another one.
    while left := marked(mark):
        send_signal(left, signal.SIGKILL)
        psutil.wait_procs(left, timeout=1)


def send_signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
