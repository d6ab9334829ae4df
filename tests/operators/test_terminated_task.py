"""Pull and sync of indicators when Airflow terminates the task."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.airflow_runtime.storage import stream
from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator
from airflow_provider_flashpoint.operators.pull_indicators import IndicatorsOperator, PullIndicatorsOperator
from sandbox.dataset.documents import indicators
from sandbox.devo.settings import DevoSettings
from sandbox.http_service.faults import Fault
from sandbox.sandbox import Sandbox

pytestmark = pytest.mark.airflow

START = datetime(2026, 1, 1, tzinfo=UTC)
PERIOD = timedelta(minutes=5)
LOOKUP = "Domains"


class Termination(threading.Event):
    """Sends SIGTERM to this process as soon as a stall waits for this event."""

    def wait(self, timeout: float | None = None) -> bool:
        os.kill(os.getpid(), signal.SIGTERM)
        return True


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Both services as Airflow connections; no state is stored."""
    with Sandbox(devo=DevoSettings(job_polls=0)) as running:
        running.flashpoint.store.publish_indicators(indicators(7, 30, START, START + PERIOD, types=("domain",)))
        for name, value in running.airflow_connections().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(stream, "read_state", lambda kind, variable: None)
        yield running


def run_until_terminated(operator: IndicatorsOperator) -> None:
    """Execute an operator as Airflow does: SIGTERM calls `on_kill`."""
    from airflow.providers.common.compat.sdk import AirflowException

    before = signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
    try:
        with pytest.raises(AirflowException, match="told to end"):
            operator.execute({"data_interval_start": START, "data_interval_end": START + PERIOD})
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_terminated_pull_leaves_no_stage(sandbox: Sandbox, tmp_path: Path) -> None:
    """A pull that is terminated while it waits for an answer removes its unfinished stage."""
    sandbox.flashpoint.faults.add(Fault("stall", match="indicators/attribute", skip=1, released=Termination()))
    run_until_terminated(PullIndicatorsOperator(**arguments(tmp_path)))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_terminated_sync_leaves_lookup_and_ledger_unchanged(sandbox: Sandbox, tmp_path: Path) -> None:
    """A sync that is terminated while it sends the CSV creates no lookup and no ledger entry."""
    sandbox.devo.faults.add(Fault("stall", match="deploy-csv", after_received_bytes=100, released=Termination()))
    run_until_terminated(LookupSyncOperator(lookup_key="value.domain", **arguments(tmp_path)))
    assert sandbox.devo.lookups.names() == []
    assert list(tmp_path.rglob("*.versions")) == []


def arguments(staging: Path) -> dict[str, Any]:
    """Return the arguments of both operators, with small pages for several requests."""
    return {
        "task_id": "task",
        "indicator_type": "domain",
        "lookup_name": LOOKUP,
        "page_size": 10,
        "staging_uri": staging.as_uri(),
    }
