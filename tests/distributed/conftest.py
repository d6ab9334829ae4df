"""A cluster on which both DAGs have run by schedule and in a backfill."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_flashpoint.config import default_lookup_name
from demo.airflow_lab import AirflowLab, LabError
from sandbox.dataset.documents import alerts, indicators
from sandbox.sandbox import Sandbox
from tests.distributed.cluster import Cluster
from tests.distributed.worker import Worker

PERIOD = timedelta(hours=1)
PERIODS = 3
PAGE_SIZE = 100
TYPES = ("domain", "ip-dst|port")
NAMES = {kind: default_lookup_name(kind) for kind in TYPES}
INDICATOR_DAG, ALERT_DAG = DAGS = ("flashpoint_indicator", "flashpoint_alert")
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
    common = {
        "initial_start_time": start.isoformat(),
        "request_period_in_seconds": int(PERIOD.total_seconds()),
        "max_active_runs": 2,
        "page_size": PAGE_SIZE,
        "catchup": False,
    }
    lookups = [{kind: {"lookup_key": f"value.{kind}", "lookup_status": "New"}} for kind in TYPES]
    return {
        "inputs": {
            "flashpoint_indicator": {"id": "1", "services": {"indicators": {**common, "lookups": lookups}}},
            "flashpoint_alert": {"id": "2", "services": {"alerts": common}},
        }
    }


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
        sandbox.flashpoint.store.publish_indicators(indicators(5, 1200, start, end, types=TYPES))
        sandbox.flashpoint.store.publish_alerts(alerts(5, 300, start, end))
        Path(folder).chmod(0o755)
        try:
            with Cluster(Path(folder), sandbox, configuration(start)) as cluster:
                first = cluster.add_worker(["pulls", "default"])
                second = cluster.add_worker(["syncs", "default"])
                for dag_id in DAGS:
                    cluster.lab.unpause(dag_id)
                    cluster.lab.backfill(dag_id, start, end - PERIOD, max_active_runs=2, timeout_s=RUNS_TIMEOUT_S)
                for dag_id in DAGS:
                    cluster.lab.wait_for_runs(dag_id, 1, run_type="scheduled", timeout_s=RUNS_TIMEOUT_S)
                yield World(cluster, start, first, second)
        except LabError as error:
            pytest.fail(f"{error}\n{''.join(getattr(error, '__notes__', ()))}", pytrace=False)
