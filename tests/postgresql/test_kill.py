"""Tasks that are killed at seeded points, or otherwise ended, and retried by a real scheduler; Devo is checked.

All 20 points are those of the legacy API, some of them those of Ignite too: what follows a pull is the same for all API
generations. Airflow 2.11 runs a part of the points only, to save time.
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

from airflow_provider_flashpoint.core.pipelines.deliver_ports import DeliverySettings
from airflow_provider_flashpoint.core.stream_key import StreamKey
from airflow_provider_flashpoint.core.window import format_instant
from demo.airflow_lab import AirflowLab
from demo.airflow_lab.postgresql import PostgresServer
from sandbox.generations import GENERATIONS, IGNITE_V1, IGNITE_V2, LEGACY
from sandbox.sandbox import Sandbox
from sandbox.verdict import judge_alerts, judge_lookup
from tests.conftest import event_variable, lookup_variable
from tests.postgresql.interruptions import interruptions
from tests.postgresql.kills import (
    PAGE,
    TYPE,
    Point,
    draw_points,
    other_interruptions,
    publish,
    with_page_sizes,
    write_plan,
)

pytestmark = [pytest.mark.airflow, pytest.mark.postgresql]

SEED = 3
ON_AIRFLOW_3 = {LEGACY: range(20), IGNITE_V1: (2, 12), IGNITE_V2: (1, 4, 7, 9, 12, 13, 15, 18)}
ON_AIRFLOW_2 = {LEGACY: (1, 7, 13, 18), IGNITE_V1: (12,), IGNITE_V2: (4, 9, 15)}
DEFAULT_BATCH_RECORDS = DeliverySettings.__dataclass_fields__["batch_records"].default
TIMEOUT_S = 600.0
# Airflow detects a dead worker in seconds with these, instead of minutes. The names differ between the two lines.
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
    # On Airflow 2 an orphaned task overwrites the state of its next attempt when it ends.
    others = other_interruptions(datetime.now(UTC), orphans=not is_airflow_2)
    points = [*others]
    for generation, numbers in (ON_AIRFLOW_2 if is_airflow_2 else ON_AIRFLOW_3).items():
        points += draw_points(SEED, min(point.start for point in points), generation, numbers)
    return with_page_sizes(points)


POINTS = _points()


@dataclass(frozen=True)
class World:
    """A lab in which every stream was interrupted once, and both its intervals have run."""

    sandbox: Sandbox
    lab: AirflowLab
    folder: Path
    staging: Path
    variables: dict[str, str]

    def counts(self, point: Point) -> dict[str, int]:
        """Return how often each alert arrived."""
        return self.sandbox.devo.tables.ids(point.target, point.generation.alerts.id_field).counts

    def attempts(self, point: Point) -> list[int]:
        """Return the number of attempts of each task in the interval in which the stream was interrupted."""
        run = self.lab.runs(point.name)[point.interval]
        return [task["try_number"] for task in self.lab.tasks(point.name, run["run_id"])]


@pytest.fixture(scope="module")
def world(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("plan")
    home = tmp_path_factory.mktemp("airflow")
    plan = write_plan(folder, POINTS)
    with Sandbox() as sandbox:
        publish(sandbox, POINTS)
        with interruptions(sandbox, folder, POINTS) as connections:
            environment = {
                **sandbox.airflow_connections(),
                **flashpoint_connections(sandbox),
                **connections,
                **DETECTION,
                "KILL_PLAN": str(plan),
            }
            dags = Path(__file__).with_name("kill_dags")
            with AirflowLab(home, dags, database=postgres.database("kill"), environment=environment) as lab:
                for point in POINTS:
                    lab.unpause(point.name)
                for point in POINTS:
                    lab.wait_for_runs(point.name, 2, timeout_s=TIMEOUT_S)
                yield World(sandbox, lab, folder, home / "flashpoint", lab.variables())


def flashpoint_connections(sandbox: Sandbox) -> dict[str, str]:
    """Return the environment variables of a connection to Flashpoint for each API generation."""
    return {
        f"AIRFLOW_CONN_FLASHPOINT_{api.upper()}": json.dumps(sandbox.flashpoint.airflow_connection(api))
        for api in GENERATIONS
    }


def each_point(*kinds: str) -> Any:
    """Run a test for each stream, or for each stream of the given kinds."""
    chosen = [point for point in POINTS if not kinds or point.kind in kinds]
    return pytest.mark.parametrize("point", [pytest.param(point, id=point.name) for point in chosen])


@each_point()
def test_the_task_was_interrupted_at_its_point_and_retried(world: World, point: Point) -> None:
    """The interruption happened, and the run succeeded by a retry of Airflow."""
    run = world.lab.runs(point.name)[point.interval]
    logs = [world.lab.task_log(point.name, run["run_id"], task) for task in ("pull_alerts", "pull", "sync")]
    assert (world.folder / f"{point.name}.interrupted").exists(), "\n".join(logs)
    assert max(world.attempts(point)) > 1, "\n".join(logs)


@each_point("alerts")
def test_no_alert_is_lost(world: World, point: Point) -> None:
    """Each alert of Flashpoint is in the table, and nothing else is."""
    verdict = judge_alerts(world.sandbox, point.target, since=point.start, until=point.end, generation=point.generation)
    assert verdict.served > 2 * DEFAULT_BATCH_RECORDS
    assert not verdict.lost
    assert not verdict.unexpected


@each_point("alerts")
def test_at_most_one_batch_of_alerts_is_repeated(world: World, point: Point) -> None:
    """No alert arrives more than twice, and no more alerts arrive twice than the pages of one batch contain."""
    counts = world.counts(point)
    assert max(counts.values()) <= 2
    assert sum(count - 1 for count in counts.values()) < DEFAULT_BATCH_RECORDS + PAGE


@each_point("alerts")
def test_every_event_is_a_whole_line_with_its_id(world: World, point: Point) -> None:
    """Every event is complete and has the id of its alert, by which a repetition is recognized."""
    assert world.sandbox.devo.tables.ids(point.target, point.generation.alerts.id_field).without == 0


@each_point("lookup")
def test_the_lookup_holds_the_newest_version_of_every_indicator(world: World, point: Point) -> None:
    """Each key of Flashpoint is in the lookup once, in its newest version, and nothing else is."""
    assert_lookup_is_good(world, point)


@each_point()
def test_the_state_covers_all_that_was_delivered(world: World, point: Point) -> None:
    """The checkpoint is the end of the last interval, and the status of a lookup is Created."""
    key = StreamKey(point.target, destination="sandbox", source=point.flashpoint_conn_id)
    name = event_variable(key) if point.kind == "alerts" else lookup_variable(key)
    state = json.loads(world.variables[name])
    assert state["to_checkpoint_time"] == format_instant(point.end)
    assert state.get("status", "Created") == "Created"


def test_no_unfinished_stage_is_left(world: World) -> None:
    """The next stage of a window removes the unfinished stage that a killed pull left in the same hour."""
    stages = {part.parent for part in (world.staging / "indicators").rglob("part-*")}
    unfinished = {stage for stage in stages if not (stage / "manifest.json").exists()}
    assert stages - unfinished
    assert {stage.parent for stage in unfinished}.isdisjoint(stage.parent for stage in stages - unfinished)


def test_rerunning_interrupted_runs_changes_nothing_in_devo(world: World) -> None:
    """The ledgers contain all that the interrupted attempts delivered, and their leftovers do no harm."""
    lab = world.lab
    before = {point: (world.attempts(point), world.counts(point).copy()) for point in POINTS}
    for point in POINTS:
        lab.clear(point.name, lab.runs(point.name)[point.interval]["run_id"])
    for point, (attempts, counts) in before.items():
        lab.wait_until(lambda: sum(world.attempts(point)) > sum(attempts), TIMEOUT_S, "another attempt")  # noqa: B023
        lab.wait_for_runs(point.name, 2, timeout_s=TIMEOUT_S)
        if point.kind == "alerts":
            assert world.counts(point) == counts
        else:
            assert_lookup_is_good(world, point)


def assert_lookup_is_good(world: World, point: Point) -> None:
    verdict = judge_lookup(
        world.sandbox,
        point.target,
        indicator_type=TYPE,
        since=point.start,
        until=point.end,
        generation=point.generation,
    )
    assert verdict.served > 1000
    assert verdict.is_good, verdict
