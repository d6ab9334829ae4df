"""The environment of a private Airflow: all its settings, and none of the machine's Airflow."""

from __future__ import annotations

import base64
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = "127.0.0.1"
_USER = "admin"
# Writers of a SQLite file wait for each other longer than SQLite's default of five seconds.
_SQLITE_WAIT_S = 120
# The API server of Airflow 3 logs an action (a pause, a cleared run) in its event loop. If another of its requests has
# the write lock, neither continues before this wait ends. A task repeats a call after 5 s, so the wait is shorter.
_SQLITE_WAIT_OF_API_SERVER_S = 4


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one lab. Making this value changes nothing on disk.

    ``line`` is ``3`` or ``2``, ``python`` its interpreter; ``database`` is ``sqlite`` or the URL of a PostgreSQL
    database; ``extra`` are environment variables that override the lab's own. ``password`` is that of the user
    ``admin`` for Airflow's UI and API.
    """

    line: int
    python: Path
    home: Path
    dags_folder: Path
    database: str
    parallelism: int
    extra: Mapping[str, str] = field(default_factory=dict)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)
    port: int = field(default_factory=lambda: free_port())

    @property
    def user(self) -> str:
        return _USER

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def password_file(self) -> Path:
        return self.home / "passwords.json"

    @property
    def sqlite_file(self) -> Path | None:
        return self.home / "airflow.db" if self.database == "sqlite" else None

    @property
    def one_task_at_a_time(self) -> bool:
        """Tasks of Airflow 2 write to the database themselves, which SQLite does not allow side by side."""
        return self.line == 2 and self.sqlite_file is not None

    def environment(self) -> dict[str, str]:
        """Return all variables for a process of this Airflow.

        These are the caller's environment without its Airflow settings, the lab's settings, and ``extra``.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        own = {f"AIRFLOW__{name}": value for name, value in (self._common() | self._of_line()).items()}
        no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY"), LOOPBACK, "localhost"]))
        return {
            **inherited,
            **own,
            **self._unchecked(),
            "AIRFLOW_HOME": str(self.home),
            # Executors of Airflow 2 start tasks by the first `airflow` on the PATH.
            "PATH": f"{self.python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
            "PYTHONUNBUFFERED": "1",
            **self.extra,
        }

    def component_environment(self, component: str) -> dict[str, str]:
        """Return the variables that one component, such as ``api-server``, has instead of those of all processes."""
        name = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
        if component == "api-server" and self.sqlite_file and name not in self.extra:
            return {name: self._database_url(_SQLITE_WAIT_OF_API_SERVER_S)}
        return {}

    def _common(self) -> dict[str, str]:
        return {
            "CORE__DAGS_FOLDER": str(self.dags_folder),
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "1" if self.one_task_at_a_time else str(self.parallelism),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
            "CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "1",
            "DATABASE__SQL_ALCHEMY_CONN": self._database_url(),
            "DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
            "LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "LOGGING__COLORED_CONSOLE_LOG": "False",
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
            "USAGE_DATA_COLLECTION__ENABLED": "False",
        }

    def _unchecked(self) -> dict[str, str]:
        """Return the variable that lets Airflow 2 use the LocalExecutor on SQLite.

        Airflow's own choice there, the SequentialExecutor, imports Airflow again for each task.
        """
        return {"_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1"} if self.one_task_at_a_time else {}

    def _of_line(self) -> dict[str, str]:
        secret = secrets.token_hex(32)
        if self.line == 2:
            return {
                "SCHEDULER__DAG_DIR_LIST_INTERVAL": "10",
                # A backfill checks its tasks this often.
                "SCHEDULER__JOB_HEARTBEAT_SEC": "1",
                "SCHEDULER__PARSING_PROCESSES": "1",
                "WEBSERVER__BASE_URL": self.url,
                "WEBSERVER__SECRET_KEY": secret,
                "WEBSERVER__WEB_SERVER_HOST": LOOPBACK,
                "WEBSERVER__WEB_SERVER_PORT": str(self.port),
                "WEBSERVER__WORKERS": "1",
            }
        return {
            "API__BASE_URL": self.url,
            "API__HOST": LOOPBACK,
            "API__PORT": str(self.port),
            "API__SECRET_KEY": secret,
            "API_AUTH__JWT_SECRET": secret,
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.password_file),
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{_USER}:admin",
            "DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        }

    def _database_url(self, sqlite_wait_s: int = _SQLITE_WAIT_S) -> str:
        if self.sqlite_file:
            return f"sqlite:///{self.sqlite_file}?timeout={sqlite_wait_s}"
        # Without a driver name, Airflow 3's SQLAlchemy would pick another one.
        return self.database.replace("postgresql://", "postgresql+psycopg2://", 1)


def free_port() -> int:
    """Return a free loopback TCP port. It is not reserved."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
