"""A DAG of five-minute intervals whose runs follow their conf."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, get_current_context, task

try:
    from airflow.sdk import DeltaDataIntervalTimetable
except ImportError:
    from airflow.timetables.interval import DeltaDataIntervalTimetable

with DAG(
    "ticks",
    schedule=DeltaDataIntervalTimetable(timedelta(minutes=5)),
    start_date=datetime.fromisoformat(os.environ["TICKS_START"]),
    catchup=True,
    max_active_runs=1,
):

    @task
    def tick() -> None:
        if get_current_context()["dag_run"].conf.get("fail"):
            raise ValueError("a tick that was told to fail")

    tick()
