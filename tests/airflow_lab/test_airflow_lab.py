"""The lab drives a real scheduler of the Airflow line that the tests run on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from demo.airflow_lab import AirflowLab, LabError

pytestmark = [pytest.mark.airflow, pytest.mark.scheduler]

DAG_ID = "ticks"
PERIOD = timedelta(minutes=5)


@pytest.fixture(scope="module")
def start() -> datetime:
    """The start of the third whole interval before this one."""
    this_minute = datetime.now(UTC).replace(second=0, microsecond=0)
    return this_minute - timedelta(minutes=this_minute.minute % 5) - 3 * PERIOD


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, start: datetime) -> Iterator[AirflowLab]:
    dags = Path(__file__).with_name("dags")
    environment = {"TICKS_START": start.isoformat()}
    with AirflowLab(tmp_path_factory.mktemp("airflow"), dags, environment=environment) as lab:
        lab.unpause(DAG_ID)
        lab.wait_for_runs(DAG_ID, 3)
        yield lab


def test_catchup_covers_the_time_since_the_start_without_a_gap(lab: AirflowLab, start: datetime) -> None:
    """Scheduled runs have consecutive intervals from the start date on."""
    intervals = [run["interval"] for run in lab.runs(DAG_ID) if run["run_type"] == "scheduled"]
    assert intervals[:3] == [(start + n * PERIOD, start + (n + 1) * PERIOD) for n in range(3)]


def test_a_manual_run_gets_its_conf(lab: AirflowLab) -> None:
    """The run has the conf that `trigger` received."""
    run_id = lab.trigger(DAG_ID, {"from": "somewhere"})
    assert lab.wait_for_run(DAG_ID, run_id)["conf"] == {"from": "somewhere"}


def test_a_backfill_includes_both_ends(lab: AirflowLab, start: datetime) -> None:
    """A backfill includes the intervals at both of its ends."""
    runs = lab.backfill(DAG_ID, start - 2 * PERIOD, start - PERIOD)
    assert [run["logical_date"] for run in runs] == [start - 2 * PERIOD, start - PERIOD]


def test_a_cleared_run_runs_again_with_the_same_interval(lab: AirflowLab) -> None:
    """Clearing starts a second attempt of the same run."""
    first = next(run for run in lab.runs(DAG_ID) if run["run_type"] == "scheduled")
    lab.clear(DAG_ID, first["run_id"])
    lab.wait_until(lambda: lab.tasks(DAG_ID, first["run_id"])[0]["try_number"] == 2, 30, "a second attempt")
    assert lab.wait_for_run(DAG_ID, first["run_id"])["interval"] == first["interval"]


def test_a_failed_run_is_reported_with_its_log(lab: AirflowLab) -> None:
    """A failed run ends the wait at once, with the log in the error."""
    run_id = lab.trigger(DAG_ID, {"fail": True})
    with pytest.raises(LabError, match="a tick that was told to fail"):
        lab.wait_for_run(DAG_ID, run_id)


def test_variables_can_be_set_changed_and_deleted(lab: AirflowLab) -> None:
    """The name of a Variable may contain any character."""
    lab.set_variable("ticks|a/b", "1")
    lab.set_variable("ticks|a/b", "2")
    assert lab.variables()["ticks|a/b"] == "2"
    lab.delete_variable("ticks|a/b")
    assert "ticks|a/b" not in lab.variables()


def test_the_api_server_waits_only_seconds_for_a_locked_database(lab: AirflowLab) -> None:
    """Its write is refused after seconds, so the requests behind it are answered before the tasks give up."""
    if lab.line == 2:
        pytest.skip("tasks of Airflow 2 do not call an API server")
    login = {"username": lab.user, "password": lab.password}
    session = requests.Session()
    session.trust_env = False  # no proxy for the loopback
    token = session.post(f"{lab.url}/auth/token", json=login, timeout=60).json()["access_token"]
    with closing(sqlite3.connect(Path(lab.environment["AIRFLOW_HOME"], "airflow.db"), timeout=60)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        answer = session.patch(
            f"{lab.url}/api/v2/dags/{DAG_ID}?update_mask=is_paused",
            json={"is_paused": False},
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )
        writer.rollback()
    assert answer.status_code == 500
