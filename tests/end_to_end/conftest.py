"""A sandbox with data in whole periods, and the configurations of a collector for two API generations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.generations import IGNITE_V2, LEGACY
from sandbox.sandbox import Sandbox
from tests.generation_dags import GenerationDags, connections, write_configurations

PERIOD = timedelta(minutes=5)
PERIODS = 4
LEGACY_DAGS = GenerationDags(LEGACY, ("domain", "ip-dst|port"))
# Version 1 of Ignite has the indicators of legacy and the alerts of version 2.
ALL_DAGS = (LEGACY_DAGS, GenerationDags(IGNITE_V2, ("extracted_config",)))
# To save time, Ignite has fewer periods; the first run reads the time before it too.
FIRST_PERIODS = {LEGACY: 0, IGNITE_V2: 2}


@dataclass(frozen=True)
class World:
    """The sandbox, the start of its data, and the folder with the configuration files of the DAGs."""

    sandbox: Sandbox
    start: datetime
    config: Path

    def environment(self) -> dict[str, str]:
        return {**connections(self.sandbox, ALL_DAGS), "FLASHPOINT_COLLECTOR_CONFIG": str(self.config)}

    def date(self, number: int) -> datetime:
        """Return the start of a period."""
        return self.start + number * PERIOD


def common_settings(start: datetime) -> dict[str, object]:
    """Return the settings of both inputs."""
    return {"initial_start_time": start.isoformat(), "request_period_in_seconds": 300, "max_active_runs": 2}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    now = datetime.now(UTC)
    end = datetime.fromtimestamp(now.timestamp() // 300 * 300, UTC) - 2 * PERIOD
    start = end - PERIODS * PERIOD
    config = tmp_path_factory.mktemp("config")
    write_configurations(config, ALL_DAGS, common_settings(start))
    with Sandbox() as sandbox:
        store = sandbox.flashpoint.store
        for dags in ALL_DAGS:
            dags.generation.indicators.publish(store, 7, 1200, start, end, types=dags.types, with_large_value=True)
            dags.generation.alerts.publish(store, 7, 250, start, end, with_large_value=True)
        yield World(sandbox, start, config)
