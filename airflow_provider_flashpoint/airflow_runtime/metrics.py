"""Metrics of a task in Airflow's own statistics: StatsD, Datadog or OpenTelemetry, as ``[metrics]`` of Airflow says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_flashpoint.core.window import parse_instant

_COUNTERS = {  # an entry of a summary: its metric
    "records": "records_staged",
    "rows_sent": "rows_sent",
    "superseded": "rows_superseded",
    "sent": "events_sent",
    "repeated": "events_repeated",
    "rejected": "records_rejected",
}
_REQUEST_COUNTERS = {"sent": "api_requests", "retries": "api_retries"}
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


def report(summary: Mapping[str, Any], *, stream: str, tags: Mapping[str, str]) -> None:
    """Report the summary of a task, each metric twice: with tags, and with the name of the stream at its end.

    Plain StatsD drops tags. OpenTelemetry keeps them, and its names are limited to 63 characters: there each metric
    comes with tags only.

    :param stream: the lookup, or the table.
    """
    from airflow.providers.common.compat.sdk import Stats, conf

    forms: list[tuple[str, dict[str, str] | None]] = [("", {**tags, "stream": stream})]
    if not conf.getboolean("metrics", "otel_on", fallback=False):
        forms.append((f".{_UNSAFE.sub('_', stream)}", None))
    requests = summary["requests"]
    counts = {metric: summary.get(name) for name, metric in _COUNTERS.items()}
    counts |= {metric: requests[name] for name, metric in _REQUEST_COUNTERS.items()}
    api_time = timedelta(seconds=requests["busy_s"])
    lag_s = _lag_s(summary.get("to_checkpoint_time"))
    for ending, more in forms:
        for metric, count in counts.items():
            if count is not None:
                Stats.incr(f"flashpoint.{metric}{ending}", count, tags=more)
        Stats.timing(f"flashpoint.api_time{ending}", api_time, tags=more)
        if lag_s is not None:
            Stats.gauge(f"flashpoint.lag_seconds{ending}", lag_s, tags=more)


def _lag_s(checkpoint: str | None) -> float | None:
    """Return how many seconds ago the stream was complete."""
    return (datetime.now(UTC) - parse_instant(checkpoint)).total_seconds() if checkpoint else None
