"""The metrics of a task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.airflow_runtime import metrics
from airflow_provider_flashpoint.core.window import format_instant

pytestmark = pytest.mark.airflow

REQUESTS = {"sent": 3, "retries": 1, "waits": 0, "waited_s": 0.0, "busy_s": 2.5}
TAGS = {"dag_id": "dag", "task_id": "task"}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What reaches the backend of Airflow's statistics: the value and the tags of each metric."""
    from airflow.providers.common.compat.sdk import Stats

    found: dict[str, Any] = {}

    def keep(name: str, value: Any, *, tags: dict[str, str] | None = None) -> None:
        found[name] = (value, tags)

    for kind in ("incr", "gauge", "timing"):
        monkeypatch.setattr(Stats, kind, keep, raising=False)
    return found


def test_a_sync_reports_its_rows_its_requests_and_its_lag(sent: dict[str, Any]) -> None:
    """Each metric comes with tags, and again with the stream in its name, which plain StatsD needs."""
    checkpoint = format_instant(datetime.now(UTC) - timedelta(hours=1))
    summary = {"rows_sent": 7, "superseded": 2, "rejected": 0, "to_checkpoint_time": checkpoint, "requests": REQUESTS}
    metrics.report(summary, stream="My.Lookup", tags=TAGS)
    with_tags = {name: value for name, (value, tags) in sent.items() if tags == {**TAGS, "stream": "My.Lookup"}}
    lag = with_tags.pop("flashpoint.lag_seconds")
    assert 3600 <= lag < 3700
    assert with_tags == {
        "flashpoint.rows_sent": 7,
        "flashpoint.rows_superseded": 2,
        "flashpoint.records_rejected": 0,
        "flashpoint.api_requests": 3,
        "flashpoint.api_retries": 1,
        "flashpoint.api_time": timedelta(seconds=2.5),
    }
    assert {name for name, (_, tags) in sent.items() if tags is None} == {
        f"{name}.My_Lookup" for name in (*with_tags, "flashpoint.lag_seconds")
    }


def test_a_table_reports_its_events(sent: dict[str, Any]) -> None:
    """The counts of a delivery are events; without a checkpoint there is no lag."""
    summary = {"sent": 4, "repeated": 1, "rejected": 1, "to_checkpoint_time": None, "requests": REQUESTS}
    metrics.report(summary, stream="my.app.a", tags=TAGS)
    assert sent["flashpoint.events_sent"][0] == 4
    assert sent["flashpoint.events_repeated.my_app_a"] == (1, None)
    assert not [name for name in sent if "lag" in name]


def test_open_telemetry_gets_each_metric_once(sent: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTelemetry keeps tags, and Airflow refuses names of more than 63 characters there, with its prefix."""
    monkeypatch.setenv("AIRFLOW__METRICS__OTEL_ON", "True")
    counts = dict.fromkeys(("records", "rows_sent", "superseded", "sent", "repeated", "rejected"), 1)
    now = format_instant(datetime.now(UTC))
    stream = "Threatintel_Flashpoint_Intelligence_Domain"
    metrics.report({**counts, "to_checkpoint_time": now, "requests": REQUESTS}, stream=stream, tags=TAGS)
    assert sent["flashpoint.rows_sent"] == (1, {**TAGS, "stream": stream})
    assert [name for name in sent if stream in name or len(f"airflow.{name}") > 63] == []


def test_each_metric_is_in_the_documentation(sent: dict[str, Any]) -> None:
    """The table of the metrics is complete."""
    from pathlib import Path

    counts = dict.fromkeys(("records", "rows_sent", "superseded", "sent", "repeated", "rejected"), 1)
    now = format_instant(datetime.now(UTC))
    metrics.report({**counts, "to_checkpoint_time": now, "requests": REQUESTS}, stream="s", tags=TAGS)
    text = (Path(__file__).parents[1] / "docs" / "airflow.md").read_text(encoding="utf-8")
    assert [name for name in sent if not name.endswith(".s") and f"`{name}`" not in text] == []
