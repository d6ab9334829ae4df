"""A private Redis server, through which Celery hands tasks to workers."""

from __future__ import annotations

import secrets
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from demo.airflow_lab import LabError
from demo.airflow_lab.processes import Processes
from demo.airflow_lab.settings import LOOPBACK, free_port

_MISSING = "redis-server is not installed; on Debian and Ubuntu: apt install redis-server"
_START_TIMEOUT_S = 30.0
_POLL_S = 0.1


class RedisServer:
    """A Redis server on a free loopback port, with a password of its own, that keeps nothing.

    :param directory: a folder for its log and its settings; made when missing, not removed.
    :raises LabError: Redis is not installed, or does not start; with its output.
    """

    def __init__(self, directory: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise LabError(_MISSING)
        self._program = program
        self._directory = directory.absolute()
        self._password = secrets.token_urlsafe(16)
        self._port = free_port()
        self._processes = Processes(self._directory)

    @property
    def url(self) -> str:
        """The address as Celery takes it; it holds the password."""
        return f"redis://:{self._password}@{LOOPBACK}:{self._port}/0"

    def __enter__(self) -> Self:
        try:
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

    def _start(self) -> None:
        from redis import Redis
        from redis.exceptions import ConnectionError

        self._directory.mkdir(parents=True, exist_ok=True)
        settings = self._directory / "redis.conf"
        settings.touch(mode=0o600)  # arguments would show the password to every process of the machine
        settings.write_text(
            f"bind {LOOPBACK}\nport {self._port}\nrequirepass {self._password}\n"
            f'dir "{self._directory}"\nsave ""\nappendonly no\n'
            "set-proc-title no\n"  # a title is written over the mark by which the process is found
        )
        self._processes.start("redis", [self._program, str(settings)], {})
        deadline = time.monotonic() + _START_TIMEOUT_S
        with Redis.from_url(self.url) as client:
            while True:
                self._processes.check()
                try:
                    client.ping()
                    return
                except ConnectionError as error:  # it does not listen yet
                    if time.monotonic() >= deadline:
                        raise LabError(f"Redis did not start.\n{self._processes.log_tails()}") from error
                time.sleep(_POLL_S)
