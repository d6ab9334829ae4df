"""A private PostgreSQL server for labs, created for one use."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from demo.airflow_lab.errors import LabError
from demo.airflow_lab.processes import Processes
from demo.airflow_lab.settings import LOOPBACK, free_port

_USER = "postgres"
_UNPRIVILEGED = ("postgres", "nobody")
_DEBIAN = Path("/usr/lib/postgresql")
_MISSING = "PostgreSQL is not installed; on Debian and Ubuntu: apt install postgresql"
_START_TIMEOUT_S = 60.0
_POLL_S = 0.1
# The data may be lost when the machine crashes, since it is used once.
_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}


class PostgresServer:
    """A PostgreSQL server on a free loopback port, with a random password.

    ``with PostgresServer(directory) as postgres: AirflowLab(..., database=postgres.database("airflow"))``

    :param directory: an empty or missing folder for data and logs; it is not removed. PostgreSQL refuses to
        run as root. Under root the folder is given to the user ``postgres`` or ``nobody``, who must have access to
        it: use a folder in ``tempfile.mkdtemp()``, not in pytest's ``tmp_path``.
    :raises LabError: PostgreSQL is not installed or does not start; the error contains its output.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()
        self._programs = _programs()
        self._password = secrets.token_urlsafe(16)
        self._port = free_port()
        self._processes = Processes(self._directory / "components")

    def __enter__(self) -> Self:
        try:
            self._initialize()
            self._start()
        except BaseException:
            self._processes.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._processes.stop()

    def database(self, name: str) -> str:
        """Create an empty database and return its ``postgresql://`` URL, password included."""
        self._run("createdb", *self._address(), name)
        return f"postgresql://{_USER}:{self._password}@{LOOPBACK}:{self._port}/{name}"

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    def _initialize(self) -> None:
        self._data.mkdir(parents=True)
        password_file = self._directory / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        if os.geteuid() == 0:
            for path in (self._directory, self._data, password_file):
                shutil.chown(path, _unprivileged_user())
        how = ("--username", _USER, "--pwfile", str(password_file), "--auth", "scram-sha-256")
        self._run("initdb", "--pgdata", str(self._data), *how, "--encoding", "UTF8", "--no-locale", "--no-sync")
        password_file.unlink()

    def _start(self) -> None:
        settings = {"listen_addresses": LOOPBACK, "port": str(self._port), "unix_socket_directories": "", **_SETTINGS}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = self._command("postgres", "-D", str(self._data), *options)
        self._processes.start("postgres", command, self._environment())
        ready = self._command("pg_isready", *self._address())
        deadline = time.monotonic() + _START_TIMEOUT_S
        while self._processes.run(ready, self._environment(), _START_TIMEOUT_S).returncode:
            self._processes.check()
            if time.monotonic() >= deadline:
                raise LabError(f"PostgreSQL did not start.\n{self._processes.log_tails()}")
            time.sleep(_POLL_S)

    def _address(self) -> tuple[str, ...]:
        return "--host", LOOPBACK, "--port", str(self._port), "--username", _USER

    def _environment(self) -> Mapping[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return {**own, "PGPASSWORD": self._password}

    def _command(self, program: str, *arguments: str) -> list[str]:
        """Return the command, run as a user that PostgreSQL accepts."""
        command = [str(self._programs / program), *arguments]
        if os.geteuid() != 0:
            return command
        user = pwd.getpwnam(_unprivileged_user())
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *command]

    def _run(self, program: str, *arguments: str) -> None:
        answer = self._processes.run(self._command(program, *arguments), self._environment(), _START_TIMEOUT_S)
        if answer.returncode:
            raise LabError(f"{program} failed:\n{answer.stdout[-2000:]}\n{answer.stderr[-2000:]}")


def _programs() -> Path:
    """Return the folder with the programs of the newest PostgreSQL, which are not in PATH on Debian."""
    in_path = shutil.which("initdb")
    folders = [Path(in_path).resolve().parent] if in_path else []
    by_version = sorted(_DEBIAN.glob("[0-9]*/bin"), key=lambda bin_: int(bin_.parent.name))
    for folder in [*folders, *reversed(by_version)]:
        if all((folder / program).exists() for program in ("initdb", "postgres", "pg_isready", "createdb")):
            return folder
    raise LabError(_MISSING)


def _unprivileged_user() -> str:
    known = {user.pw_name for user in pwd.getpwall()}
    return next(name for name in _UNPRIVILEGED if name in known)
