"""The processes of one lab: starts, watches and ends them."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from demo.airflow_lab.errors import LabError
from demo.airflow_lab.marks import end_all, marked, send_signal, with_mark

_TAIL_LINES = 40
# Airflow's scheduler dies with this error when another writer locks a SQLite file. A service would restart it.
_SQLITE_RACES = ("StaleDataError", "database is locked")
_MOST_RESTARTS = 3


class Processes:
    """The long-lived components of a lab, and its short commands.

    ``logs`` is the folder for the output of each component. A guard process ends everything when the process of
    the lab dies without doing so.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._mark = secrets.token_hex(16)
        self._components: dict[str, subprocess.Popen[bytes]] = {}
        self._orders: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {}
        self._restarts = 0
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a component in a new session."""
        self._logs.mkdir(parents=True, exist_ok=True)
        self._guard = self._guard or self._start_guard()
        self._orders[name] = command, environment
        with self.log_file(name).open("ab") as log:
            self._components[name] = subprocess.Popen(
                command,
                env=with_mark(environment, self._mark),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def open(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
        """Start a process and return it with pipes to its standard input and output; its errors go to the log."""
        self._logs.mkdir(parents=True, exist_ok=True)
        with self.log_file(name).open("ab") as log:
            return subprocess.Popen(
                command,
                env=with_mark(environment, self._mark),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def run(
        self, command: Sequence[str], environment: Mapping[str, str], timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; return its output and exit code.

        :raises LabError: it took longer than ``timeout_s`` and was killed.
        """
        with subprocess.Popen(
            command,
            env=with_mark(environment, self._mark),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                output, errors = process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired as error:
                self._kill_session(process.pid)
                raise LabError(f"{' '.join(command)} took longer than {timeout_s:.0f} s.") from error
            return subprocess.CompletedProcess(command, process.returncode, output, errors)

    def check(self) -> None:
        """Check that every component runs. Restart one that died of a locked SQLite file.

        :raises LabError: one has ended; with its exit code and the tail of its log.
        """
        for name, component in list(self._components.items()):
            if (code := component.poll()) is not None:
                if self._restarts < _MOST_RESTARTS and any(race in self.log_tail(name) for race in _SQLITE_RACES):
                    self._restarts += 1
                    self.start(name, *self._orders[name])
                    continue
                raise LabError(f"Airflow's {name} ended with code {code}.\n{self.log_tail(name)}")

    def kill(self, name: str) -> None:
        """Kill one component and its children, as a crash would. `check` reports it from then on."""
        component = self._components[name]
        self._kill_session(component.pid)
        component.wait()

    def stop(self) -> None:
        """End every process of the lab: terminate, wait, then kill. None is left when it returns."""
        end_all(self._mark)
        for component in self._components.values():
            component.wait()
        self._components.clear()
        if self._guard is not None:
            self._guard.communicate()
            self._guard = None

    def alive(self) -> list[psutil.Process]:
        """Return all living processes of the lab, in any group and session."""
        return marked(self._mark)

    def log_file(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def log_tail(self, name: str) -> str:
        """Return the end of a component's log under a heading."""
        file = self.log_file(name)
        lines = file.read_text(errors="replace").splitlines()[-_TAIL_LINES:] if file.exists() else []
        return "\n".join([f"--- {file}", *lines])

    def log_tails(self) -> str:
        return "\n".join(self.log_tail(name) for name in self._components)

    def _kill_session(self, leader: int) -> None:
        session = [process for process in self.alive() if _session_of(process) == leader]
        send_signal(session, signal.SIGKILL)

    def _start_guard(self) -> subprocess.Popen[bytes]:
        # The guard waits for the end of its standard input, which comes however this process ends.
        return subprocess.Popen(
            [sys.executable, "-m", "demo.airflow_lab.guard", self._mark],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except ProcessLookupError:
        return None
