"""A cluster on which both DAGs have run by schedule and in a backfill.

To save time, Airflow 3 reads Ignite alone, and Airflow 2 the legacy API.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from demo.airflow_lab import AirflowLab, LabError
from sandbox.generations import IGNITE_V2, LEGACY
from sandbox.sandbox import Sandbox
from tests.distributed.cluster import Cluster
from tests.distributed.worker import Worker
from tests.generation_dags import GenerationDags, connections

PERIOD = timedelta(hours=1)
PERIODS = 3
PAGE_SIZE = 100
GENERATION = LEGACY if version("apache-airflow").startswith("2.") else IGNITE_V2
TYPES = GENERATION.types[:2]
SHIPPED = GenerationDags(GENERATION, TYPES)
RUNS_TIMEOUT_S = 180.0


@dataclass
class World:
    """The cluster, its first two workers, and the start of its data."""

    cluster: Cluster
    start: datetime
    first: Worker
    second: Worker

    @property
    def sandbox(self) -> Sandbox:
        return self.cluster.sandbox

    @property
    def lab(self) -> AirflowLab:
        return self.cluster.lab

    @property
    def end(self) -> datetime:
        return self.start + PERIODS * PERIOD


def configuration(start: datetime) -> dict[str, Any]:
    """Return a collector's configuration for both inputs."""
    return SHIPPED.configuration({
        "initial_start_time": start.isoformat(),
        "request_period_in_seconds": int(PERIOD.total_seconds()),
        "max_active_runs": 2,
        "page_size": PAGE_SIZE,
        "catchup": False,
    })


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """Two workers: pulls of indicators run on the first, syncs on the second, all other tasks on either."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    start = now - (PERIODS + 1) * PERIOD
    with (
        tempfile.TemporaryDirectory(prefix="distributed-", ignore_cleanup_errors=True) as folder,
        Sandbox() as sandbox,
    ):
        end = start + PERIODS * PERIOD
        GENERATION.indicators.publish(sandbox.flashpoint.store, 5, 1200, start, end, types=TYPES)
        GENERATION.alerts.publish(sandbox.flashpoint.store, 5, 300, start, end)
        Path(folder).chmod(0o755)
        try:
            with Cluster(Path(folder), sandbox, configuration(start), connections(sandbox, [SHIPPED])) as cluster:
                first = cluster.add_worker(["pulls", "default"])
                second = cluster.add_worker(["syncs", "default"])
                for dag_id in SHIPPED.dags:
                    cluster.lab.unpause(dag_id)
                    cluster.lab.backfill(dag_id, start, end - PERIOD, max_active_runs=2, timeout_s=RUNS_TIMEOUT_S)
                for dag_id in SHIPPED.dags:
                    cluster.lab.wait_for_runs(dag_id, 1, run_type="scheduled", timeout_s=RUNS_TIMEOUT_S)
                yield World(cluster, start, first, second)
        except LabError as error:
            pytest.fail(f"{error}\n{''.join(getattr(error, '__notes__', ()))}", pytrace=False)
