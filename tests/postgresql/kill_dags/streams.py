"""One DAG for each stream of the plan in KILL_PLAN, whose task is killed once, and which Airflow then runs again.

A task leaves its process id and its parent's in the plan's folder before it executes, for those who kill from outside.
Moments that only the process itself can tell, such as "the ledger is about to be moved into its place", are found by
what it does to files: Python's audit events tell of each before it happens.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_flashpoint.airflow_runtime.compat import DeltaDataIntervalTimetable
from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator
from airflow_provider_flashpoint.operators.pull_alerts import PullAlertsOperator
from airflow_provider_flashpoint.operators.pull_indicators import PullIndicatorsOperator

PERIOD = timedelta(hours=1)
FILE_EVENTS = ("open", "os.rename", "os.listdir", "os.scandir")

PLAN = Path(os.environ["KILL_PLAN"])


class Kill:
    """Ends its own process, and its supervisor's where the victim is the whole worker, at the last of ``steps``; once.

    :param steps: regular expressions, each with how often it is passed by first.
    """

    def __init__(self, stream: dict[str, Any]) -> None:
        self._struck = PLAN.parent / f"{stream['dag_id']}.struck"
        self._whole = stream["victim"] == "worker"
        self._steps = [(re.compile(match), skip) for match, skip in stream["steps"]]

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Look at one act of the process."""
        if event in FILE_EVENTS and self._steps:
            self.pass_by(f"{event} {arguments[1 if event == 'os.rename' else 0]}")

    def pass_by(self, occasion: str) -> None:
        """Count an occasion, and strike where it was the last step."""
        match, skip = self._steps[0] if self._steps else (None, 0)
        if match is None or not match.search(occasion):
            return
        self._steps[0] = match, skip - 1
        if skip == 0:
            del self._steps[0]
            if not self._steps:
                self._strike()

    def _strike(self) -> None:
        try:
            self._struck.touch(exist_ok=False)
        except FileExistsError:
            return
        if self._whole and os.getppid() != 1:
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def prepare(stream: dict[str, Any], start: datetime) -> dict[str, Any]:
    """Return the arguments of a task that tells its process before it executes, and strikes by the stream's steps."""
    kill = Kill(stream)

    def announce(context: Any) -> None:
        beside = PLAN.parent / f"{stream['dag_id']}.beside"
        beside.write_text(f"{os.getpid()} {os.getppid()}", encoding="utf-8")
        beside.replace(PLAN.parent / f"{stream['dag_id']}.process")
        if context["data_interval_start"] == start + stream["interval"] * PERIOD:
            sys.addaudithook(kill.audit)

    return {
        "on_execute_callback": announce,
        "post_execute": lambda context, result: kill.pass_by("executed"),
        "priority_weight": stream["priority"],
        "execution_timeout": timedelta(seconds=stream["timeout_s"]) if stream["timeout_s"] else None,
    }


def stream_dag(stream: dict[str, Any]) -> DAG:
    """Return a DAG of two intervals."""
    start = datetime.fromisoformat(stream["start"])
    with DAG(
        stream["dag_id"],
        schedule=DeltaDataIntervalTimetable(PERIOD),
        start_date=start,
        end_date=start + PERIOD,
        catchup=True,
        max_active_runs=1,
        # Airflow 2 may count one kill twice when it looks for lost tasks as often as it is told to here.
        default_args={"retries": 5, "retry_delay": timedelta(seconds=1), **prepare(stream, start)},
    ) as dag:
        if stream["kind"] == "alerts":
            PullAlertsOperator(
                task_id="pull_alerts",
                tag=stream["target"],
                devo_conn_id=stream["devo_conn_id"],
                max_active_tis_per_dag=1,
            )
        else:
            shared = {"indicator_type": "domain", "lookup_name": stream["target"], "page_size": 100}
            pull = PullIndicatorsOperator(task_id="pull", **shared)
            LookupSyncOperator(
                task_id="sync", stage=pull.output, lookup_key="value.domain", max_active_tis_per_dag=1, **shared
            )
    return dag


for each in json.loads(PLAN.read_text(encoding="utf-8")):
    globals()[each["dag_id"]] = stream_dag(each)
