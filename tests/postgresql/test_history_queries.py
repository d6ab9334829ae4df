"""The queries of the status page on PostgreSQL: the newest runs of tasks and their sums, whatever tasks return."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.airflow_lab.postgresql import PostgresServer
from tests.status_page.deployed_dags import Deployed, at

pytest.importorskip("airflow.sdk", reason="this Airflow has no such pages")

pytestmark = [pytest.mark.airflow, pytest.mark.postgresql]

ALERTS = ("flashpoint_alert", "pull_alerts")
LOOKUP = ("flashpoint_indicator", "sync_domain")
NONE = ("flashpoint_alert", "sync_domain")


@pytest.fixture(scope="module")
def engine(postgres: PostgresServer) -> Iterator[Any]:
    """An empty database of Airflow on PostgreSQL."""
    from airflow.models import import_all_models
    from airflow.models.base import Base
    from airflow.models.tasklog import LogTemplate
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    url = postgres.database("status_page").replace("postgresql://", "postgresql+psycopg2://", 1)
    engine = create_engine(url)
    import_all_models()
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(LogTemplate(filename="none", elasticsearch_id="none"))  # each run names one
        session.commit()
    yield engine
    engine.dispose()


@pytest.fixture
def deployed(engine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Deployed]:
    """The DAGs of a configuration in that database, which Airflow in this process uses meanwhile."""
    from airflow import settings
    from sqlalchemy.orm import scoped_session, sessionmaker

    sessions = scoped_session(sessionmaker(engine, autoflush=False, expire_on_commit=False))
    monkeypatch.setattr(settings, "engine", engine)
    monkeypatch.setattr(settings, "Session", sessions)
    world = Deployed(tmp_path)
    world.deploy()
    yield world
    world.remove()
    sessions.remove()


def test_each_task_has_its_newest_runs_and_its_sums(deployed: Deployed) -> None:
    """One query finds the newest runs of all tasks, one their sums since a time; a task without runs has none."""
    from airflow_provider_flashpoint.airflow_runtime.run_history import Totals, task_runs, totals

    for start in (5, 3, 2, 1):
        deployed.run("flashpoint_alert", start, start - 1, sent=10 * start, rejected=1)
    deployed.run("flashpoint_indicator", 90, 89, rows_sent=7)
    deployed.run("flashpoint_indicator", 2, 1, rows_sent=8)
    deployed.run("flashpoint_indicator", 1, 0, state="failed")
    tasks = {ALERTS, LOOKUP, NONE}
    runs = task_runs(tasks, limit=3)
    assert {task: [run.run_id for run in found] for task, found in runs.items()} == {
        ALERTS: ["from_1_to_0", "from_2_to_1", "from_3_to_2"],
        LOOKUP: ["from_1_to_0", "from_2_to_1", "from_90_to_89"],
    }
    assert [(run.state, run.summary.get("rows_sent")) for run in runs[LOOKUP]] == [
        ("failed", None),
        ("success", 8),
        ("success", 7),
    ]
    assert runs[ALERTS][0].run_after == at(0)
    assert totals(tasks, since=at(50)) == {
        ALERTS: Totals(runs=4, delivered=110, rejected=4),
        LOOKUP: Totals(runs=1, delivered=8, rejected=0),
    }


def test_the_number_of_queries_is_that_of_one_task(engine: Any, deployed: Deployed) -> None:
    """All tasks together need one query for their runs and one for their sums, and few rows of each DAG are read."""
    from sqlalchemy import event

    from airflow_provider_flashpoint.airflow_runtime.run_history import task_runs, totals

    for start in (3, 2, 1):
        deployed.run("flashpoint_alert", start, start - 1, sent=1)
    rows: list[int] = []

    def count(*call: Any) -> None:
        rows.append(call[1].rowcount)

    event.listen(engine, "after_cursor_execute", count)
    try:
        task_runs({ALERTS, LOOKUP, NONE}, limit=2)
        totals({ALERTS, LOOKUP, NONE}, since=at(1.5))
    finally:
        event.remove(engine, "after_cursor_execute", count)
    assert rows == [2, 2]


@pytest.mark.parametrize("value", [[1], "7", {"a": 1}, None, 1.5, True])
def test_a_summary_without_counts_is_left_out_of_the_sums(deployed: Deployed, value: Any) -> None:
    """A value that is no count neither fails the query nor counts."""
    from airflow_provider_flashpoint.airflow_runtime.run_history import Totals, totals

    deployed.run("flashpoint_alert", 3, 2, sent=value, rejected=value)
    deployed.run("flashpoint_alert", 2, 1, sent=20, rejected=value)
    assert totals({ALERTS}, since=at(100)) == {ALERTS: Totals(runs=1, delivered=20, rejected=0)}


@pytest.mark.parametrize("value", [[1], "text", 7, None, True])
def test_a_task_may_return_anything(deployed: Deployed, value: Any) -> None:
    """A value that is no summary, as a task of one's own may return it, is no summary and counts nothing."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import update

    from airflow_provider_flashpoint.airflow_runtime.run_history import task_runs, totals

    deployed.run("flashpoint_alert", 2, 1, sent=20)
    with create_session() as session:
        session.execute(update(XComModel).values(value=value))
    assert [run.summary for run in task_runs({ALERTS}, limit=3)[ALERTS]] == [{}]
    assert totals({ALERTS}, since=at(100)) == {}
