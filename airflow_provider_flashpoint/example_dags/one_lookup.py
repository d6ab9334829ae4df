"""One lookup: the domains of Flashpoint in Devo, every hour.

The pull stages the indicators that changed, the sync brings them into the lookup. The first sync builds it from the
DAG's start date on. Later ones add to it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_flashpoint.operators import LookupSyncOperator, PullIndicatorsOperator

with DAG(
    "example_one_lookup",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["flashpoint"],
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
):
    # The pull and the sync need the same values.
    lookup: dict[str, Any] = {"indicator_type": "domain", "lookup_name": "Flashpoint_Domains"}
    pull = PullIndicatorsOperator(task_id="pull", **lookup)
    sync = LookupSyncOperator(
        task_id="sync",
        stage=pull.output,
        max_active_tis_per_dag=1,  # a lookup has one writer
        **lookup,
    )
