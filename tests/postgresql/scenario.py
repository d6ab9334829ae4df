"""The scenario of the scheduler tests: a sandbox with data in many short periods, and the DAGs that read it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from airflow_provider_flashpoint.config import default_lookup_name
from sandbox.dataset.documents import alerts, indicators
from sandbox.sandbox import Sandbox

PERIOD = timedelta(minutes=1)
BACKFILLED = 24
PERIODS = BACKFILLED + 2  # the last two are for the scheduled and the manual runs
INDICATOR_DAG, ALERT_DAG = DAGS = ("flashpoint_indicator", "flashpoint_alert")
TYPES = ("domain", "ip-dst|port")
NAMES = {kind: default_lookup_name(kind) for kind in TYPES}


@dataclass(frozen=True)
class World:
    """A sandbox with data in the periods from ``start`` on."""

    sandbox: Sandbox
    start: datetime

    def date(self, number: int) -> datetime:
        """Return the start of a period."""
        return self.start + number * PERIOD

    def publish(self) -> None:
        """Publish the data in Flashpoint: ``TYPES`` for the shipped DAGs, other types for the DAGs of these tests."""
        store, end = self.sandbox.flashpoint.store, self.date(PERIODS)
        store.publish_indicators(indicators(11, 2400, self.start, end, types=(*TYPES, "md5", "sha256", "url")))
        store.publish_alerts(alerts(11, 400, self.start, end))

    def write_dags(self, dags: Path) -> dict[str, str]:
        """Write all DAGs and their configuration into a folder, and return the environment that they need."""
        here = Path(__file__)
        for file in (*here.parents[2].joinpath("dags").glob("*.py"), *here.with_name("dags").glob("*.py")):
            shutil.copy(file, dags)
        common = {
            "initial_start_time": self.start.isoformat(),
            "request_period_in_seconds": int(PERIOD.total_seconds()),
            "max_active_runs": 4,
        }
        lookups = [{kind: {"lookup_key": f"value.{kind}"}} for kind in TYPES]
        inputs = {
            INDICATOR_DAG: {"services": {"indicators": {**common, "lookups": lookups}}},
            ALERT_DAG: {"services": {"alerts": common}},
        }
        (dags / "flashpoint_collector.yaml").write_text(json.dumps({"inputs": inputs}), encoding="utf-8")
        return {
            **self.sandbox.airflow_connections(),
            "LOOKUPS_START": self.start.isoformat(),
            "LOOKUPS_SPAN_S": str((PERIODS * PERIOD).total_seconds()),
        }
