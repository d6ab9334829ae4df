"""A sandbox with data in whole periods, and the configuration of a collector that reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.dataset.documents import alerts, indicators
from sandbox.sandbox import Sandbox

PERIOD = timedelta(minutes=5)
TYPES = ("domain", "ip-dst|port")
PERIODS = 4


@dataclass(frozen=True)
class World:
    """The sandbox, the start of its data, and the configuration file of the DAGs."""

    sandbox: Sandbox
    start: datetime
    config: Path

    def environment(self) -> dict[str, str]:
        return {**self.sandbox.airflow_connections(), "FLASHPOINT_COLLECTOR_CONFIG": str(self.config)}

    def date(self, number: int) -> datetime:
        """Return the start of a period."""
        return self.start + number * PERIOD


def configuration(start: datetime, *, key: str = "value.{}") -> dict[str, object]:
    """Return a collector's configuration for both inputs."""
    lookups = [{kind: {"lookup_key": key.format(kind), "lookup_status": "New"}} for kind in TYPES]
    common = {"initial_start_time": start.isoformat(), "request_period_in_seconds": 300, "max_active_runs": 2}
    return {
        "inputs": {
            "flashpoint_indicator": {"id": "1", "services": {"indicators": {**common, "lookups": lookups}}},
            "flashpoint_alert": {"id": "2", "services": {"alerts": common}},
        }
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    now = datetime.now(UTC)
    end = datetime.fromtimestamp(now.timestamp() // 300 * 300, UTC) - 2 * PERIOD
    start = end - PERIODS * PERIOD
    config = tmp_path_factory.mktemp("config") / "flashpoint_collector.yaml"
    config.write_text(json.dumps(configuration(start)), encoding="utf-8")
    with Sandbox() as sandbox:
        store = sandbox.flashpoint.store
        store.publish_indicators(indicators(7, 1200, start, end, types=TYPES, with_large_value=True))
        store.publish_alerts(alerts(7, 250, start, end, with_large_value=True))
        yield World(sandbox, start, config)
