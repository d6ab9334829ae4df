"""The operators of this provider."""

from __future__ import annotations

from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator
from airflow_provider_flashpoint.operators.pull_alerts import PullAlertsOperator
from airflow_provider_flashpoint.operators.pull_events import PullEventsOperator
from airflow_provider_flashpoint.operators.pull_indicators import PullIndicatorsOperator
from airflow_provider_flashpoint.operators.setup import SetupOperator

__all__ = ["LookupSyncOperator", "PullAlertsOperator", "PullEventsOperator", "PullIndicatorsOperator", "SetupOperator"]
