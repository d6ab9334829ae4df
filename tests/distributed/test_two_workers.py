"""The shipped DAGs on two workers that share no disk, checked by the content of Devo."""

from __future__ import annotations

import json

import pytest

from airflow_provider_flashpoint.core.window import format_instant
from tests.distributed.conftest import GENERATION, PERIODS, SHIPPED, TYPES, World
from tests.distributed.worker import Worker

pytestmark = [pytest.mark.airflow, pytest.mark.distributed]


def tasks_of(worker: Worker, prefix: str) -> set[tuple[str, str]]:
    """Return the run and the rest of the task id for each task of the worker whose id starts with ``prefix``."""
    return {(each.run_id, each.task_id[len(prefix) :]) for each in worker.attempts() if each.task_id.startswith(prefix)}


def test_every_stage_was_pulled_on_another_machine(world: World) -> None:
    """In every run, pulls of indicators run on the first worker and syncs on the second."""
    synced = tasks_of(world.second, "sync_")
    assert len(synced) >= PERIODS * len(TYPES)
    assert synced <= tasks_of(world.first, "pull_")
    assert not tasks_of(world.first, "sync_")
    assert {task for _, task in tasks_of(world.second, "pull_")} <= {"alerts"}


def test_each_dag_ran_by_its_schedule_and_in_a_backfill(world: World) -> None:
    """Each DAG ran by its schedule, and in a backfill of every period."""
    for dag_id in SHIPPED.dags:
        kinds = [run["run_type"] for run in world.lab.runs(dag_id)]
        assert kinds.count("backfill") == PERIODS
        assert kinds.count("scheduled") >= 1


@pytest.mark.parametrize("kind", TYPES)
def test_each_lookup_holds_the_newest_version_of_every_indicator(world: World, kind: str) -> None:
    """Each key of Flashpoint is in the lookup once, in its newest version, and nothing else is."""
    verdict = SHIPPED.lookup(world.sandbox, kind)
    assert verdict.served > 100
    assert verdict.is_good, verdict


def test_every_alert_arrives_exactly_once(world: World) -> None:
    """No alert is lost or arrives twice, whichever machine delivers it."""
    verdict = SHIPPED.alerts(world.sandbox, since=world.start, until=world.end)
    counts = world.sandbox.devo.tables.ids(SHIPPED.tag, GENERATION.alerts.id_field).counts
    assert verdict.served == 300
    assert not verdict.lost
    assert max(counts.values()) == 1


def test_the_checkpoints_are_at_the_end_of_the_last_period(world: World) -> None:
    """Each state, which all machines share, has a checkpoint at the end of the last period or later."""
    variables = world.lab.variables()
    for name in SHIPPED.variables:
        assert json.loads(variables[name])["to_checkpoint_time"] >= format_instant(world.end)


def test_stages_and_ledgers_are_in_the_object_store(world: World) -> None:
    """The bucket has the stages, the ledgers of the lookups, and the ledger of the events."""
    keys = world.cluster.store.keys()
    assert [key for key in keys if key.endswith("/manifest.json")]
    assert [key for key in keys if key.endswith(".versions")]
    assert [key for key in keys if key.endswith(".ids")]


def test_a_worker_keeps_only_logs(world: World) -> None:
    """No stage, ledger or temporary file remains on the disk of a machine."""
    for worker in (world.first, world.second):
        assert not (worker.home / "flashpoint").exists()
        assert [file for file in (worker.home / "tmp").rglob("*") if file.is_file()] == []
