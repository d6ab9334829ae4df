"""An Airflow with CeleryExecutor, Redis and PostgreSQL. Its workers share an object store and no disk."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from demo.airflow_lab import AirflowLab, LabError
from demo.airflow_lab.postgresql import PostgresServer
from sandbox.sandbox import Sandbox
from tests.distributed import policies
from tests.distributed.object_store import ObjectStore
from tests.distributed.redis_server import RedisServer
from tests.distributed.worker import Worker

_DAGS = Path(__file__).parents[2] / "dags"
_CONN_ID = "object_store"
_WORKER_TIMEOUT_S = 90.0
_POLL_S = 0.3
# Airflow detects a dead worker, its running tasks and its queued tasks in seconds with these, instead of minutes.
_DETECTION = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "20",  # the same for Airflow 2
    "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__LOCAL_TASK_JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
}


class Cluster:
    """The shipped DAGs on several machines. Use as a context manager, which ends every process.

    :param folder: an empty folder that any user can access, as a PostgreSQL started by root requires.
    :param config: the content of ``flashpoint_collector.yaml``.
    :param connections: the environment variables of the Airflow connections to the sandbox.
    """

    def __init__(self, folder: Path, sandbox: Sandbox, config: dict[str, Any], connections: Mapping[str, str]) -> None:
        self.sandbox = sandbox
        self._connections = connections
        self.store = ObjectStore()
        self.workers: list[Worker] = []
        self._folder = folder
        self._config = config
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            database = self._stack.enter_context(PostgresServer(self._folder / "postgresql")).database("airflow")
            broker = self._stack.enter_context(RedisServer(self._folder / "redis"))
            self._stack.enter_context(self.store)
            self._stack.callback(self._kill_workers)
            self.lab = self._stack.enter_context(self._airflow(database, broker.url))
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note("\n".join(worker.log_tail() for worker in self.workers))
        self._stack.close()

    def add_worker(self, queues: Sequence[str]) -> Worker:
        """Start a worker on an empty disk, and return it when it accepts tasks."""
        environment = {**self.lab.environment, **self._worker_environment()}
        home = self._folder / f"worker-{len(self.workers) + 1}"
        _install_policies(home)
        worker = Worker(home, queues, environment, sys.executable)
        self.workers.append(worker)
        worker.start()
        deadline = time.monotonic() + _WORKER_TIMEOUT_S
        while not worker.ready():
            if time.monotonic() >= deadline:
                raise LabError(f"{worker.name} did not start in time.\n{worker.log_tail()}")
            time.sleep(_POLL_S)
        return worker

    def _airflow(self, database: str, broker_url: str) -> AirflowLab:
        dags, home = self._folder / "dags", self._folder / "airflow"
        shutil.copytree(_DAGS, dags, ignore=shutil.ignore_patterns("__pycache__"))
        (dags / "flashpoint_collector.yaml").write_text(json.dumps(self._config), encoding="utf-8")
        _install_policies(home)
        environment = {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CELERY__BROKER_URL": broker_url,
            "AIRFLOW__CELERY__RESULT_BACKEND": database.replace("postgresql://", "db+postgresql+psycopg2://", 1),
            **_DETECTION,
        }
        return AirflowLab(home, dags, database=database, environment=environment, parallelism=8)

    def _worker_environment(self) -> dict[str, str]:
        """Return the variables that only workers need: connections, which contain the certificates, and storage."""
        devo = json.loads(self._connections["AIRFLOW_CONN_DEVO_DEFAULT"])
        devo["extra"] |= {name: Path(devo["extra"][name]).read_text() for name in ("cert", "private_key", "chain")}
        return {
            **self._connections,
            "AIRFLOW_CONN_DEVO_DEFAULT": json.dumps(devo),
            f"AIRFLOW_CONN_{_CONN_ID.upper()}": self.store.connection(),
            "AIRFLOW__FLASHPOINT__STAGING_URI": self.store.staging_uri(_CONN_ID),
        }

    def _kill_workers(self) -> None:
        for worker in self.workers:
            worker.kill()


def _install_policies(home: Path) -> None:
    """Write the policies into an Airflow home; Airflow 2 also applies those of the worker."""
    (home / "config").mkdir(parents=True)
    shutil.copy(policies.__file__, home / "config" / "airflow_local_settings.py")
