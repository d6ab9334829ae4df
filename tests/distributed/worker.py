"""A Celery worker as on a machine of its own: nothing on disk is shared with any other."""

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


class Try(NamedTuple):
    """One try of a task, as the log of the worker that ran it tells."""

    dag_id: str
    run_id: str
    task_id: str
    number: int


class Worker:
    """One worker with a home, a folder for temporary files and processes of its own.

    :param home: made when missing, not removed.
    :param queues: what it takes tasks from.
    :param environment: of the Airflow that it works for, with the connections that its tasks need.
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
        """Start the worker. Does not wait until it takes tasks."""
        (self.home / "tmp").mkdir(parents=True)
        options = ("--concurrency", str(_CONCURRENCY), "--queues", ",".join(self.queues), "--skip-serve-logs")
        names = ("--celery-hostname", f"{self.name}@%h", "--without-gossip", "--without-mingle")
        command = [self._python, "-m", "airflow", "celery", "worker", *options, *names]
        self._processes.start(self.name, command, self.environment)

    def ready(self) -> bool:
        """Return whether the worker takes tasks.

        :raises LabError: it has ended; with the end of its log.
        """
        self._processes.check()
        log = self._processes.log_file(self.name).read_text(errors="replace")
        return re.search(rf"{self.name}@\S+ ready\.", log) is not None

    def kill(self) -> None:
        """End the worker and every process of its tasks at once, as the death of its machine would.

        A second call does nothing.
        """
        while left := self._processes.alive():
            send_signal(left, signal.SIGKILL)
            psutil.wait_procs(left, timeout=1)
        self._processes.stop()

    def tries(self) -> set[Try]:
        """Return each try that was begun here."""
        found = set()
        for log in self._logs.glob("dag_id=*/run_id=*/task_id=*/attempt=*.log"):
            dag_id, run_id, task_id, number = (part.partition("=")[2] for part in log.with_suffix("").parts[-4:])
            found.add(Try(dag_id, run_id, task_id, int(number)))
        return found

    def said(self) -> str:
        """Return the end of the worker's own log."""
        return self._processes.log_tails()

    @property
    def _logs(self) -> Path:
        return self.home / "logs"
