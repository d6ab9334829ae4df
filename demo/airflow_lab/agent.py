"""Runs in Airflow 2's Python and answers calls about its database, one JSON line for each.

Airflow 2's command line takes seconds for every call; this process imports Airflow once. A call on standard
input is ``{"call": <name of a function here>, "arguments": {...}}``, the answer on standard output is
``{"result": ...}`` or ``{"error": ...}``. It imports nothing of the lab, so that it runs anywhere.
"""

# Types are checked on Airflow 3.
# mypy: ignore-errors

from __future__ import annotations

import contextlib
import datetime
import json
import sys
import traceback
from collections.abc import Iterator
from typing import Any

# Airflow prints to standard output while it loads; only answers belong there.
_ANSWERS = sys.stdout
sys.stdout = sys.stderr

import airflow.providers.fab.auth_manager.models  # noqa: F401  a run's note refers to its users
from airflow.api.common.trigger_dag import trigger_dag
from airflow.jobs.job import Job, most_recent_job
from airflow.models import DagBag, DagModel, DagRun, TaskInstance, Variable
from airflow.models.errors import ParseImportError
from airflow.models.taskinstance import clear_task_instances
from airflow.utils.session import create_session


def healthy() -> bool:
    with create_session() as session:
        job: Job | None = most_recent_job("SchedulerJob", session=session)
        return bool(job and job.is_alive())


def dag_known(dag_id: str) -> bool:
    with create_session() as session:
        return session.get(DagModel, dag_id) is not None


def import_errors() -> dict[str, str]:
    with create_session() as session:
        return {error.filename: error.stacktrace for error in session.query(ParseImportError)}


def set_paused(dag_id: str, paused: bool) -> None:
    with create_session() as session:
        session.get(DagModel, dag_id).is_paused = paused


def trigger(dag_id: str, conf: dict[str, Any] | None, logical_date: str) -> str:
    date = datetime.datetime.fromisoformat(logical_date)
    return trigger_dag(dag_id, conf=conf, execution_date=date, replace_microseconds=False).run_id


def runs(dag_id: str) -> list[dict[str, Any]]:
    with create_session() as session:
        return [
            {
                "run_id": run.run_id,
                "state": run.state,
                "run_type": run.run_type,
                "logical_date": run.execution_date.isoformat(),
                "data_interval_start": run.data_interval_start.isoformat(),
                "data_interval_end": run.data_interval_end.isoformat(),
                "conf": run.conf,
            }
            for run in session.query(DagRun).filter_by(dag_id=dag_id)
        ]


def tasks(dag_id: str, run_id: str) -> list[dict[str, Any]]:
    with create_session() as session:
        return [
            {
                "task_id": task.task_id,
                "map_index": task.map_index,
                "state": task.state,
                "try_number": task.try_number,
                "pid": task.pid,
            }
            for task in session.query(TaskInstance).filter_by(dag_id=dag_id, run_id=run_id)
        ]


def clear(dag_id: str, run_id: str, task_ids: list[str] | None) -> None:
    with create_session() as session:
        chosen = session.query(TaskInstance).filter_by(dag_id=dag_id, run_id=run_id)
        if task_ids is not None:
            chosen = chosen.filter(TaskInstance.task_id.in_(task_ids))
        dag = DagBag(read_dags_from_db=True).get_dag(dag_id, session=session)
        clear_task_instances(chosen.all(), session, dag=dag)


def variables() -> dict[str, str]:
    with create_session() as session:
        return {variable.key: variable.get_val() for variable in session.query(Variable)}


def set_variable(key: str, value: str) -> None:
    Variable.set(key, value)


def delete_variable(key: str) -> None:
    Variable.delete(key)


_CALLS = {
    function.__name__: function
    for function in (
        healthy,
        dag_known,
        import_errors,
        set_paused,
        trigger,
        runs,
        tasks,
        clear,
        variables,
        set_variable,
        delete_variable,
    )
}


def _answers(questions: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in questions:
        question = json.loads(line)
        try:
            yield {"result": _CALLS[question["call"]](**question["arguments"])}
        except Exception:  # the caller judges what Airflow raises
            yield {"error": traceback.format_exc()}


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        for answer in _answers(sys.stdin):
            _ANSWERS.write(json.dumps(answer) + "\n")
            _ANSWERS.flush()
