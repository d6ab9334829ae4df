"""The scenario of the scheduler tests: a sandbox with data in many short periods, and the DAGs that read it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sandbox.dataset.documents import alerts, indicators
from sandbox.generations import LEGACY
from sandbox.sandbox import Sandbox
from tests.generation_dags import GenerationDags, connections, write_configurations

PERIOD = timedelta(minutes=1)
BACKFILLED = 24
PERIODS = BACKFILLED + 2  # the last two are for the scheduled and the manual runs
# More DAGs with runs every minute are too many for two cores. `test_kill` and `tests/end_to_end` read Ignite too.
SHIPPED = GenerationDags(LEGACY, ("domain", "ip-dst|port"))


@dataclass(frozen=True)
class World:
    """A sandbox with data in the periods from ``start`` on."""

    sandbox: Sandbox
    start: datetime

    def date(self, number: int) -> datetime:
        """Return the start of a period."""
        return self.start + number * PERIOD

    def publish(self) -> None:
        """Publish the data in Flashpoint: some types for the shipped DAGs, other types for the DAGs of these tests."""
        store, end = self.sandbox.flashpoint.store, self.date(PERIODS)
        types = (*SHIPPED.types, "md5", "sha256", "url")
        store.publish_indicators(indicators(11, 2400, self.start, end, types=types))
        store.publish_alerts(alerts(11, 400, self.start, end))

    def write_dags(self, dags: Path) -> dict[str, str]:
        """Write all DAGs and their configurations into a folder, and return the environment that they need."""
        here = Path(__file__)
        for file in (*here.parents[2].joinpath("dags").glob("*.py"), *here.with_name("dags").glob("*.py")):
            shutil.copy(file, dags)
        configurations = dags / "configurations"
        configurations.mkdir()
        common = {
            "initial_start_time": self.start.isoformat(),
            "request_period_in_seconds": int(PERIOD.total_seconds()),
            "max_active_runs": 4,
        }
        write_configurations(configurations, [SHIPPED], common)
        return {
            **connections(self.sandbox, [SHIPPED]),
            "FLASHPOINT_COLLECTOR_CONFIG": str(configurations),
            "LOOKUPS_START": self.start.isoformat(),
            "LOOKUPS_SPAN_S": str((PERIODS * PERIOD).total_seconds()),
        }
