"""The newest runs of the tasks of many DAGs."""

from __future__ import annotations

import pytest
from deployed_dags import Deployed

pytest.importorskip("airflow.sdk", reason="this Airflow has no such pages")

pytestmark = pytest.mark.airflow


def test_runs_are_found_among_very_many_dags(deployed: Deployed) -> None:
    """More DAGs than a database takes in one query are asked for in several."""
    from airflow_provider_flashpoint.airflow_runtime.run_history import task_runs

    last = deployed.run("flashpoint_alert", 1, 0, sent=1)
    found = task_runs({("flashpoint_alert", "pull_alerts"), *((f"dag_{n}", "task") for n in range(600))}, limit=2)
    assert {task: [run.run_id for run in runs] for task, runs in found.items()} == {
        ("flashpoint_alert", "pull_alerts"): [last]
    }


def test_a_task_that_was_added_lately_has_its_own_runs_alone(deployed: Deployed) -> None:
    """A task without runs in the newest runs of its DAG has none, and does not hide those of the other tasks."""
    from airflow_provider_flashpoint.airflow_runtime.run_history import task_runs

    for start in (3, 2, 1):
        deployed.run("flashpoint_indicator", start, start - 1, rows_sent=start)
    sync, added = ("flashpoint_indicator", "sync_domain"), ("flashpoint_indicator", "sync_url")
    found = task_runs({sync, added}, limit=2)
    assert {task: [run.summary["rows_sent"] for run in runs] for task, runs in found.items()} == {sync: [1, 2]}
