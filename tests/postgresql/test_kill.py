"""Tasks killed at 20 seeded points, or ended otherwise, and run again by a real scheduler; judged at the sink.

What Airflow 3.3 is put through, Airflow 2.11 is put through in part, for the sake of time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_flashpoint.airflow_runtime.state_store import event_variable, lookup_variable
from airflow_provider_flashpoint.core.pipelines.deliver import DEFAULT_BATCH_RECORDS
from airflow_provider_flashpoint.core.window import format_instant
from demo.airflow_lab import AirflowLab
from demo.airflow_lab.postgresql import PostgresServer
from sandbox.sandbox import Sandbox
from sandbox.verdict import judge_alerts, judge_lookup
from tests.postgresql.kills import Point, draw_points, other_ends, publish, write_plan
from tests.postgresql.strikes import strikes

pytestmark = [pytest.mark.airflow, pytest.mark.postgresql]

SEED = 3
ON_AIRFLOW_2 = (1, 4, 7, 9, 13, 15, 18)
PAGE = 100
TIMEOUT_S = 600.0
# How soon Airflow finds out that a whole worker is gone: it takes minutes by default. Both lines have their names.
DETECTION = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__LOCAL_TASK_JOB_HEARTBEAT_SEC": "1",
}


def _points() -> list[Point]:
    is_airflow_2 = version("apache-airflow").startswith("2.")
    # On Airflow 2 an orphan writes its own end over the state of the try that took its place.
    others = other_ends(datetime.now(UTC), orphans=not is_airflow_2)
    points = draw_points(SEED, others[0].start)
    return [*([points[number] for number in ON_AIRFLOW_2] if is_airflow_2 else points), *others]


POINTS = _points()


@dataclass(frozen=True)
class World:
    """A lab in which every stream was struck once, and both its intervals have run."""

    sandbox: Sandbox
    lab: AirflowLab
    folder: Path
    staging: Path
    variables: dict[str, str]

    def counts(self, point: Point) -> dict[str, int]:
        """Return how often each alert came."""
        return self.sandbox.devo.tables.ids(point.target, "alert_id").counts

    def tries(self, point: Point) -> list[int]:
        """Return the number of tries of each task in the interval in which the stream was struck."""
        run = self.lab.runs(point.name)[point.interval]
        return [task["try_number"] for task in self.lab.tasks(point.name, run["run_id"])]


@pytest.fixture(scope="module")
def world(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("plan")
    home = tmp_path_factory.mktemp("airflow")
    plan = write_plan(folder, POINTS)
    with Sandbox() as sandbox:
        publish(sandbox, POINTS)
        with strikes(sandbox, folder, POINTS) as connections:
            environment = {**sandbox.airflow_connections(), **connections, **DETECTION, "KILL_PLAN": str(plan)}
            dags = Path(__file__).with_name("kill_dags")
            with AirflowLab(home, dags, database=postgres.database("kill"), environment=environment) as lab:
                for point in POINTS:
                    lab.unpause(point.name)
                for point in POINTS:
                    lab.wait_for_runs(point.name, 2, timeout_s=TIMEOUT_S)
                yield World(sandbox, lab, folder, home / "flashpoint", lab.variables())


def each_point(*kinds: str) -> Any:
    """Run a test for each stream, all or those of a kind."""
    chosen = [point for point in POINTS if not kinds or point.kind in kinds]
    return pytest.mark.parametrize("point", [pytest.param(point, id=point.name) for point in chosen])


@each_point()
def test_the_task_ended_where_it_should_and_airflow_ran_it_again(world: World, point: Point) -> None:
    """The point was met, and only by Airflow's own retry could the run succeed."""
    assert (world.folder / f"{point.name}.struck").exists()
    assert max(world.tries(point)) > 1


@each_point("alerts")
def test_no_alert_is_lost(world: World, point: Point) -> None:
    """Each alert of Flashpoint is in the table, and nothing else is."""
    verdict = judge_alerts(world.sandbox, point.target, since=point.start, until=point.end)
    assert verdict.served > 2 * DEFAULT_BATCH_RECORDS
    assert not verdict.lost
    assert not verdict.unexpected


@each_point("alerts")
def test_one_batch_of_alerts_is_repeated_at_most(world: World, point: Point) -> None:
    """No alert came more than twice, and no more of them twice than the pages of one batch hold."""
    counts = world.counts(point)
    assert max(counts.values()) <= 2
    assert sum(count - 1 for count in counts.values()) < DEFAULT_BATCH_RECORDS + PAGE


@each_point("alerts")
def test_every_event_is_a_whole_line_with_its_id(world: World, point: Point) -> None:
    """A line that was torn is no event, and a repetition is known by the id of its alert."""
    assert world.sandbox.devo.tables.ids(point.target, "alert_id").without == 0


@each_point("lookup")
def test_the_lookup_holds_the_newest_version_of_every_indicator(world: World, point: Point) -> None:
    """Each key of Flashpoint is in the lookup once, in its newest version, and nothing else is."""
    assert_lookup_is_good(world, point)


@each_point()
def test_the_state_tells_all_that_was_delivered(world: World, point: Point) -> None:
    """The checkpoint is at the end of the last interval; a lookup that was New is Created."""
    name = event_variable(point.target) if point.kind == "alerts" else lookup_variable(point.target)
    state = json.loads(world.variables[name])
    assert state["to_checkpoint_time"] == format_instant(point.end)
    assert state.get("status", "Created") == "Created"


def test_no_unfinished_stage_is_left(world: World) -> None:
    """What a killed pull had staged is gone with the next stage of its window."""
    stages = [stage for window in (world.staging / "indicators" / "domain").iterdir() for stage in window.iterdir()]
    assert stages
    assert [stage for stage in stages if not (stage / "manifest.json").exists()] == []


def test_rerunning_what_was_killed_changes_nothing_at_the_sink(world: World) -> None:
    """The ledgers know all that the killed tries delivered, and nothing that they left stands in the way."""
    lab = world.lab
    before = {point: (world.tries(point), world.counts(point).copy()) for point in POINTS}
    for point in POINTS:
        lab.clear(point.name, lab.runs(point.name)[point.interval]["run_id"])
    for point, (tries, counts) in before.items():
        lab.wait_until(lambda: sum(world.tries(point)) > sum(tries), TIMEOUT_S, "another try")  # noqa: B023
        lab.wait_for_runs(point.name, 2, timeout_s=TIMEOUT_S)
        if point.kind == "alerts":
            assert world.counts(point) == counts
        else:
            assert_lookup_is_good(world, point)


def assert_lookup_is_good(world: World, point: Point) -> None:
    verdict = judge_lookup(
        world.sandbox,
        point.target,
        indicator_type="domain",
        key="value.domain",
        since=point.start,
        until=point.end,
    )
    assert verdict.served > 1000
    assert verdict.is_good, verdict
