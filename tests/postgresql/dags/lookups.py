"""DAGs of one pull and one sync, each with a lookup of its own name, as people write them with the operators."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_flashpoint.compat import DeltaDataIntervalTimetable
from airflow_provider_flashpoint.operators.indicators import PullIndicatorsOperator
from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator

START = datetime.fromisoformat(os.environ["LOOKUPS_START"])
SPAN = timedelta(seconds=float(os.environ["LOOKUPS_SPAN_S"]))


def lookup_dag(dag_id: str, kind: str, *, intervals: int, catchup: bool) -> DAG:
    """Return a DAG whose ``intervals`` make up the span."""
    period = SPAN / intervals
    with DAG(
        dag_id,
        schedule=DeltaDataIntervalTimetable(period),
        start_date=START,
        end_date=START + SPAN - period,
        catchup=catchup,
        max_active_runs=1,
        default_args={"retries": 2, "retry_delay": timedelta(seconds=1)},
    ) as dag:
        _tasks(dag_id, kind)
    return dag


def _tasks(lookup_name: str, kind: str) -> None:
    pull = PullIndicatorsOperator(task_id="pull", indicator_type=kind, lookup_name=lookup_name)
    LookupSyncOperator(
        task_id="sync",
        stage=pull.output,
        indicator_type=kind,
        lookup_name=lookup_name,
        lookup_key=f"value.{kind}",
        max_active_tis_per_dag=1,
    )


straight = lookup_dag("straight", "domain", intervals=11, catchup=True)
backwards = lookup_dag("backwards", "domain", intervals=6, catchup=False)
interrupted = lookup_dag("interrupted", "sha256", intervals=6, catchup=True)

with DAG(
    "paused",
    schedule=DeltaDataIntervalTimetable(timedelta(seconds=10)),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=1)},
) as paused:
    _tasks("paused", "url")
