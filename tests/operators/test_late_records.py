"""Records that reach Flashpoint's index late, before and after runs with a window of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.config.model import DEFAULT_TAG
from sandbox.dataset.documents import alerts, indicators
from tests.operators.conftest import StartWorld
from tests.operators.test_streams_apart import COUNT, PERIOD, START, World

pytestmark = pytest.mark.airflow

SECOND_PERIOD = {"from": (START + PERIOD).isoformat(), "to": (START + 2 * PERIOD).isoformat()}


@pytest.fixture
def world(start_world: StartWorld) -> Any:
    return start_world(World)


def checkpoint(world: World) -> str:
    (state,) = world.variables.values()
    return str(json.loads(state)["to_checkpoint_time"])


def test_late_alerts_are_sent_after_a_run_with_a_window_from_the_checkpoint_on(world: World) -> None:
    """A window that leaves out the lag before the checkpoint does not move it, so the next run reads the lag."""
    world.alerts()
    before = checkpoint(world)
    world.flashpoints["flashpoint_one"].store.publish_alerts(alerts(7, COUNT, START, START + PERIOD))
    world.conf = SECOND_PERIOD
    assert world.alerts()["sent"] == 0
    assert checkpoint(world) == before
    world.conf, world.end = None, START + 3 * PERIOD
    assert world.alerts()["sent"] == COUNT
    assert world.devos["devo_acme"].tables.count(DEFAULT_TAG) == 2 * COUNT


def test_late_indicators_are_synced_after_a_run_with_a_window_from_the_checkpoint_on(world: World) -> None:
    """The same holds for a lookup."""
    world.lookup()
    before = checkpoint(world)
    late = indicators(7, COUNT, START, START + PERIOD, types=("domain",))
    world.flashpoints["flashpoint_one"].store.publish_indicators(late)
    world.conf = SECOND_PERIOD
    assert world.lookup()["rows_sent"] == 0
    assert checkpoint(world) == before
    world.conf, world.end = None, START + 4 * PERIOD
    rows = world.rows("devo_acme")
    world.lookup()
    assert world.rows("devo_acme") > rows


def test_a_window_that_begins_by_the_lag_earlier_moves_the_checkpoint(world: World) -> None:
    """A window that begins at least the lag before the checkpoint moves it to its end."""
    world.alerts()
    before = checkpoint(world)
    world.conf = {**SECOND_PERIOD, "from": START.isoformat()}
    world.alerts()
    assert checkpoint(world) > before
