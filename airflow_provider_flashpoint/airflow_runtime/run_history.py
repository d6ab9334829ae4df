"""The runs of a task and their summaries, read from Airflow's database. For Airflow 3."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_flashpoint.airflow_runtime.database import open_session

Task = tuple[str, str]
"""The id of a DAG, and the id of a task of it."""

_RETURNED = "return_value"
_DAGS_AT_ONCE = 100  # SQLite joins at most 500 queries
_UNFINISHED = ("queued", "running", "scheduled", "up_for_retry", "restarting", "deferred", "up_for_reschedule")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """One run of a task: what Airflow knows of it, and the summary that it returned, empty if there is none."""

    run_id: str
    run_type: str
    state: str | None
    run_after: datetime
    ended_at: datetime | None
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the summaries of a task."""

    runs: int = 0
    delivered: int = 0
    rejected: int = 0


def task_runs(tasks: Collection[Task], *, limit: int) -> dict[Task, list[TaskRun]]:
    """Return the runs of these tasks in the newest runs of their DAGs, the newest first; none for a task without one.

    :param limit: the number of runs of each DAG.
    :raises ConfigurationError: the database failed.
    """
    dag_ids = sorted({dag_id for dag_id, _ in tasks})
    found: dict[Task, list[TaskRun]] = {}
    with open_session() as session:
        for first in range(0, len(dag_ids), _DAGS_AT_ONCE):
            query = _newest_runs(dag_ids[first : first + _DAGS_AT_ONCE], {task_id for _, task_id in tasks}, limit)
            for dag_id, task_id, run_id, run_type, state, run_after, ended_at, value in session.execute(query):
                run = TaskRun(
                    run_id=run_id,
                    run_type=str(run_type),
                    state=str(state) if state else None,
                    run_after=run_after,
                    ended_at=ended_at,
                    summary=_summary(value),
                )
                found.setdefault((dag_id, task_id), []).append(run)
    return found


def _newest_runs(dag_ids: Collection[str], task_ids: Collection[str], limit: int) -> Any:
    """Return the query of `task_runs`.

    Each DAG has a query of its own in the union. Without that, a database reads all runs ever made to find the newest
    ones of several DAGs, or of one task.
    """
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from sqlalchemy import and_, select, union_all

    columns = DagRun.id, DagRun.dag_id, DagRun.run_id, DagRun.run_type, DagRun.run_after
    newest = (DagRun.run_after.desc(), DagRun.id.desc())
    of_dags = (select(*columns).where(DagRun.dag_id == dag_id).order_by(*newest).limit(limit) for dag_id in dag_ids)
    run = union_all(*(select(each.subquery()) for each in of_dags)).subquery().c
    of_run = and_(TaskInstance.dag_id == run.dag_id, TaskInstance.run_id == run.run_id, TaskInstance.map_index == -1)
    returned = and_(
        XComModel.dag_run_id == run.id,
        XComModel.task_id == TaskInstance.task_id,
        XComModel.map_index == TaskInstance.map_index,
        XComModel.key == _RETURNED,
    )
    return (
        select(
            run.dag_id,
            TaskInstance.task_id,
            run.run_id,
            run.run_type,
            TaskInstance.state,
            run.run_after,
            TaskInstance.end_date,
            XComModel.value,
        )
        .join(TaskInstance, of_run)
        .outerjoin(XComModel, returned)
        .where(TaskInstance.task_id.in_(task_ids))
        .order_by(run.run_after.desc(), run.id.desc())
    )


def totals(tasks: Collection[Task], *, since: datetime) -> dict[Task, Totals]:
    """Return the sums of the summaries of these tasks since a time, by DAG and task; none for a task without one.

    :raises ConfigurationError: the database failed.
    """
    from airflow.models.dagrun import DagRun
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    value = XComModel.value
    query = (
        select(XComModel.dag_id, XComModel.task_id, value["rows_sent"], value["sent"], value["rejected"])
        .join(DagRun, DagRun.id == XComModel.dag_run_id)
        .where(
            XComModel.key == _RETURNED,
            XComModel.map_index == -1,
            XComModel.dag_id.in_({dag_id for dag_id, _ in tasks}),
            XComModel.task_id.in_({task_id for _, task_id in tasks}),
            DagRun.run_after >= since,
        )
    )
    sums: dict[Task, Totals] = {}
    with open_session() as session:
        # Databases cast a value that is no number in different ways, or fail, so the sums are made here.
        for dag_id, task_id, rows, events, rejected in session.execute(query):
            delivered = next((each for each in (rows, events) if _is_count(each)), None)
            if delivered is not None:
                before = sums.get((dag_id, task_id), Totals())
                sums[dag_id, task_id] = Totals(
                    runs=before.runs + 1,
                    delivered=before.delivered + delivered,
                    rejected=before.rejected + (rejected if _is_count(rejected) else 0),
                )
    return sums


def is_under_way(dag_id: str, task_id: str) -> bool:
    """Return whether a run of the task has begun, or is about to, and has not ended.

    :raises ConfigurationError: the database failed.
    """
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    query = select(TaskInstance.run_id).where(
        TaskInstance.dag_id == dag_id, TaskInstance.task_id == task_id, TaskInstance.state.in_(_UNFINISHED)
    )
    with open_session() as session:
        return session.scalars(query.limit(1)).first() is not None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _summary(value: Any) -> Mapping[str, Any]:
    """Return a summary from the value of an XCom, which another backend may keep as a text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, Mapping) else {}
