"""One DAG for each stream of the plan in KILL_PLAN. One of its tasks is killed once and then retried by Airflow.

Before a task executes, it writes its process id and its parent's into the folder of the plan, for interruptions from
outside. Other moments, such as the renaming of a ledger file, are visible in the process only: Python's audit events
report each file operation before it happens.
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
    """Kills its own process once, at the last step of a stream; also the supervisor, if the victim is the worker."""

    def __init__(self, stream: dict[str, Any]) -> None:
        self._marker = PLAN.parent / f"{stream['dag_id']}.interrupted"
        self._kills_supervisor = stream["victim"] == "worker"
        self._steps = [(re.compile(match), skip) for match, skip in stream["steps"]]

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Check one audit event of the process."""
        if event in FILE_EVENTS and self._steps:
            self.check(f"{event} {arguments[1 if event == 'os.rename' else 0]}")

    def check(self, operation: str) -> None:
        """Compare an operation with the next step, and kill the process after the last step."""
        match, skip = self._steps[0] if self._steps else (None, 0)
        if match is None or not match.search(operation):
            return
        self._steps[0] = match, skip - 1
        if skip == 0:
            del self._steps[0]
            if not self._steps:
                self._kill()

    def _kill(self) -> None:
        try:
            self._marker.touch(exist_ok=False)
        except FileExistsError:
            return
        if self._kills_supervisor and os.getppid() != 1:
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def prepare(stream: dict[str, Any], start: datetime) -> dict[str, Any]:
    """Return the arguments of a task that announces its process id and is killed after the steps of its stream."""
    kill = Kill(stream)

    def announce(context: Any) -> None:
        unfinished = PLAN.parent / f"{stream['dag_id']}.unfinished"
        unfinished.write_text(f"{os.getpid()} {os.getppid()}", encoding="utf-8")
        unfinished.replace(PLAN.parent / f"{stream['dag_id']}.process")
        if context["data_interval_start"] == start + stream["interval"] * PERIOD:
            sys.addaudithook(kill.audit)

    return {
        "on_execute_callback": announce,
        "post_execute": lambda context, result: kill.check("executed"),
        "priority_weight": stream["priority"],
        "execution_timeout": timedelta(seconds=stream["timeout_s"]) if stream["timeout_s"] else None,
    }


def stream_dag(stream: dict[str, Any]) -> DAG:
    """Return a DAG of two intervals."""
    start = datetime.fromisoformat(stream["start"])
    source = {"flashpoint_conn_id": stream["flashpoint_conn_id"], "page_size": stream["page_size"]}
    with DAG(
        stream["dag_id"],
        schedule=DeltaDataIntervalTimetable(PERIOD),
        start_date=start,
        end_date=start + PERIOD,
        catchup=True,
        max_active_runs=1,
        # Airflow 2 may count one kill twice when it checks for lost tasks as often as in these tests.
        default_args={"retries": 5, "retry_delay": timedelta(seconds=1), **prepare(stream, start)},
    ) as dag:
        if stream["kind"] == "alerts":
            PullAlertsOperator(
                task_id="pull_alerts",
                tag=stream["target"],
                devo_conn_id=stream["devo_conn_id"],
                max_active_tis_per_dag=1,
                **source,
            )
        else:
            shared = {"indicator_type": "domain", "lookup_name": stream["target"], **source}
            pull = PullIndicatorsOperator(task_id="pull", **shared)
            LookupSyncOperator(
                task_id="sync", stage=pull.output, lookup_key=stream["lookup_key"], max_active_tis_per_dag=1, **shared
            )
    return dag


for each in json.loads(PLAN.read_text(encoding="utf-8")):
    globals()[each["dag_id"]] = stream_dag(each)
