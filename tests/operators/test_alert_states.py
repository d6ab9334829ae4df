"""Runs of the alert DAG with a deleted state, an invalid state, and a state with a gap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.core.state import EventState
from airflow_provider_flashpoint.operators.pull_alerts import DEFAULT_TAG
from sandbox.generations import Generation
from sandbox.sandbox import Sandbox
from sandbox.verdict import judge_alerts
from tests.conftest import RunDag, event_variable, sandbox_key
from tests.operators.state_runs import (
    ALERT_COUNT,
    NONSENSE,
    PERIOD,
    PERIODS,
    START,
    dag_of,
    explicit,
    failure,
    forget,
    recall,
    remember,
    runner,
    services,
)

pytestmark = pytest.mark.airflow

ALERTS = event_variable(sandbox_key(DEFAULT_TAG))


@pytest.fixture
def sandbox(airflow_database: None, monkeypatch: pytest.MonkeyPatch, generation: Generation) -> Iterator[Sandbox]:
    """Both services as Airflow connections; Flashpoint has data in four periods, Devo and Airflow have none."""
    with services(monkeypatch, generation) as running:
        yield running
    forget(ALERTS)


@pytest.fixture
def run_alerts(run_dag: RunDag, tmp_path: Path, generation: Generation) -> Callable[..., str]:
    """A function that runs a period of the alert DAG, by its number, and returns the state of the run."""
    return runner(dag_of("alert", tmp_path, generation), run_dag)


def test_alerts_are_not_sent_twice_after_their_state_is_deleted(
    sandbox: Sandbox, run_alerts: Callable[..., str], generation: Generation
) -> None:
    """The next run reads from the initial start time and skips the events in the ledger."""
    assert run_alerts(1) == "success"
    forget(ALERTS)
    assert run_alerts(PERIODS - 1) == "success"
    verdict = judge_alerts(sandbox, DEFAULT_TAG, generation=generation)
    assert verdict.served == ALERT_COUNT
    assert verdict.is_good, verdict


def test_an_invalid_state_of_alerts_fails_at_once_and_says_how_to_reset(
    sandbox: Sandbox,
    run_alerts: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    generation: Generation,
) -> None:
    """The task is not retried, nothing is sent, and the error contains the command that resets the state."""
    remember(ALERTS, NONSENSE)
    assert run_alerts(1) == "failed"
    assert f"`airflow variables delete {ALERTS}`" in failure(
        "pull_alerts", dag_of("alert", tmp_path, generation), ALERTS, monkeypatch
    )
    assert not sandbox.devo.tables.names()


def test_alerts_before_a_first_explicit_window_are_sent_by_the_next_run(
    sandbox: Sandbox, run_alerts: Callable[..., str], generation: Generation
) -> None:
    """No alert before the window is lost, and none of the window is sent twice."""
    assert run_alerts(0, **explicit(2, 3)) == "success"
    assert run_alerts(3) == "success"
    verdict = judge_alerts(sandbox, DEFAULT_TAG, generation=generation)
    assert verdict.is_good, verdict


def test_a_run_without_a_date_reads_the_last_complete_period(
    sandbox: Sandbox, run_alerts: Callable[..., str], capfd: Any, generation: Generation
) -> None:
    """A manual run without a date starts at the initial start time, and its log names the rule."""
    from airflow import __version__

    if __version__.startswith("2."):
        pytest.skip("every run of Airflow 2 has a date")
    assert run_alerts(None) == "success"
    assert "by the last complete period of the schedule before" in capfd.readouterr().out
    assert judge_alerts(sandbox, DEFAULT_TAG, generation=generation).is_good


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(days=400), timedelta(days=365_000)])
def test_alerts_that_come_late_are_sent_although_the_checkpoint_was_ahead_of_the_clock(
    sandbox: Sandbox, run_alerts: Callable[..., str], ahead: timedelta, capfd: Any, generation: Generation
) -> None:
    """The state is healed with a warning, and the next run has its lag again."""
    assert run_alerts(1) == "success"
    state = EventState.from_json(recall(ALERTS), name=ALERTS)
    remember(ALERTS, replace(state, to_checkpoint_time=datetime.now(UTC) + ahead).to_json())
    store = sandbox.flashpoint.store
    generation.alerts.publish(store, 6, 10, START + PERIOD, START + 2 * PERIOD)  # read by the first run
    assert run_alerts(2) == "success"
    assert "The state is ahead of this machine's clock" in capfd.readouterr().out
    assert EventState.from_json(recall(ALERTS), name=ALERTS).to_checkpoint_time == START + 3 * PERIOD
    assert run_alerts(3) == "success"
    verdict = judge_alerts(sandbox, DEFAULT_TAG, generation=generation)
    assert verdict.served == ALERT_COUNT + 10
    assert verdict.is_good, verdict
