"""A machine dies with its worker and all running tasks; a retry of Airflow completes the task on another machine."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from airflow_provider_flashpoint.core.pipelines.deliver_ports import DeliverySettings
from airflow_provider_flashpoint.core.window import format_instant
from sandbox.devo.syslog_faults import SyslogFault
from sandbox.http_service.faults import Fault
from tests.distributed.conftest import GENERATION, PAGE_SIZE, PERIOD, RUNS_TIMEOUT_S, SHIPPED, TYPES, World
from tests.distributed.worker import Attempt, Worker

pytestmark = [pytest.mark.airflow, pytest.mark.distributed]

DEFAULT_BATCH_RECORDS = DeliverySettings.__dataclass_fields__["batch_records"].default
_BEFORE = timedelta(days=1)  # no scheduled run reads data of that time
_ALERTS = 2500
_INDICATORS = 1000


class Hold(threading.Event):
    """An event for a stall of the sandbox to wait for. `begun` is set when the stall begins; `set` ends the stall."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        """Report the begin of the stall, and wait until the event is set."""
        self.begun.set()
        return super().wait(timeout)


@dataclass(frozen=True)
class Death:
    """A task whose machine was killed while the task ran."""

    dag_id: str
    run_id: str
    task_id: str
    machine: Worker

    def rerun_on(self, world: World) -> list[Worker]:
        """Return the machines that ran the second attempt of the task."""
        attempt = Attempt(self.dag_id, self.run_id, self.task_id, number=2)
        return [worker for worker in world.cluster.workers if attempt in worker.attempts()]

    @classmethod
    def at(cls, hold: Hold, world: World, dag_id: str, run_id: str, task_id: str) -> Death:
        """Wait until a task is stalled, and kill its machine."""
        world.lab.wait_until(hold.begun.is_set, RUNS_TIMEOUT_S, f"{task_id} to stall")
        attempt = Attempt(dag_id, run_id, task_id, number=1)
        machine = next(worker for worker in world.cluster.workers if attempt in worker.attempts())
        machine.kill()
        hold.set()
        return cls(dag_id, run_id, task_id, machine)


def window(start: datetime) -> Mapping[str, str]:
    """Return the configuration of a run that reads one period."""
    return {"from": format_instant(start), "to": format_instant(start + PERIOD)}


@pytest.fixture(scope="module")
def alert_death(world: World) -> Death:
    """The death of a machine that had sent one batch of alerts and a part of the next; the retry ends without it."""
    start = world.start - _BEFORE
    GENERATION.alerts.publish(world.sandbox.flashpoint.store, 6, _ALERTS, start, start + PERIOD)
    hold = Hold()
    # The setup makes the first connections, then each batch makes one; a scheduled run may do so too.
    stall = SyslogFault("stall", after_bytes=200_000, released=hold)
    world.sandbox.devo.syslog_faults.add(None, None, stall, stall, stall)
    run_id = world.lab.trigger(SHIPPED.alert_dag, window(start))
    death = Death.at(hold, world, SHIPPED.alert_dag, run_id, "pull_alerts")
    world.lab.wait_for_run(SHIPPED.alert_dag, run_id, timeout_s=RUNS_TIMEOUT_S)
    world.cluster.add_worker(death.machine.queues)
    return death


@pytest.fixture(scope="module")
def indicator_deaths(world: World, alert_death: Death) -> list[Death]:
    """The deaths of the machine that pulls and of the one that syncs, in one run; both are replaced."""
    start = world.start - _BEFORE
    store, kind = world.sandbox.flashpoint.store, TYPES[0]
    GENERATION.indicators.publish(store, 6, _INDICATORS, start, start + PERIOD, types=TYPES)
    pulling, uploading = Hold(), Hold()
    hours = "|".join(f"{hour:%Y-%m-%dT%H}" for hour in (start, start + PERIOD))
    page = rf"(?=.*{GENERATION.type_parameter}={kind}\b)(?=.*{GENERATION.end_parameter}=({hours}))"
    world.sandbox.flashpoint.faults.add(Fault("stall", match=page, skip=2, released=pulling))
    upload = rf"/{SHIPPED.lookup_name(kind)}/deploy-csv"
    world.sandbox.devo.faults.add(Fault("stall", match=upload, after_received_bytes=20_000, released=uploading))
    run_id = world.lab.trigger(SHIPPED.indicator_dag, window(start))
    deaths = []
    for hold, task_id in ((pulling, f"pull_{kind}"), (uploading, f"sync_{kind}")):
        deaths.append(Death.at(hold, world, SHIPPED.indicator_dag, run_id, task_id))
        world.cluster.add_worker(deaths[-1].machine.queues)
    world.lab.wait_for_run(SHIPPED.indicator_dag, run_id, timeout_s=RUNS_TIMEOUT_S)
    return deaths


def test_the_surviving_worker_takes_over_the_delivery_of_alerts(world: World, alert_death: Death) -> None:
    """The second attempt runs on the other machine, which shares only the object store with the first."""
    assert [worker.name for worker in alert_death.rerun_on(world)] == [
        worker.name for worker in (world.first, world.second) if worker is not alert_death.machine
    ]


def test_after_a_machine_died_no_alert_is_lost(world: World, alert_death: Death) -> None:
    """Each alert of Flashpoint is in the table, and nothing else is."""
    verdict = SHIPPED.alerts(world.sandbox)
    assert verdict.served > 2 * DEFAULT_BATCH_RECORDS
    assert not verdict.lost
    assert not verdict.unexpected


def test_a_dead_machine_repeats_at_most_one_batch_of_alerts(world: World, alert_death: Death) -> None:
    """No alert arrives more than twice, and no more alerts arrive twice than the pages of one batch contain."""
    counts = world.sandbox.devo.tables.ids(SHIPPED.tag, GENERATION.alerts.id_field).counts
    assert max(counts.values()) <= 2
    assert sum(count - 1 for count in counts.values()) < DEFAULT_BATCH_RECORDS + PAGE_SIZE


def test_new_machines_take_over_pull_and_sync(world: World, indicator_deaths: list[Death]) -> None:
    """The second attempt of each task runs on the replacement of the dead machine, which has an empty disk."""
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
    verdict = SHIPPED.lookup(world.sandbox, kind)
    assert verdict.served > 500
    assert verdict.is_good, verdict
