"""Many lookups: one for each type of indicator, with settings of their own.

A failure of one lookup does not stop the others. `max_active_tasks` limits the tasks that run at once.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_flashpoint.assets import lookup_asset
from airflow_provider_flashpoint.operators import LookupSyncOperator, PullIndicatorsOperator

LOOKUPS: dict[str, dict[str, Any]] = {
    "domain": {"lookup_name": "Flashpoint_Bad_Domains", "filters": {"score": "malicious"}},
    "ipv4": {"lookup_name": "Flashpoint_Addresses", "columns": ["score.value", "malware", "actors", "last_seen_at"]},
    "file": {"lookup_name": "Flashpoint_Hashes", "row_per_hash": True},
}

with DAG(
    "example_many_lookups",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["flashpoint"],
    max_active_tasks=2,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
):
    for indicator_type, settings in LOOKUPS.items():
        lookup: dict[str, Any] = {"indicator_type": indicator_type, **settings}
        pull = PullIndicatorsOperator(task_id=f"pull_{indicator_type}", **lookup)
        LookupSyncOperator(
            task_id=f"sync_{indicator_type}",
            stage=pull.output,
            outlets=[lookup_asset(settings["lookup_name"])],  # other DAGs can be scheduled on it
            max_active_tis_per_dag=1,  # a lookup has one writer
            **lookup,
        )
