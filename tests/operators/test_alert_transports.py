"""Delivery of alerts over each transport, and rejection of alerts that are too long."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_flashpoint.airflow_runtime.storage import stream
from airflow_provider_flashpoint.core.devo.events.writer import EventWriter, encode
from airflow_provider_flashpoint.operators.pull_alerts import PullAlertsOperator
from sandbox.dataset.documents import alerts
from sandbox.devo.settings import DevoSettings
from sandbox.http_service.faults import Fault
from sandbox.sandbox import Sandbox
from sandbox.verdict import judge_alerts

pytestmark = pytest.mark.airflow

START = datetime(2026, 1, 1, tzinfo=UTC)
PERIOD = timedelta(minutes=5)
TAG = "my.app.flashpoint.alerts"
COUNT = 40

Pull = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(devo=DevoSettings(directory=tmp_path_factory.mktemp("certificates"))) as running:
        running.flashpoint.store.publish_alerts(alerts(7, COUNT, START, START + PERIOD))
        yield running


@pytest.fixture
def sandbox(_running: Sandbox) -> Iterator[Sandbox]:
    """Both services, with alerts in one period and an empty table."""
    yield _running
    _running.devo.faults.clear()
    _running.devo.tables.clear()


@pytest.fixture
def pull(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pull:
    """A function that runs the operator for the period, with given extras in the Devo connection."""
    for name, value in sandbox.airflow_connections().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(stream, "read_state", lambda kind, variable: None)
    monkeypatch.setattr(stream, "write_state", lambda variable, state: True)
    monkeypatch.setitem(EventWriter.__init__.__kwdefaults__, "sleep", lambda seconds: None)

    def run(extra: dict[str, Any], **arguments: Any) -> dict[str, Any]:
        connection = sandbox.devo.airflow_connection()
        connection["extra"] |= extra
        if extra.get("insecure"):
            connection["port"] = sandbox.devo.plain_port
        monkeypatch.setenv("AIRFLOW_CONN_DEVO_DEFAULT", json.dumps(connection))
        operator = PullAlertsOperator(task_id="pull", tag=TAG, staging_uri=tmp_path.as_uri(), **arguments)
        return operator.execute({"data_interval_start": START, "data_interval_end": START + PERIOD})

    return run


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"insecure": True},
        {"event_framing": "octet_counted"},
        {"event_date_field": "ts"},
        {"event_transport": "http"},
    ],
    ids=["tls", "tcp", "counted", "dated", "http"],
)
def test_alerts_arrive(sandbox: Sandbox, pull: Pull, extra: dict[str, Any]) -> None:
    """With every setting of the connection, each alert is in its table once, as Flashpoint gave it."""
    assert pull(extra)["sent"] == COUNT
    verdict = judge_alerts(sandbox, TAG)
    assert verdict.is_good, verdict


def test_alerts_are_dated_by_the_date_field(sandbox: Sandbox, pull: Pull) -> None:
    """With `event_date_field`, each event has the time of its alert."""
    pull({"event_date_field": "ts"})
    headers = [event.header for event in sandbox.devo.tables.events(TAG)]
    dates = [header.date for header in headers if header is not None and header.date_form == "(usd)"]
    assert len(dates) == COUNT
    assert all(date.startswith("2026-01-01 00:0") for date in dates)


def test_lost_answer_repeats_alerts_and_loses_none(sandbox: Sandbox, pull: Pull) -> None:
    """Over HTTP, a request whose answer is lost is sent again, and no alert is lost."""
    sandbox.devo.faults.add(Fault("reset", "POST /stream", when="after"))
    assert pull({"event_transport": "http"})["sent"] == COUNT
    verdict = judge_alerts(sandbox, TAG)
    assert (verdict.lost, verdict.duplicates) == ((), COUNT)


@pytest.mark.parametrize("extra", [{}, {"event_transport": "http"}], ids=["tls", "http"])
def test_too_long_alerts_are_rejected(sandbox: Sandbox, pull: Pull, extra: dict[str, Any], tmp_path: Path) -> None:
    """Alerts longer than `max_line_bytes` are rejected with the reason, and the others are delivered."""
    lengths = [len(encode(alert)) for alert in alerts(7, COUNT, START, START + PERIOD)]
    limit = max(1024, sorted(lengths)[COUNT // 2])
    too_long = sum(length > limit for length in lengths)
    assert 0 < too_long < COUNT
    with pytest.raises(AirflowFailException, match=f"{too_long} alerts cannot be sent"):
        pull(extra | {"max_line_bytes": limit})
    assert sandbox.devo.tables.count(TAG) == COUNT - too_long
    [file] = tmp_path.rglob("dead_letters/*/*.jsonl")
    reasons = [line for line in file.read_text().splitlines() if f"max_line_bytes allows {limit}" in line]
    assert len(reasons) == too_long


def test_no_token_in_any_log(sandbox: Sandbox, pull: Pull, caplog: pytest.LogCaptureFixture) -> None:
    """A run over HTTP with failed requests does not log the token at any level."""
    caplog.set_level(logging.DEBUG)
    sandbox.devo.faults.add(Fault("status", "POST /stream", status=503), Fault("reset", "POST /stream"))
    pull({"event_transport": "http"})
    assert "token!***" in caplog.text
    assert sandbox.devo.settings.http_token not in caplog.text
