"""Two syncs of one lookup at once, as after Airflow lost contact with the first one."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.airflow_runtime.storage import stream
from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
from airflow_provider_flashpoint.errors import TransientError
from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator
from sandbox.dataset.documents import indicators
from sandbox.http_service.faults import Fault
from sandbox.sandbox import Sandbox

pytestmark = pytest.mark.airflow

START = datetime(2026, 1, 1, tzinfo=UTC)
PERIOD = timedelta(minutes=5)
LOOKUP = "Domains"


class LaterSync(threading.Event):
    """Starts another sync of the lookup as soon as a stall waits for this event."""

    def __init__(self, staging: Path) -> None:
        super().__init__()
        self._staging = staging

    def wait(self, timeout: float | None = None) -> bool:
        (path,) = (self._staging / "lookups").glob("*/.newest_try")
        AttemptLock(path, work=LOOKUP).begin()
        return True


def test_a_superseded_sync_delivers_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the sync that started last may deliver, because the rows of the other one may be outdated."""
    monkeypatch.setattr(stream, "read_state", lambda kind, variable: None)
    with Sandbox() as sandbox:
        sandbox.flashpoint.store.publish_indicators(indicators(7, 30, START, START + PERIOD, types=("domain",)))
        for name, value in sandbox.airflow_connections().items():
            monkeypatch.setenv(name, value)
        sandbox.flashpoint.faults.add(Fault("stall", match="indicators/attribute", released=LaterSync(tmp_path)))
        operator = LookupSyncOperator(
            task_id="sync",
            indicator_type="domain",
            lookup_name=LOOKUP,
            lookup_key="value.domain",
            staging_uri=tmp_path.as_uri(),
        )
        with pytest.raises(TransientError, match="Another attempt has started"):
            operator.execute({"data_interval_start": START, "data_interval_end": START + PERIOD})
        assert sandbox.devo.lookups.names() == []
