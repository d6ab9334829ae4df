"""Alerts with a filter: only those about your own assets, in a table of their own.

Each alert becomes one event. What Devo has confirmed is not sent again, whichever window is read.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_flashpoint.operators import PullAlertsOperator

with DAG(
    "example_filtered_alerts",
    schedule="*/5 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["flashpoint"],
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
):
    PullAlertsOperator(
        task_id="pull_alerts",
        tag="my.app.flashpoint.asset_alerts",
        filters={"origin": "assets"},
        max_active_tis_per_dag=1,  # a table has one writer
    )
