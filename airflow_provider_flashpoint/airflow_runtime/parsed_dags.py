"""The streams' tasks in the DAGs that Airflow has parsed, read from its database. For Airflow 3.

A web server has no DAG files, and DAGs may be written by hand. The database has the tasks of all of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow_provider_flashpoint.airflow_runtime.database import open_session
from airflow_provider_flashpoint.airflow_runtime.run_window import run_period
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.errors import ConfigurationError

_log = logger(__name__)

TAG = "flashpoint"
"""The tag of the DAGs that are looked at; others would all have to be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTask:
    """A task that writes the state of a stream.

    :param task: the task as Airflow serialized it, with the values of its template fields.
    :param period_s: the length of the next interval of its DAG, or where that is empty, the time between two of its
        runs; None without a schedule.
    """

    dag_id: str
    task_id: str
    task: Any
    period_s: float | None
    is_paused: bool

    @property
    def is_lookup(self) -> bool:
        """Whether the task syncs a lookup; otherwise it fills an event table."""
        return is_sync(self.task)

    @property
    def keep(self) -> timedelta | None:
        """How long its lookup keeps indicators; None for ever, or where an earlier version wrote the DAG."""
        keep_s: float | None = getattr(self.task, "keep", None)
        return timedelta(seconds=keep_s) if keep_s else None


def stream_tasks(dag_ids: Collection[str]) -> list[StreamTask]:
    """Return the tasks that write states, of those of these DAGs that have the tag `TAG`, without mapped ones.

    :raises ConfigurationError: the database failed.
    """
    from airflow.models.dag import DagModel, DagTag
    from airflow.models.serialized_dag import SerializedDagModel
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    found: list[StreamTask] = []
    with open_session() as session:
        tagged = select(DagModel).join(DagTag, DagTag.dag_id == DagModel.dag_id).where(DagTag.name == TAG)
        for model in session.scalars(tagged.where(~DagModel.is_stale).order_by(DagModel.dag_id)).unique():
            if model.dag_id not in dag_ids:
                continue
            try:
                if dag := SerializedDagModel.get_dag(model.dag_id, session=session):
                    found += _tasks_of(dag, model)
            except SQLAlchemyError:
                raise
            except Exception as error:  # whatever is wrong with one DAG, the streams of the others are shown
                _log.warning(
                    "The DAG %s is left out: Airflow cannot read it from its database (%s).", model.dag_id, error
                )
    return found


def is_sync(task: Any) -> bool:
    """Return whether a serialized task is a `LookupSyncOperator`, or of a class derived from it."""
    return {"lookup_name", "stage"} <= set(task.template_fields)


def _tasks_of(dag: Any, model: Any) -> Iterator[StreamTask]:
    period_s = _period_s(dag, model)
    for task in dag.tasks:
        if getattr(task, "is_mapped", False):
            continue  # its table, or lookup, may be another one in each run
        if is_sync(task) or {"tag", "kind", "flashpoint_conn_id"} <= set(task.template_fields):
            yield StreamTask(
                dag_id=dag.dag_id,
                task_id=task.task_id,
                task=task,
                period_s=period_s,
                is_paused=bool(model.is_paused),
            )


def _period_s(dag: Any, model: Any) -> float | None:
    start, end = model.next_dagrun_data_interval_start, model.next_dagrun_data_interval_end
    context = {"dag": dag, "data_interval_start": start, "data_interval_end": end, "logical_date": end}
    with contextlib.suppress(ConfigurationError, ValueError):  # no schedule, or one that croniter does not read
        window = run_period(context).window
        return (window.end - window.start).total_seconds()
    return None
