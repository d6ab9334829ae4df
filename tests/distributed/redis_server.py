"""A private Redis server: the broker through which Celery sends tasks to workers."""

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
    """A Redis server on a free loopback port, with a random password and without persistence.

    :param directory: a folder for its log and its settings; created if missing, not removed.
    :raises LabError: Redis is not installed or does not start; the error contains its output.
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
        """The address for Celery; it contains the password."""
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
        settings.touch(mode=0o600)  # every process of the machine could read the password in arguments
        settings.write_text(
            f"bind {LOOPBACK}\nport {self._port}\nrequirepass {self._password}\n"
            f'dir "{self._directory}"\nsave ""\nappendonly no\n'
            "set-proc-title no\n"  # a title would overwrite the mark by which the process is found
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
