"""Credentials: those that Flashpoint had not seen before, as events in a Devo table, without their passwords.

To read only the accounts of your company, add its domains to the filters: `"domain": ["acme.example"]`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_flashpoint.operators import PullEventsOperator

with DAG(
    "example_credentials",
    schedule="*/15 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["flashpoint"],
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
):
    PullEventsOperator(
        task_id="pull_credentials",
        kind="credentials",
        tag="my.app.flashpoint.new_credentials",
        filters={"is_fresh": "true"},
        max_active_tis_per_dag=1,  # a table has one writer
    )
