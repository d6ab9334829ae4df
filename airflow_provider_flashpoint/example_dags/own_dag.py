"""The operators in a DAG of your own: the setup is checked first, and a task of yours works with the result.

The output of a pull or a sync is a summary: counts, the window and the checkpoint, never a record.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_flashpoint.operators import LookupSyncOperator, PullIndicatorsOperator, SetupOperator

log = logging.getLogger(__name__)

with DAG(
    "example_own_dag",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["flashpoint"],
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
):
    setup = SetupOperator(
        task_id="setup",
        module="flashpoint_indicator",
        data_set="indicators",
        indicator_types=["url"],
        retries=0,  # a wrong token stays wrong
    )
    lookup: dict[str, Any] = {"indicator_type": "url", "lookup_name": "Flashpoint_Urls"}
    pull = PullIndicatorsOperator(task_id="pull", **lookup)
    sync = LookupSyncOperator(task_id="sync", stage=pull.output, max_active_tis_per_dag=1, **lookup)

    @task
    def report(summary: Any) -> int:
        log.info("%(lookup)s has %(rows_sent)s more or newer rows, up to %(to_checkpoint_time)s.", summary)
        return int(summary["rows_sent"])

    setup >> pull
    report(sync.output)
