"""The status page: what it shows, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from deployed_dags import PERIOD, Deployed, at

pytest.importorskip("airflow.sdk", reason="this Airflow has no such pages")

pytestmark = pytest.mark.airflow

LOOKUP = "flashpoint_lookup__Bad_Domains__acme__flashpoint_default"
ALERTS = "flashpoint_alerts__threatintel.flashpoint.intelligence.alerts__acme__flashpoint_default"
Client = Callable[..., Any]


def rows_of(client: Any) -> dict[str, dict[str, Any]]:
    answer = client.get("api/streams")
    assert answer.status_code == 200, answer.text
    return {row["dag_id"]: row for row in answer.json()["streams"]}


@pytest.mark.parametrize("path", ["", "page.js", "api/streams", "api/dags/a/tasks/b/history"])
def test_anonymous_requests_are_refused(client: Client, path: str) -> None:
    """Without a login the page, its files and its data are all answered 401."""
    assert client(None).get(path).status_code == 401


def test_a_row_tells_how_fresh_a_lookup_is(client: Client, deployed: Deployed) -> None:
    """A row holds the status, the checkpoint, the lag against the period, the counts and the last run of a stream."""
    now = datetime.now(UTC)  # the times of the runs are those of the start of all tests
    deployed.remember(
        LOOKUP, status="Created", to_checkpoint_time=now.isoformat(), api="ignite_v2", filters={"score": "malicious"}
    )
    deployed.run("flashpoint_indicator", 2, 1, rows_sent=20, rejected=1)
    last = deployed.run("flashpoint_indicator", 1, 0, rows_sent=3)
    row = rows_of(client())["flashpoint_indicator"]
    assert (row["title"], row["content"], row["status"]) == ("Bad_Domains", "domain", "Created")
    assert (row["freshness"], row["period_s"]) == ("fresh", PERIOD.total_seconds())
    assert (row["delivered"], row["rejected"]) == (3, 0)
    assert row["total"] == {"runs": 2, "delivered": 23, "rejected": 1}
    assert (row["last_run"]["run_id"], row["last_run"]["state"]) == (last, "success")
    assert (row["api"], row["filters"]) == ("ignite_v2", {"score": "malicious"})
    assert row["problem"] is None


def test_sums_are_those_of_the_last_day(client: Client, deployed: Deployed) -> None:
    """A run of more than a day ago is left out, so that the sums cost the same however long the history is."""
    deployed.run("flashpoint_alert", 90, 89, run_after=289, sent=100)
    deployed.run("flashpoint_alert", 2, 1, sent=20, rejected=1)
    assert rows_of(client())["flashpoint_alert"]["total"] == {"runs": 1, "delivered": 20, "rejected": 1}


@pytest.mark.parametrize("value", [[1], "7", {"a": 1}, None, 1.5])
def test_only_numbers_are_summed(client: Client, deployed: Deployed, value: Any) -> None:
    """A task of one's own may return anything under the names of a summary; what is no count is left out."""
    deployed.run("flashpoint_alert", 3, 2, sent=value, rejected=value)
    deployed.run("flashpoint_alert", 2, 1, sent=20)
    assert rows_of(client())["flashpoint_alert"]["total"] == {"runs": 1, "delivered": 20, "rejected": 0}


def test_a_row_of_a_table_has_the_state_of_its_own_stream(client: Client, deployed: Deployed) -> None:
    """A table of alerts is found by the name that its task keeps the state under."""
    deployed.remember(ALERTS, to_checkpoint_time=at(20).isoformat())
    deployed.run("flashpoint_alert", 21, 20, sent=7)
    deployed.run("flashpoint_alert", 20, 19, state="failed")
    row = rows_of(client())["flashpoint_alert"]
    assert (row["content"], row["delivered"], row["freshness"]) == ("alerts", 7, "old")
    assert row["last_run"]["state"] == "failed"


def test_gaps_are_the_times_that_no_run_has_read(client: Client, deployed: Deployed) -> None:
    """The history holds the runs in order with their lag, and the times between them that none has read."""
    deployed.run("flashpoint_alert", 9, 8, sent=1)
    deployed.run("flashpoint_alert", 8, 7, sent=2)
    deployed.run("flashpoint_alert", 4, 3, sent=3)
    found = client().get("api/dags/flashpoint_alert/tasks/pull_alerts/history").json()
    assert [run["delivered"] for run in found["runs"]] == [1, 2, 3]
    assert [run["lag_s"] for run in found["runs"]] == [30, 30, 30]
    assert [(gap["from"], gap["to"]) for gap in found["gaps"]] == [
        (f"{at(7):%Y-%m-%dT%H:%M:%S}Z", f"{at(4):%Y-%m-%dT%H:%M:%S}Z")
    ]


def test_a_gap_is_not_older_than_what_its_lookup_keeps(client: Client, deployed: Deployed) -> None:
    """A run skips what is older than keep, so that part of the time is no gap."""
    from airflow.sdk import DAG

    from airflow_provider_flashpoint.operators import LookupSyncOperator

    with DAG("own", schedule=PERIOD, start_date=at(1000), tags=["flashpoint"]) as own:
        LookupSyncOperator(task_id="sync_domain", indicator_type="domain", lookup_name="Bad_Domains", keep=120 * PERIOD)
    deployed.deploy(own)
    for start in (800, 600, 400, 20):  # hours apart, since this test may run an hour after its module was imported
        deployed.run("own", start, start - 1, rows_sent=1)
    [gap] = client().get("api/dags/own/tasks/sync_domain/history").json()["gaps"]
    assert gap["from"] >= f"{at(120):%Y-%m-%dT%H:%M:%S}Z"
    assert gap["to"] == f"{at(20):%Y-%m-%dT%H:%M:%S}Z"


def test_the_time_before_the_oldest_scheduled_run_that_is_shown_is_no_gap(client: Client, deployed: Deployed) -> None:
    """A run of an old window stands beside scheduled runs; what older ones read between them is not known."""
    deployed.run("flashpoint_alert", 90, 89, run_type="manual", run_after=0, sent=1)
    for start in (4, 3, 1):
        deployed.run("flashpoint_alert", start, start - 1, sent=1)
    found = client().get("api/dags/flashpoint_alert/tasks/pull_alerts/history").json()
    assert [gap["to"] for gap in found["gaps"]] == [f"{at(1):%Y-%m-%dT%H:%M:%S}Z"]
    for_none = client().get("api/dags/flashpoint_alert/tasks/pull_alerts/history", params={"runs": 1}).json()
    assert for_none["gaps"] == []


@pytest.mark.parametrize(
    ("schedule", "period"),
    [
        ("*/5 * * * *", PERIOD),
        ("@hourly", 12 * PERIOD),
        (timedelta(hours=1), 12 * PERIOD),
        (None, None),
        ("@once", None),
    ],
)
def test_a_lag_is_compared_with_the_time_between_runs(
    client: Client, deployed: Deployed, schedule: Any, period: timedelta | None
) -> None:
    """A schedule whose runs have no data interval, such as a cron text, still has a time from run to run."""
    from airflow.sdk import DAG

    from airflow_provider_flashpoint.operators import PullAlertsOperator

    with DAG("own", schedule=schedule, start_date=at(100), tags=["flashpoint"]) as own:
        PullAlertsOperator(task_id="pull_alerts")
    deployed.deploy(own)
    deployed.remember(ALERTS, to_checkpoint_time=datetime.now(UTC).isoformat())
    row = rows_of(client())["own"]
    assert row["period_s"] == (period.total_seconds() if period else None)
    assert row["freshness"] == ("fresh" if period else "unknown")


def test_a_lag_over_night_is_that_of_the_schedule(client: Client, deployed: Deployed) -> None:
    """Before a run after a pause of a schedule, the period is the pause, so that the lag of the pause is no delay."""
    from airflow.models.dag import DagModel
    from airflow.sdk import DAG
    from airflow.utils.session import create_session
    from sqlalchemy import update

    from airflow_provider_flashpoint.operators import PullAlertsOperator

    with DAG("own", schedule="0 8-17 * * *", start_date=at(100), tags=["flashpoint"]) as own:
        PullAlertsOperator(task_id="pull_alerts")
    deployed.deploy(own)
    next_run = datetime(2026, 1, 2, 8, tzinfo=UTC)
    values = {"next_dagrun_data_interval_start": next_run, "next_dagrun_data_interval_end": next_run}
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == "own").values(values))
    assert rows_of(client())["own"]["period_s"] == timedelta(hours=15).total_seconds()


def test_a_mapped_task_has_no_row(client: Client, deployed: Deployed) -> None:
    """A task that is mapped, whose table only its runs know, is left out; the other tasks of its DAG are shown."""
    from airflow.sdk import DAG

    from airflow_provider_flashpoint.operators import PullAlertsOperator

    days = [{"start": at(2).isoformat(), "end": at(1).isoformat()}]
    with DAG("own", schedule=None, tags=["flashpoint"]) as own:
        PullAlertsOperator.partial(task_id="pull_day").expand_kwargs(days)
        PullAlertsOperator(task_id="pull_alerts")
    deployed.deploy(own)
    rows = [row for row in client().get("api/streams").json()["streams"] if row["dag_id"] == "own"]
    assert [(row["task_id"], row["problem"]) for row in rows] == [("pull_alerts", None)]


def test_a_state_that_a_stream_does_not_take_over_is_not_shown(client: Client, deployed: Deployed) -> None:
    """A stream of a named configuration has its own state alone, even where an earlier version left one of its name."""
    from airflow.sdk import DAG

    from airflow_provider_flashpoint.operators import LookupSyncOperator

    with DAG("own", schedule=None, tags=["flashpoint"]) as own:
        LookupSyncOperator(task_id="sync", indicator_type="domain", lookup_name="Bad_Domains", take_over=False)
    deployed.deploy(own)
    deployed.remember("flashpoint_lookup__Bad_Domains", status="Created", to_checkpoint_time=at(0).isoformat())
    rows = rows_of(client())
    assert (rows["own"]["variable"], rows["own"]["status"]) == (LOOKUP, None)
    assert rows["flashpoint_indicator"]["status"] == "Created"


def test_a_dag_that_cannot_be_read_does_not_hide_the_others(
    client: Client, deployed: Deployed, caplog: pytest.LogCaptureFixture
) -> None:
    """A DAG that another version of Airflow wrote is left out, and the log has the reason."""
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        of_alerts = select(SerializedDagModel).where(SerializedDagModel.dag_id == "flashpoint_alert")
        for stored in session.scalars(of_alerts):
            stored._data, stored._data_compressed = {"__version": 99}, None
    assert set(rows_of(client())) == {"flashpoint_indicator"}
    assert "DAG flashpoint_alert" in caplog.text


def test_the_staging_storage_is_read_for_an_open_row_alone(
    client: Client, deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list does not ask the staging storage for pulls, which may be slow; the history of a lookup does."""
    asked: list[str] = []
    place = "airflow_provider_flashpoint.streams.pull_progress.newest_kept_pull"
    monkeypatch.setattr(place, lambda stages: asked.append(str(stages)))
    assert "pull" not in rows_of(client())["flashpoint_indicator"]
    assert asked == []
    found = client().get("api/dags/flashpoint_indicator/tasks/sync_domain/history").json()
    assert (found["pull"], len(asked)) == (None, 1)


def test_a_stream_without_its_connection_does_not_hide_the_others(
    client: Client, deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row whose connection is missing has the reason as its problem."""
    monkeypatch.delenv("AIRFLOW_CONN_DEVO_DEFAULT")
    rows = rows_of(client())
    assert len(rows) == 2
    assert all("devo_default" in row["problem"] for row in rows.values())
