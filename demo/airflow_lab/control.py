"""The calls of a lab to its Airflow, the same for both lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypedDict


class Run(TypedDict):
    """One DAG run. ``interval`` and ``logical_date`` are None if the run has none."""

    run_id: str
    state: str
    run_type: str
    logical_date: datetime | None
    interval: tuple[datetime, datetime] | None
    conf: dict[str, Any]


class Task(TypedDict):
    """One task of a run; ``state`` is None until it is scheduled, ``map_index`` -1 unless it is mapped."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    pid: int | None


class Control(Protocol):
    """The calls that both lines support. None of them waits for a run to end."""

    def healthy(self) -> bool: ...

    def dag_known(self, dag_id: str) -> bool: ...

    def import_errors(self) -> dict[str, str]:
        """Return the import error of each DAG file that has one."""

    def set_paused(self, dag_id: str, paused: bool) -> None: ...

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None, logical_date: datetime | None) -> str:
        """Return the id of the new manual run."""

    def runs(self, dag_id: str) -> list[Run]: ...

    def tasks(self, dag_id: str, run_id: str) -> list[Task]: ...

    def clear(self, dag_id: str, run_id: str, task_ids: Sequence[str] | None) -> None: ...

    def backfill_active(self, dag_id: str) -> bool:
        """Return whether Airflow counts a backfill of the DAG as running, and so refuses a new one."""

    def variables(self) -> dict[str, str]: ...

    def set_variable(self, key: str, value: str) -> None: ...

    def delete_variable(self, key: str) -> None: ...

    def close(self) -> None: ...


def run_from(answer: Mapping[str, Any], run_id: str) -> Run:
    """Return the `Run` from a description, in which only the name of the id differs between the lines."""
    start, end = answer["data_interval_start"], answer["data_interval_end"]
    date = answer["logical_date"]
    return Run(
        run_id=run_id,
        state=answer["state"],
        run_type=answer["run_type"],
        logical_date=datetime.fromisoformat(date) if date else None,
        interval=(datetime.fromisoformat(start), datetime.fromisoformat(end)) if start and end else None,
        conf=answer["conf"] or {},
    )
