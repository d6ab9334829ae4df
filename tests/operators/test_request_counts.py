"""What the summary of a task says about its requests to Flashpoint."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.core.http.client import HttpClient
from airflow_provider_flashpoint.operators import LookupSyncOperator
from sandbox.http_service.faults import Fault
from tests.operators.test_streams_apart import LOOKUP, World, world  # noqa: F401  a fixture

pytestmark = pytest.mark.airflow

BUSY = Fault("status", status=429, headers={"Retry-After": "40"}, times=2)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits of requests, which take no time here."""
    made: list[float] = []
    monkeypatch.setitem(HttpClient.__init__.__kwdefaults__, "sleep", made.append)
    return made


def sync(world: World) -> dict[str, Any]:  # noqa: F811
    """Run a sync that pulls by itself."""
    arguments = world._arguments("sync", "devo_acme", "flashpoint_one")
    return world._execute(LookupSyncOperator(**arguments, **LOOKUP))


@pytest.mark.parametrize("run", [World.alerts, World.pull, sync])
def test_summaries_count_retries_and_waits(world: World, waits: list[float], run: Any) -> None:  # noqa: F811
    """The XCom of each task that reads Flashpoint counts its requests, retries and waits, and adds up their seconds."""
    quiet = run(world)["requests"]
    assert quiet == {"sent": quiet["sent"], "retries": 0, "waits": 0, "waited_s": 0.0, "busy_s": quiet["busy_s"]}
    world.flashpoints["flashpoint_one"].faults.add(BUSY)
    busy = run(world)["requests"]
    assert busy["sent"] == quiet["sent"] + 2
    assert busy["retries"] == 2
    assert busy["waits"] == len(waits)
    assert busy["waited_s"] == pytest.approx(sum(waits), abs=0.1)
    assert busy["waited_s"] >= 80
