"""Helpers for the tests of states: both services with data in four periods, and runs of the shipped DAGs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_flashpoint.config import parse_collector_config
from sandbox.devo.settings import DevoSettings
from sandbox.generations import Generation
from sandbox.sandbox import Sandbox
from tests.conftest import RunDag

PERIOD = timedelta(minutes=5)
PERIODS = 4
# Recent, because the event ledger keeps some days only; a multiple of five minutes, like the periods of the schedule.
END = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 300 * 300, UTC) - PERIOD
START = END - PERIODS * PERIOD
TYPE = "domain"
ALERT_COUNT = 40
NONSENSE = '{"version": 1, "status": "Create'


@contextlib.contextmanager
def services(monkeypatch: pytest.MonkeyPatch, generation: Generation) -> Generator[Sandbox, None, None]:
    """Run both services, and set the Airflow connections to them, for an API generation."""
    with Sandbox(devo=DevoSettings(job_polls=0)) as running:  # jobs that end at once: no run waits for a poll
        store = running.flashpoint.store
        generation.indicators.publish(store, 5, 200, START, END, types=(TYPE,))
        generation.alerts.publish(store, 5, ALERT_COUNT, START, END)
        for name, text in running.airflow_connections(generation.api).items():
            monkeypatch.setenv(name, text)
        yield running


def dag_of(kind: str, staging: Path, generation: Generation) -> Any:
    """Return the DAG for ``indicator`` or ``alert``."""
    from airflow_provider_flashpoint.dag_factory import alert_dag, indicator_dag

    common = {
        "initial_start_time": START.isoformat(),
        "request_period_in_seconds": PERIOD.total_seconds(),
        "staging_uri": staging.as_uri(),
    }
    config = parse_collector_config({
        "flashpoint_indicator": {**common, "lookups": [{TYPE: {"lookup_key": generation.lookup_key(TYPE)}}]},
        "flashpoint_alert": common,
    })
    assert config.indicators
    assert config.alerts
    return indicator_dag(config.indicators) if kind == "indicator" else alert_dag(config.alerts)


def runner(dag: Any, run_dag: RunDag) -> Callable[..., str]:
    """Return a function that runs a period of a DAG, by its number, and returns the state of the run."""

    def run(number: int | None, **conf: Any) -> str:
        # A manual run at the end of a period gets that period as its data interval.
        date = None if number is None else START + (number + 1) * PERIOD
        return str(run_dag(dag, date, conf or None).state)

    return run


def explicit(first: int, end: int) -> dict[str, str]:
    """Return the configuration of a run for periods [first, end)."""
    return {"from": (START + first * PERIOD).isoformat(), "to": (START + end * PERIOD).isoformat()}


def remember(variable: str, text: str) -> None:
    from airflow.models.variable import Variable

    Variable.set(variable, text)


def recall(variable: str) -> str:
    from airflow.models.variable import Variable

    return str(Variable.get(variable))


def forget(variable: str) -> None:
    from airflow.models.variable import Variable

    Variable.delete(variable)


def failure(task_id: str, dag: Any, variable: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Execute a task whose Variable holds an invalid state, and return its error, which is not retried."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    monkeypatch.setenv(f"AIRFLOW_VAR_{variable.upper()}", NONSENSE)  # this is also read outside of a run
    with pytest.raises(AirflowFailException) as caught:
        dag.get_task(task_id).execute({"dag": dag})
    monkeypatch.delenv(f"AIRFLOW_VAR_{variable.upper()}")
    return str(caught.value)
