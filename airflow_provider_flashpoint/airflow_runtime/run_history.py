"""The runs of a task and their summaries, read from Airflow's database. For Airflow 3."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_flashpoint.airflow_runtime.database import open_session

_RETURNED = "return_value"
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
    """Sums over all summaries that the database has."""

    runs: int = 0
    delivered: int = 0
    rejected: int = 0


def task_runs(dag_id: str, task_id: str, *, limit: int) -> list[TaskRun]:
    """Return the newest runs of a task, the newest first.

    :raises ConfigurationError: the database failed.
    """
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from sqlalchemy import and_, select

    returned = and_(
        XComModel.dag_run_id == DagRun.id,
        XComModel.task_id == TaskInstance.task_id,
        XComModel.map_index == TaskInstance.map_index,
        XComModel.key == _RETURNED,
    )
    of_run = and_(DagRun.dag_id == TaskInstance.dag_id, DagRun.run_id == TaskInstance.run_id)
    query = (
        select(
            DagRun.run_id,
            DagRun.run_type,
            TaskInstance.state,
            DagRun.run_after,
            TaskInstance.end_date,
            XComModel.value,
        )
        .join(DagRun, of_run)
        .outerjoin(XComModel, returned)
        .where(TaskInstance.dag_id == dag_id, TaskInstance.task_id == task_id, TaskInstance.map_index == -1)
        .order_by(DagRun.run_after.desc(), DagRun.id.desc())
        .limit(limit)
    )
    with open_session() as session:
        return [
            TaskRun(
                run_id=run_id,
                run_type=str(run_type),
                state=str(state) if state else None,
                run_after=run_after,
                ended_at=ended_at,
                summary=_summary(value),
            )
            for run_id, run_type, state, run_after, ended_at, value in session.execute(query)
        ]


def totals(dag_ids: Collection[str]) -> dict[tuple[str, str], Totals]:
    """Return the sums of each task of these DAGs that returned summaries, by DAG and task.

    :raises ConfigurationError: the database failed.
    """
    from airflow.models.xcom import XComModel
    from sqlalchemy import func, select

    value = XComModel.value
    delivered = func.coalesce(value["rows_sent"].as_integer(), value["sent"].as_integer())
    query = (
        select(
            XComModel.dag_id,
            XComModel.task_id,
            func.count(delivered),
            func.sum(delivered),
            func.sum(value["rejected"].as_integer()),
        )
        .where(XComModel.key == _RETURNED, XComModel.dag_id.in_(dag_ids))
        .group_by(XComModel.dag_id, XComModel.task_id)
    )
    with open_session() as session:
        return {
            (dag_id, task_id): Totals(runs, int(rows or 0), int(rejected or 0))
            for dag_id, task_id, runs, rows, rejected in session.execute(query)
        }


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


def _summary(value: Any) -> Mapping[str, Any]:
    """Return a summary from the value of an XCom, which another backend may keep as a text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, Mapping) else {}
