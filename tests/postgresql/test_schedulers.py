"""States under real schedulers: backfills, scheduled and manual runs in parallel, checked by the content of Devo."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from demo.airflow_lab import AirflowLab, Run
from demo.airflow_lab.postgresql import PostgresServer
from sandbox.dataset.documents import alerts
from sandbox.http_service.faults import Fault, FaultScript
from sandbox.sandbox import Sandbox
from tests.postgresql.lookup_contents import held, served
from tests.postgresql.scenario import BACKFILLED, PERIOD, PERIODS, SHIPPED, World

pytestmark = [pytest.mark.airflow, pytest.mark.scheduler, pytest.mark.postgresql]

WAIT_S = 900
PAUSED_PERIOD = timedelta(seconds=10)

each_lookup = pytest.mark.parametrize("kind", SHIPPED.types)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    with Sandbox() as sandbox:
        world = World(sandbox, now - PERIODS * PERIOD)
        world.publish()
        yield world


@pytest.fixture(scope="module")
def lab(world: World, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowLab]:
    """An Airflow with the shipped DAGs and the DAGs of these tests."""
    dags, home = tmp_path_factory.mktemp("dags"), tmp_path_factory.mktemp("airflow")
    environment = world.write_dags(dags)
    database = postgres.database("schedulers")
    with AirflowLab(home, dags, database=database, environment=environment, parallelism=6) as lab:
        yield lab


# A backfill in parallel with scheduled and manual runs ----------------------------------------------------------------


@pytest.fixture(scope="module")
def updated_at(lab: AirflowLab, world: World) -> datetime:
    """The time at which Flashpoint's data changed during a backfill of both DAGs, which has ended."""
    moments = []

    def change_data() -> None:
        for dag_id in SHIPPED.dags:
            lab.trigger(dag_id, logical_date=None)
            last = {"from": world.date(BACKFILLED).isoformat(), "to": world.date(PERIODS).isoformat()}
            lab.trigger(dag_id, last)
            lab.wait_for_runs(dag_id, 3, run_type="backfill", timeout_s=WAIT_S)
        moments.append(datetime.now(UTC))
        store = world.sandbox.flashpoint.store
        for kind in SHIPPED.types:
            store.touch_indicators(count=60, types=[kind])
        store.publish_alerts(alerts(12, 40, moments[0] - PERIOD / 4, moments[0]))

    def backfill(dag_id: str, on_started: Callable[[], object]) -> None:
        lab.unpause(dag_id)
        lab.backfill(
            dag_id, world.start, world.date(BACKFILLED - 1), max_active_runs=4, on_started=on_started, timeout_s=WAIT_S
        )

    backfill(SHIPPED.indicator_dag, lambda: backfill(SHIPPED.alert_dag, change_data))
    for dag_id in SHIPPED.dags:
        lab.wait_for_runs(dag_id, 2, run_type="manual", timeout_s=WAIT_S)
        lab.wait_until(lambda dag_id=dag_id: scheduled_after(lab, dag_id, moments[0]), WAIT_S, "a scheduled run")
        lab.pause(dag_id)
    return moments[0]


def scheduled_after(lab: AirflowLab, dag_id: str, moment: datetime) -> bool:
    """Return whether a scheduled run of a window that ends after ``moment`` has succeeded."""
    return any(
        run["run_type"] == "scheduled" and run["state"] == "success" and run["interval"] and run["interval"][1] > moment
        for run in lab.runs(dag_id)
    )


@each_lookup
def test_a_parallel_backfill_leaves_every_indicator_once_in_its_newest_version(
    updated_at: datetime, world: World, kind: str
) -> None:
    """Each key is in its lookup once, in its newest version, also if it changed during the backfill."""
    verdict = SHIPPED.lookup(world.sandbox, kind)
    assert verdict.served > 400
    assert verdict.is_good, verdict


def test_a_parallel_backfill_loses_no_alert_and_sends_none_twice(updated_at: datetime, world: World) -> None:
    """Each alert is in the table once, although windows overlap."""
    verdict = SHIPPED.alerts(world.sandbox)
    assert verdict.served == 440
    assert verdict.is_good, verdict


@pytest.mark.parametrize("dag_id", SHIPPED.dags)
def test_a_backfill_runs_beside_scheduled_and_manual_runs(updated_at: datetime, lab: AirflowLab, dag_id: str) -> None:
    """Runs of all three kinds succeed, and every interval of the backfill is run."""
    done = [run["run_type"] for run in lab.runs(dag_id) if run["state"] == "success"]
    assert done.count("backfill") == BACKFILLED
    assert done.count("manual") == 2
    assert done.count("scheduled") >= 1


@each_lookup
def test_a_lookup_is_built_once_and_then_appended_to(updated_at: datetime, world: World, kind: str) -> None:
    """Of all runs that start before the lookup exists, only one builds it."""
    operations = [str(job.operation) for job in world.sandbox.devo.lookups[SHIPPED.lookup_name(kind)].jobs]
    assert operations[0] == "create"
    assert set(operations[1:]) == {"append"}


def test_the_states_end_at_the_newest_window(updated_at: datetime, lab: AirflowLab) -> None:
    """A run of an older window does not move a checkpoint back."""
    variables = lab.variables()
    for name in SHIPPED.variables:
        assert datetime.fromisoformat(json.loads(variables[name])["to_checkpoint_time"]) > updated_at


# Reruns, backwards runs, and runs after a pause ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def paused_at(lab: AirflowLab) -> datetime:
    """The time at which the DAG ``paused`` was paused; other DAGs run during the pause."""
    lab.unpause("paused")
    lab.wait_for_runs("paused", 2, timeout_s=WAIT_S)
    lab.pause("paused")
    moment = datetime.now(UTC)
    lab.unpause("straight")
    return moment


@pytest.fixture(scope="module")
def straight(lab: AirflowLab, paused_at: datetime) -> list[Run]:
    """Eleven consecutive scheduled runs that cover the whole span."""
    return lab.wait_for_runs("straight", 11, timeout_s=WAIT_S)


def clear(lab: AirflowLab, dag_id: str, run_id: str) -> None:
    """Clear a run, and return when it has succeeded again."""
    attempts = {task["task_id"]: task["try_number"] for task in lab.tasks(dag_id, run_id)}
    lab.clear(dag_id, run_id)

    def again() -> bool:
        return all(task["try_number"] > attempts[task["task_id"]] for task in lab.tasks(dag_id, run_id))

    lab.wait_until(again, WAIT_S, f"another attempt of {run_id}")
    lab.wait_for_run(dag_id, run_id, timeout_s=WAIT_S)


def clear_while_stalled(lab: AirflowLab, faults: FaultScript, dag_id: str, match: str) -> None:
    """Clear a run during a stalled request, and return when the run has succeeded again."""
    faults.add(Fault("stall", match=match))
    lab.wait_until(lambda: faults.fired(match), WAIT_S, "a request to stall")
    run_id = next(run["run_id"] for run in lab.runs(dag_id) if run["state"] == "running")
    stalled = next(task for task in lab.tasks(dag_id, run_id) if task["state"] == "running")
    lab.clear(dag_id, run_id)

    def again() -> bool:
        attempts = {task["task_id"]: task["try_number"] for task in lab.tasks(dag_id, run_id)}
        return attempts[stalled["task_id"]] > stalled["try_number"]

    # Airflow 2 signals the old attempt and waits for its request to end; Airflow 3 kills the attempt.
    if lab.line == 3:
        lab.wait_until(again, WAIT_S, f"another attempt of {stalled['task_id']} in {run_id}")
    faults.release()
    lab.wait_for_run(dag_id, run_id, timeout_s=WAIT_S)


def test_consecutive_runs_build_the_newest_version_of_every_key(straight: list[Run], world: World) -> None:
    """Runs in their order leave each key in its newest version; other tests compare with this lookup."""
    assert held(world.sandbox, "straight") == served(world.sandbox, "md5")


def test_cleared_first_run_changes_nothing(straight: list[Run], lab: AirflowLab, world: World) -> None:
    """The run that built the lookup appends to it when it is cleared, and restores no old value."""
    before = held(world.sandbox, "straight")
    clear(lab, "straight", straight[0]["run_id"])
    assert held(world.sandbox, "straight") == before
    operations = [str(job.operation) for job in world.sandbox.devo.lookups["straight"].jobs]
    assert operations.count("create") == 1
    assert "replace" not in operations


def test_backwards_runs_build_the_same_lookup(straight: list[Run], lab: AirflowLab, world: World) -> None:
    """The content of a lookup does not depend on the order of the intervals."""
    lab.wait_for_dag("backwards")
    runs = lab.backfill("backwards", world.start, world.date(PERIODS - 1), max_active_runs=1, run_backwards=True)
    assert [run["run_type"] for run in runs].count("backfill") == 6
    assert held(world.sandbox, "backwards") == held(world.sandbox, "straight")


def test_running_runs_can_be_cleared(paused_at: datetime, lab: AirflowLab, world: World) -> None:
    """The lookup is complete after one run is cleared during its pull and a later one during its deployment."""
    lab.unpause("interrupted")
    lab.wait_for_runs("interrupted", 1, timeout_s=WAIT_S)
    clear_while_stalled(lab, world.sandbox.flashpoint.faults, "interrupted", "types=sha256")
    clear_while_stalled(lab, world.sandbox.devo.faults, "interrupted", "interrupted/deploy-csv")
    lab.wait_for_runs("interrupted", 6, timeout_s=WAIT_S)
    assert held(world.sandbox, "interrupted") == served(world.sandbox, "sha256")


def test_a_run_triggered_by_an_asset_reads_the_last_period_of_the_schedule(
    paused_at: datetime, lab: AirflowLab, world: World
) -> None:
    """A run without a data interval reads the last period, and builds the lookup from the initial start time."""
    for dag_id in ("reports", "by_asset"):
        lab.unpause(dag_id)
    lab.trigger("reports")

    def triggered() -> list[Run]:
        return [run for run in lab.runs("by_asset") if run["run_type"] not in {"scheduled", "manual"}]

    run = lab.wait_until(triggered, WAIT_S, "a run triggered by an asset")[0]
    lab.wait_for_run("by_asset", run["run_id"], timeout_s=WAIT_S)
    assert "by the last complete period of the schedule before" in lab.task_log("by_asset", run["run_id"], "pull")
    assert held(world.sandbox, "by_asset") == served(world.sandbox, "md5")
    lab.pause("by_asset")


def test_a_pause_of_six_intervals_loses_nothing_with_catchup_off(
    paused_at: datetime, lab: AirflowLab, world: World
) -> None:
    """The intervals of the pause are not run, and the first run after it reads their data."""
    resumed_at = paused_at + 6 * PAUSED_PERIOD
    lab.wait_until(lambda: datetime.now(UTC) >= resumed_at, WAIT_S, "six intervals to pass")
    for number in range(6):
        store = world.sandbox.flashpoint.store
        store.touch_indicators(count=20, types=["url"], at=paused_at + (number + 0.5) * PAUSED_PERIOD)
    lab.unpause("paused")
    lab.wait_until(lambda: scheduled_after(lab, "paused", resumed_at), WAIT_S, "a scheduled run")
    lab.pause("paused")
    intervals = [run["interval"] for run in lab.runs("paused") if run["interval"]]
    assert len([each for each in intervals if paused_at <= each[0] and each[1] <= resumed_at]) <= 1
    assert held(world.sandbox, "paused") == served(world.sandbox, "url")
