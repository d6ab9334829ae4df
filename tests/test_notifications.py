"""The notifiers, against the sandbox Devo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.get_provider_info import get_provider_info
from airflow_provider_flashpoint.notifications import DevoNotifier
from sandbox.devo.server import DevoServer

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


def test_the_provider_lists_its_notifiers() -> None:
    """Airflow shows the notifiers of a provider by their class names."""
    assert get_provider_info()["notifications"] == [f"{DevoNotifier.__module__}.{DevoNotifier.__name__}"]
