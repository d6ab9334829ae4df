"""A warning in the log of a task means that something is not as it should be."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.operators import PullAlertsOperator, SetupOperator
from tests.operators.conftest import StartWorld
from tests.operators.test_streams_apart import World

pytestmark = pytest.mark.airflow


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The warnings of the operators themselves, without that of Airflow about a task outside of a run."""
    found: list[str] = []

    def warning(text: str, *values: object) -> None:
        if "cannot be called outside" not in text:
            found.append(text % values)

    log = SimpleNamespace(info=lambda *_: None, warning=warning)
    for operator in (PullAlertsOperator, SetupOperator):
        monkeypatch.setattr(operator, "log", log)
    return found


@pytest.fixture
def world(start_world: StartWorld) -> Any:
    return start_world(World)


def test_only_a_stream_with_a_state_can_repeat_old_events(world: World, warnings: list[str]) -> None:
    """A window older than the ledger is no reason for a warning in the first run, which finds no event in Devo."""
    retention = timedelta(minutes=1)
    world.alerts(ledger_retention=retention)
    assert warnings == []
    world.alerts(ledger_retention=retention)
    (warning,) = warnings
    assert "earlier events that Devo has already may be sent again" in warning


def test_the_setup_warns_of_nothing(world: World, warnings: list[str]) -> None:
    """The collector logs a warning before each setup; here it is an information."""
    SetupOperator(
        task_id="setup",
        module="flashpoint_alert",
        data_set="alerts",
        flashpoint_conn_id="flashpoint_one",
        devo_conn_id="devo_acme",
    ).execute({})
    assert warnings == []
