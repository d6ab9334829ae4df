"""DAGs of one pull and one sync, written with the operators; each lookup has the name of its DAG."""

from __future__ import annotations

import math
import os
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, BaseOperator

from airflow_provider_flashpoint.airflow_runtime.compat import DeltaDataIntervalTimetable
from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator
from airflow_provider_flashpoint.operators.pull_indicators import PullIndicatorsOperator

try:
    from airflow.sdk import AssetOrTimeSchedule

    def asset_or_time(timetable: Any, asset: Asset) -> Any:
        """Return the schedule of Airflow 3."""
        return AssetOrTimeSchedule(timetable=timetable, assets=[asset])

except ImportError:
    from airflow.timetables.datasets import DatasetOrTimeSchedule

    def asset_or_time(timetable: Any, asset: Asset) -> Any:
        """Return the schedule of Airflow 2."""
        return DatasetOrTimeSchedule(timetable=timetable, datasets=[asset])  # noqa: AIR311


START = datetime.fromisoformat(os.environ["LOOKUPS_START"])
SPAN = timedelta(seconds=float(os.environ["LOOKUPS_SPAN_S"]))


def lookup_dag(dag_id: str, kind: str, *, intervals: int, catchup: bool) -> DAG:
    """Return a DAG that divides the span into a number of ``intervals``."""
    period = timedelta(seconds=math.ceil(SPAN.total_seconds() / intervals))
    with DAG(
        dag_id,
        schedule=DeltaDataIntervalTimetable(period),
        start_date=START,
        end_date=START + SPAN - timedelta(seconds=1),
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


straight = lookup_dag("straight", "md5", intervals=11, catchup=True)
backwards = lookup_dag("backwards", "md5", intervals=6, catchup=False)
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

_REPORTS = Asset("lab://reports")


class Report(BaseOperator):
    """Succeeds at once, and so updates its asset."""

    def execute(self, context: Any) -> None:
        """Do nothing."""


with DAG("reports", schedule=None, start_date=START) as reports:
    Report(task_id="report", outlets=[_REPORTS])

with DAG(
    "by_asset",
    schedule=asset_or_time(DeltaDataIntervalTimetable(timedelta(minutes=1)), _REPORTS),
    start_date=START,
    catchup=False,
    max_active_runs=1,
) as by_asset:
    _tasks("by_asset", "md5")
