"""Workers killed at 20 seeded points, under a real scheduler that runs their tasks again; judged at the sink."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_flashpoint.core.deliver import DEFAULT_BATCH_RECORDS
from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.sandbox.sandbox import Sandbox
from airflow_provider_flashpoint.sandbox.verdict import judge_alerts, judge_lookup
from airflow_provider_flashpoint.state_store import alerts_variable, lookup_variable
from demo.airflow_lab import AirflowLab
from demo.airflow_lab.postgresql import PostgresServer
from tests.postgresql.kills import Point, draw_points, lay_strikes, publish, write_plan

pytestmark = [pytest.mark.airflow, pytest.mark.postgresql]

SEED = 3
# On the older line a part of them, for the sake of time: each moment that has a code path of its own.
FEWER = (1, 4, 7, 9, 13, 15, 18)
POINTS = draw_points(SEED, datetime.now(UTC))
PAGE = 100
# How soon Airflow finds out that a whole worker is gone: it takes minutes by default. Both lines have their names.
DETECTION = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__LOCAL_TASK_JOB_HEARTBEAT_SEC": "1",
}


def _on_this_line() -> list[Point]:
    from airflow import __version__

    return [POINTS[number] for number in FEWER] if __version__.startswith("2.") else POINTS


@dataclass(frozen=True)
class Killed:
    """What a lab left after every stream was killed once and both its intervals have run."""

    sandbox: Sandbox
    lab: AirflowLab
    folder: Path
    staging: Path
    variables: dict[str, str]


@pytest.fixture(scope="module")
def killed(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    points = _on_this_line()
    folder = tmp_path_factory.mktemp("plan")
    home = tmp_path_factory.mktemp("airflow")
    plan = write_plan(folder, points)
    with Sandbox() as sandbox:
        publish(sandbox, points)
        strikes, connections = lay_strikes(sandbox, folder, points)
        environment = {**sandbox.airflow_connections(), **connections, **DETECTION, "KILL_PLAN": str(plan)}
        dags = Path(__file__).with_name("kill_dags")
        with strikes, AirflowLab(home, dags, database=postgres.database("kill"), environment=environment) as lab:
            for point in points:
                lab.unpause(point.name)
            for point in points:
                lab.wait_for_runs(point.name, 2, timeout_s=300)
            yield Killed(sandbox, lab, folder, home / "flashpoint", lab.variables())


def each_point(kind: str | None = None) -> Any:
    chosen = [point for point in _on_this_line() if kind in (None, point.kind)]
    return pytest.mark.parametrize("point", [pytest.param(point, id=point.name) for point in chosen])


@each_point()
def test_the_process_was_killed_and_airflow_ran_the_task_again(killed: Killed, point: Point) -> None:
    """The point was struck, and only by Airflow's own retry could both runs succeed."""
    assert (killed.folder / f"{point.name}.struck").exists()
    tries = [
        task["try_number"]
        for run in killed.lab.runs(point.name)
        for task in killed.lab.tasks(point.name, run["run_id"])
    ]
    assert max(tries) > 1


@each_point("alerts")
def test_after_a_kill_no_alert_is_lost(killed: Killed, point: Point) -> None:
    """Each alert of Flashpoint is in the table, and nothing else is."""
    verdict = judge_alerts(killed.sandbox, point.target, since=point.start, until=point.end)
    assert verdict.served > 2 * DEFAULT_BATCH_RECORDS
    assert not verdict.lost
    assert not verdict.unexpected


@each_point("alerts")
def test_a_kill_repeats_one_batch_of_alerts_at_most(killed: Killed, point: Point) -> None:
    """No alert came more than twice, and no more of them twice than the pages of one batch hold."""
    counts = killed.sandbox.devo.tables.ids(point.target, "alert_id").counts
    assert max(counts.values()) <= 2
    assert sum(count - 1 for count in counts.values()) < DEFAULT_BATCH_RECORDS + PAGE


@each_point("alerts")
def test_a_line_torn_by_a_kill_is_no_event(killed: Killed, point: Point) -> None:
    """Every event is whole, and carries the id by which a repetition is known."""
    assert killed.sandbox.devo.tables.ids(point.target, "alert_id").without == 0


@each_point("lookup")
def test_after_a_kill_the_lookup_holds_the_newest_version_of_every_indicator(killed: Killed, point: Point) -> None:
    """Each key of Flashpoint is in the lookup once, in its newest version, and nothing else is."""
    verdict = judge_lookup(
        killed.sandbox,
        point.target,
        indicator_type="domain",
        key="value.domain",
        since=point.start,
        until=point.end,
    )
    assert verdict.served > 1000
    assert verdict.is_good, verdict


@each_point()
def test_after_a_kill_the_state_tells_all_that_was_delivered(killed: Killed, point: Point) -> None:
    """The checkpoint is at the end of the last interval; a lookup that was New is Created."""
    name = alerts_variable(point.target) if point.kind == "alerts" else lookup_variable(point.target)
    state = json.loads(killed.variables[name])
    assert state["to_checkpoint_time"] == format_instant(point.end)
    assert state.get("status", "Created") == "Created"


def test_no_unfinished_stage_is_left(killed: Killed) -> None:
    """What a killed pull had staged is gone with the next stage of its window."""
    stages = [stage for window in (killed.staging / "indicators" / "domain").iterdir() for stage in window.iterdir()]
    assert stages
    assert [stage for stage in stages if not (stage / "manifest.json").exists()] == []
