"""A weekly rebuild: a lookup that holds the addresses of the last 90 days, and is built anew once a week.

The first run whose window ends a week after the last build replaces the whole content in one step. The other runs add
to it. So stale addresses go, and the lookup is never empty in between.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_flashpoint.operators import LookupSyncOperator, PullIndicatorsOperator

with DAG(
    "example_weekly_rebuild",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["flashpoint"],
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
):
    lookup: dict[str, Any] = {
        "indicator_type": "ipv4",
        "lookup_name": "Flashpoint_Recent_Addresses",
        "keep": timedelta(days=90),
        "rebuild_every": timedelta(days=7),
    }
    pull = PullIndicatorsOperator(task_id="pull", **lookup)
    sync = LookupSyncOperator(task_id="sync", stage=pull.output, max_active_tis_per_dag=1, **lookup)
