"""The scenario of the scheduler tests: a sandbox with data in many short periods, and the DAGs that read it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sandbox.generations import LEGACY, Generation
from sandbox.sandbox import Sandbox
from tests.generation_dags import GenerationDags, connections, write_configurations

PERIOD = timedelta(minutes=1)
BACKFILLED = 24
PERIODS = BACKFILLED + 2  # the last two are for the scheduled and the manual runs
# More DAGs with runs every minute are too many for two cores. `test_kill` and `tests/end_to_end` read Ignite too.
ALL_DAGS = (GenerationDags(LEGACY, ("domain", "ip-dst|port")),)


@dataclass(frozen=True)
class LookupDags:
    """DAGs of these tests that read one API generation; each fills the lookup of its own name.

    :param runs: how many intervals ``straight``, ``backwards`` and ``interrupted`` divide the span into.
    """

    generation: Generation
    type: str
    interrupted_type: str
    runs: tuple[int, int, int]

    def name(self, name: str) -> str:
        return name if self.generation is LEGACY else f"{name}_{self.generation.api}"


LEGACY_LOOKUPS = LookupDags(LEGACY, "md5", "sha256", (11, 6, 6))
LOOKUPS = (LEGACY_LOOKUPS,)
PAUSED_TYPE = "url"


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
        for lookups in LOOKUPS:
            generation = lookups.generation
            shipped = [dags for dags in ALL_DAGS if dags.generation.indicators is generation.indicators]
            types = [kind for dags in shipped for kind in dags.types]
            types += [lookups.type, lookups.interrupted_type, PAUSED_TYPE]
            generation.indicators.publish(store, 11, 480 * len(types), self.start, end, types=types)
            generation.alerts.publish(store, 11, 400, self.start, end)

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
        write_configurations(configurations, ALL_DAGS, common)
        return {
            **connections(self.sandbox, ALL_DAGS),
            "FLASHPOINT_COLLECTOR_CONFIG": str(configurations),
            "LOOKUPS_START": self.start.isoformat(),
            "LOOKUPS_SPAN_S": str((PERIODS * PERIOD).total_seconds()),
        }
