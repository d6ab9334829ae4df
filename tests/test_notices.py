"""The notifiers, against the sandbox Devo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.config import parse_collector_config
from airflow_provider_flashpoint.core.state import LookupState, LookupStatus
from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.get_provider_info import get_provider_info
from airflow_provider_flashpoint.notifications import DevoNotifier, StaleNotifier
from airflow_provider_flashpoint.streams.catalog import dags_of
from sandbox.devo.server import DevoServer
from tests.conftest import lookup_variable, sandbox_key

pytestmark = pytest.mark.airflow

TAG = "my.app.flashpoint.notice"
TASK = {"dag_id": "d", "task_id": "t", "run_id": "r", "try_number": 4}


@pytest.fixture
def devo(monkeypatch: pytest.MonkeyPatch) -> Iterator[DevoServer]:
    with DevoServer() as server:
        monkeypatch.setenv("AIRFLOW_CONN_DEVO_DEFAULT", json.dumps(server.airflow_connection()))
        yield server


@pytest.fixture
def context() -> dict[str, Any]:
    """The context of a callback."""
    from airflow.providers.common.compat.sdk import DAG

    dag = DAG("d", start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=None)
    return {"dag": dag, "ti": SimpleNamespace(**TASK), "exception": ValueError("line\nbreak"), "run_id": "r"}


def notices(devo: DevoServer) -> list[dict[str, Any]]:
    return [json.loads(each) for each in devo.tables.messages(TAG)]


def test_a_notice_says_what_has_failed_where(devo: DevoServer, context: dict[str, Any]) -> None:
    """The event in Devo has the message, with its template rendered, the task and the error in one line."""
    DevoNotifier("Run {{ run_id }} has failed.")(context)
    assert notices(devo) == [{"message": "Run r has failed.", **TASK, "error": "line\\nbreak"}]


@pytest.mark.parametrize("failed", ["setup", "pull_domain", "sync_domain"])
@pytest.mark.parametrize("age", [timedelta(minutes=50), timedelta(minutes=70)])
def test_a_notice_tells_of_a_lookup_that_is_too_old(
    devo: DevoServer, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch, failed: str, age: timedelta
) -> None:
    """A failed task writes one notice if the lookup that it serves is older than the setting, and none before."""
    config = parse_collector_config({"flashpoint_indicator": {"lookups": [{"domain": {}}], "stale_after_s": 3600}})
    (dag,) = dags_of(config)
    name = "Threatintel_Flashpoint_Intelligence_Domain"
    checkpoint = datetime.now(UTC) - age
    state = LookupState(status=LookupStatus.CREATED, to_checkpoint_time=checkpoint)
    monkeypatch.setenv(f"AIRFLOW_VAR_{lookup_variable(sandbox_key(name)).upper()}", state.to_json())
    task = dag.get_task(failed)
    (callback,) = task.on_failure_callback
    callback({**context, "dag": dag, "ti": SimpleNamespace(**TASK, task=task)})
    told = [each["message"] for each in notices(devo)]
    until = format_instant(checkpoint)
    expected = [f"{name} is complete only to {until}, which is longer ago than 3600 s."]
    assert told == (expected if age > timedelta(hours=1) else [])


def test_no_task_has_a_callback_by_default() -> None:
    """Without the setting nothing is told."""
    (dag,) = dags_of(parse_collector_config({"flashpoint_alert": {}}))
    assert not any(task.on_failure_callback for task in dag.tasks)


def test_the_provider_lists_its_notifiers() -> None:
    """Airflow shows the notifiers of a provider by their class names."""
    assert get_provider_info()["notifications"] == [
        f"{kind.__module__}.{kind.__name__}" for kind in (DevoNotifier, StaleNotifier)
    ]
