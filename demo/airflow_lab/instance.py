"""One Airflow: its database and components, its start and stop."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from demo.airflow_lab.agent_control import AGENT, AgentControl
from demo.airflow_lab.control import Control
from demo.airflow_lab.errors import LabError
from demo.airflow_lab.processes import Processes
from demo.airflow_lab.rest_control import RestControl
from demo.airflow_lab.settings import Settings

T = TypeVar("T")

_POLL_S = 0.3


class AirflowInstance:
    """A real Airflow with a private home, database and set of processes.

    ``with AirflowInstance(home, dags) as airflow:`` migrates the database, starts the components, waits
    until they are healthy, and ends every process when the block is left.

    :param home: folder for the configuration, the database and all logs; created if missing, never removed.
    :param dags_folder: the folder of the DAG files.
    :param python: the interpreter of the environment that has the wanted Airflow.
    :param database: ``sqlite``, or the URL of an empty PostgreSQL database. Airflow 2 runs one task at
        a time on SQLite.
    :param environment: variables that override the lab's own, such as ``AIRFLOW_CONN_*``.
    :param parallelism: maximum number of tasks that run at once.
    :param triggerer: start the triggerer too, for deferred tasks.
    :param webserver: start the UI of Airflow 2 too; that of Airflow 3 always runs.
    """

    def __init__(
        self,
        home: Path,
        dags_folder: Path,
        *,
        python: str | Path = sys.executable,
        database: str = "sqlite",
        environment: Mapping[str, str] | None = None,
        parallelism: int = 4,
        triggerer: bool = False,
        webserver: bool = False,
    ) -> None:
        self.version = _airflow_version(python)
        self._settings = Settings(
            line=int(self.version.split(".")[0]),
            python=Path(python).absolute(),
            home=home.absolute(),
            dags_folder=dags_folder.absolute(),
            database=database,
            parallelism=parallelism,
            extra=dict(environment or {}),
        )
        self._environment = self._settings.environment()
        self._triggerer = triggerer
        self._webserver = webserver
        self._processes = Processes(self._settings.home / "components")
        self._control: Control | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables of each process of this Airflow, secret keys included."""
        return self._environment

    @property
    def line(self) -> int:
        """The major version: 3 or 2."""
        return self._settings.line

    @property
    def url(self) -> str:
        """The address of Airflow's UI."""
        return self._settings.url

    @property
    def user(self) -> str:
        return self._settings.user

    @property
    def password(self) -> str:
        return self._settings.password

    def __enter__(self) -> Self:
        try:
            self.migrate()
            self.start()
            self.wait_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def migrate(self) -> None:
        """Create or upgrade the database."""
        settings = self._settings
        settings.home.mkdir(parents=True, exist_ok=True)
        settings.password_file.touch(mode=0o600)
        settings.password_file.write_text(json.dumps({settings.user: settings.password}))
        self._checked("db", "migrate")
        if settings.sqlite_file:
            _let_readers_pass(settings.sqlite_file)
        if self.line == 2 and self._webserver:
            names = ("--firstname", "Lab", "--lastname", "Lab", "--email", "lab@localhost")
            login = ("--username", self.user, "--password", self.password)
            self._checked("users", "create", "--role", "Admin", *names, *login)

    def start(self) -> None:
        """Start each component in a new session, without waiting until it is healthy."""
        for component in self._components():
            environment = {**self._environment, **self._settings.component_environment(component[0])}
            self._processes.start(component[0], self._airflow(*component), environment)
        if self.line == 2:
            agent = self._processes.open("agent", [str(self._settings.python), str(AGENT)], self._environment)
            self._control = AgentControl(agent)
        else:
            self._control = RestControl(self.url, self.user, self.password)

    def wait_healthy(self, timeout_s: float = 90.0) -> None:
        """Return when every component reports that it is healthy.

        :raises LabError: one ended, or time ran out; with the ends of the logs.
        """
        self.wait_until(self._running.healthy, timeout_s, "Airflow to be healthy")

    def kill(self, component: str) -> None:
        """End ``scheduler``, ``api-server``, ``dag-processor`` or another component as a crash would."""
        self._processes.kill(component)

    def stop(self) -> None:
        """End every process of this Airflow, and return when none is left. A second call does nothing."""
        self._processes.stop()
        if self._control is not None:
            self._control.close()
            self._control = None

    def cli(self, *arguments: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run ``airflow <arguments>``; return its output and exit code."""
        return self._processes.run(self._airflow(*arguments), self._environment, timeout_s)

    def wait_until(
        self,
        condition: Callable[[], T | None],
        timeout_s: float,
        what: str,
        describe: Callable[[], str] = lambda: "",
    ) -> T:
        """Poll ``condition`` while the components live, and return its first true value.

        :raises LabError: a component ended, or time ran out.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            self._processes.check()
            if answer := condition():
                return answer
            if time.monotonic() >= deadline:
                raise LabError(f"Waited {timeout_s:.0f} s for {what}.\n{describe()}\n{self._processes.log_tails()}")
            time.sleep(_POLL_S)

    @property
    def _running(self) -> Control:
        if self._control is None:
            raise LabError("Airflow has not been started.")
        return self._control

    def _components(self) -> list[tuple[str, ...]]:
        scheduler = ("scheduler", "--skip-serve-logs")
        triggerer = [("triggerer", "--skip-serve-logs")] if self._triggerer else []
        if self.line == 2:
            return [scheduler, *triggerer, *([("webserver",)] if self._webserver else [])]
        return [("api-server",), scheduler, ("dag-processor",), *triggerer]

    def _airflow(self, *arguments: str) -> list[str]:
        return [str(self._settings.python), "-m", "airflow", *arguments]

    def _checked(self, *arguments: str) -> None:
        answer = self.cli(*arguments)
        if answer.returncode:
            raise LabError(f"airflow {arguments[0]} {arguments[1]} failed:\n{answer.stderr[-4000:]}")


def _airflow_version(python: str | Path) -> str:
    question = "import importlib.metadata; print(importlib.metadata.version('apache-airflow'))"
    answer = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise LabError(f"{python} has no Airflow.")
    return answer.stdout.strip()


def _let_readers_pass(database: Path) -> None:
    """Let readers of a SQLite file not block its writer, as Airflow 3 does by itself."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
