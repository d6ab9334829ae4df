"""A machine dies in mid-job, with its worker and all that it ran; Airflow's own retry completes the job on another."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from airflow_provider_flashpoint.core.pipelines.deliver import DeliverySettings
from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.operators.pull_alerts import DEFAULT_TAG
from sandbox.dataset.documents import alerts, indicators
from sandbox.devo.syslog_faults import SyslogFault
from sandbox.http_service.faults import Fault
from sandbox.verdict import judge_alerts, judge_lookup
from tests.distributed.conftest import ALERT_DAG, INDICATOR_DAG, NAMES, PAGE_SIZE, PERIOD, RUNS_TIMEOUT_S, TYPES, World
from tests.distributed.worker import Try, Worker

pytestmark = [pytest.mark.airflow, pytest.mark.distributed]

DEFAULT_BATCH_RECORDS = DeliverySettings.__dataclass_fields__["batch_records"].default
_BEFORE = timedelta(days=1)  # no scheduled run reads what lies so far back
_ALERTS = 2500
_INDICATORS = 1000


class Hold(threading.Event):
    """What a stall of the sandbox waits for. It tells when the stall has begun; `set` ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set."""
        self.begun.set()
        return super().wait(timeout)


@dataclass(frozen=True)
class Death:
    """A task whose machine died in mid-job."""

    dag_id: str
    run_id: str
    task_id: str
    machine: Worker

    def rerun_on(self, world: World) -> list[Worker]:
        """Return the machines that ran the task's second try."""
        return [worker for worker in world.cluster.workers if self._try(2) in worker.tries()]

    def _try(self, number: int) -> Try:
        return Try(self.dag_id, self.run_id, self.task_id, number)

    @classmethod
    def at(cls, hold: Hold, world: World, dag_id: str, run_id: str, task_id: str) -> Death:
        """Wait until a task is held, and kill its machine."""
        world.lab.wait_until(hold.begun.is_set, RUNS_TIMEOUT_S, f"{task_id} to be held")
        machine = next(worker for worker in world.cluster.workers if Try(dag_id, run_id, task_id, 1) in worker.tries())
        machine.kill()
        hold.set()
        return cls(dag_id, run_id, task_id, machine)


def window(start: datetime) -> Mapping[str, str]:
    """Return the run's configuration that asks for one period."""
    return {"from": format_instant(start), "to": format_instant(start + PERIOD)}


@pytest.fixture(scope="module")
def alert_death(world: World) -> Death:
    """The death of a machine from which Devo has one batch of alerts and a part of the next; nobody replaces it."""
    start = world.start - _BEFORE
    world.sandbox.flashpoint.store.publish_alerts(alerts(6, _ALERTS, start, start + PERIOD))
    hold = Hold()
    # The setup connects first, then each batch; a run of the schedule may be among them.
    stall = SyslogFault("stall", after_bytes=200_000, released=hold)
    world.sandbox.devo.syslog_faults.add(None, None, stall, stall, stall)
    run_id = world.lab.trigger(ALERT_DAG, window(start))
    death = Death.at(hold, world, ALERT_DAG, run_id, "pull_alerts")
    world.lab.wait_for_run(ALERT_DAG, run_id, timeout_s=RUNS_TIMEOUT_S)
    world.cluster.add_worker(death.machine.queues)
    return death


@pytest.fixture(scope="module")
def indicator_deaths(world: World, alert_death: Death) -> list[Death]:
    """The deaths of the machine that pulls and of the one that syncs, in one run; new ones take their places."""
    start = world.start - _BEFORE
    store, kind = world.sandbox.flashpoint.store, TYPES[0]
    store.publish_indicators(indicators(6, _INDICATORS, start, start + PERIOD, types=TYPES))
    pulling, uploading = Hold(), Hold()
    until = format_instant(start + PERIOD)
    asked = rf"types={kind}.*until={until}|until={until}.*types={kind}"
    world.sandbox.flashpoint.faults.add(Fault("stall", match=asked, skip=2, released=pulling))
    upload = rf"/{NAMES[kind]}/deploy-csv"
    world.sandbox.devo.faults.add(Fault("stall", match=upload, after_received_bytes=20_000, released=uploading))
    run_id = world.lab.trigger(INDICATOR_DAG, window(start))
    deaths = []
    for hold, task_id in ((pulling, f"pull_{kind}"), (uploading, f"sync_{kind}")):
        deaths.append(Death.at(hold, world, INDICATOR_DAG, run_id, task_id))
        world.cluster.add_worker(deaths[-1].machine.queues)
    world.lab.wait_for_run(INDICATOR_DAG, run_id, timeout_s=RUNS_TIMEOUT_S)
    return deaths


def test_the_surviving_worker_takes_over_the_delivery_of_alerts(world: World, alert_death: Death) -> None:
    """The second try ran on the other machine, to which nothing of the first was left but the object store."""
    assert [worker.name for worker in alert_death.rerun_on(world)] == [
        worker.name for worker in (world.first, world.second) if worker is not alert_death.machine
    ]


def test_after_a_machine_died_no_alert_is_lost(world: World, alert_death: Death) -> None:
    """Each alert of Flashpoint is in the table, and nothing else is."""
    verdict = judge_alerts(world.sandbox, DEFAULT_TAG)
    assert verdict.served > 2 * DEFAULT_BATCH_RECORDS
    assert not verdict.lost
    assert not verdict.unexpected


def test_a_machine_that_dies_repeats_one_batch_of_alerts_at_most(world: World, alert_death: Death) -> None:
    """No alert came more than twice, and no more of them twice than the pages of one batch hold."""
    counts = world.sandbox.devo.tables.ids(DEFAULT_TAG, "alert_id").counts
    assert max(counts.values()) <= 2
    assert sum(count - 1 for count in counts.values()) < DEFAULT_BATCH_RECORDS + PAGE_SIZE


def test_new_machines_take_over_pull_and_sync(world: World, indicator_deaths: list[Death]) -> None:
    """The second try of each ran on the machine that came in place of the dead one, with an empty disk."""
    assert len({death.machine.name for death in indicator_deaths}) == 2
    for death in indicator_deaths:
        (replacement,) = death.rerun_on(world)
        assert replacement is not death.machine
        assert replacement.queues == death.machine.queues


@pytest.mark.parametrize("kind", TYPES)
def test_after_machines_died_each_lookup_holds_the_newest_version_of_every_indicator(
    world: World, indicator_deaths: list[Death], kind: str
) -> None:
    """Each key of Flashpoint is in the lookup once, in its newest version, and nothing else is."""
    verdict = judge_lookup(world.sandbox, NAMES[kind], indicator_type=kind, key=f"value.{kind}")
    assert verdict.served > 500
    assert verdict.is_good, verdict
