"""Deliver Flashpoint's alerts, keywords and keyword classes as events into a Devo table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_flashpoint.config.model import DEFAULT_ALERT_LAG, DEFAULT_TAG
from airflow_provider_flashpoint.core.flashpoint.api import DataSet
from airflow_provider_flashpoint.core.stream_key import alert_stream
from airflow_provider_flashpoint.operators.pull_events import PullEventsOperator


class PullAlertsOperator(PullEventsOperator):
    """A `PullEventsOperator` whose data set and table are those of the alerts, unless others are named."""

    fetch = "fetch_alerts"

    def __init__(
        self,
        *,
        tag: str = DEFAULT_TAG,
        kind: str = DataSet.ALERTS.value,
        lag: timedelta = DEFAULT_ALERT_LAG,
        **kwargs: Any,
    ) -> None:
        super().__init__(tag=tag, kind=kind, lag=lag, **kwargs)

    @property
    def stream(self) -> str:
        """The name of the stream, which is the table for alerts."""
        return alert_stream(self.tag, self.kind)
