"""A Celery worker that shares no disk with the others, as on a separate machine."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from demo.airflow_lab.marks import send_signal
from demo.airflow_lab.processes import Processes

_CONCURRENCY = 2


class Attempt(NamedTuple):
    """One attempt of a task, found in the logs of a worker."""

    dag_id: str
    run_id: str
    task_id: str
    number: int


class Worker:
    """One worker with a separate home, folder for temporary files and set of processes.

    :param home: created if missing, not removed.
    :param queues: the queues from which it takes tasks.
    :param environment: the environment of Airflow, with the connections of the tasks.
    """

    def __init__(self, home: Path, queues: Sequence[str], environment: Mapping[str, str], python: str) -> None:
        self.name = home.name
        self.home = home
        self.queues = tuple(queues)
        self._python = python
        self.environment = {
            **environment,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self._logs),
            "TMPDIR": str(home / "tmp"),
        }
        self._processes = Processes(home / "components")

    def start(self) -> None:
        """Start the worker, without waiting until it accepts tasks."""
        (self.home / "tmp").mkdir(parents=True)
        options = ("--concurrency", str(_CONCURRENCY), "--queues", ",".join(self.queues), "--skip-serve-logs")
        names = ("--celery-hostname", f"{self.name}@%h", "--without-gossip", "--without-mingle")
        command = [self._python, "-m", "airflow", "celery", "worker", *options, *names]
        self._processes.start(self.name, command, self.environment)

    def ready(self) -> bool:
        """Return whether the worker accepts tasks.

        :raises LabError: the worker has ended; the error contains the end of its log.
        """
        self._processes.check()
        log = self._processes.log_file(self.name).read_text(errors="replace")
        return re.search(rf"{self.name}@\S+ ready\.", log) is not None

    def kill(self) -> None:
        """Kill the worker and its tasks at once, as the death of its machine would. A second call does nothing."""
        while left := self._processes.alive():
            send_signal(left, signal.SIGKILL)
            psutil.wait_procs(left, timeout=1)
        self._processes.stop()

    def attempts(self) -> set[Attempt]:
        """Return each attempt that the worker has started."""
        found = set()
        for log in self._logs.glob("dag_id=*/run_id=*/task_id=*/attempt=*.log"):
            dag_id, run_id, task_id, number = (part.partition("=")[2] for part in log.with_suffix("").parts[-4:])
            found.add(Attempt(dag_id, run_id, task_id, int(number)))
        return found

    def log_tail(self) -> str:
        """Return the end of the worker's log."""
        return self._processes.log_tails()

    @property
    def _logs(self) -> Path:
        return self.home / "logs"
