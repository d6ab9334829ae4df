"""Lookups are built and updated over each transport, and a build that failed half-way is started again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.config import default_lookup_name, parse_collector_config
from airflow_provider_flashpoint.core.state import LookupState, LookupStatus
from sandbox.dataset.documents import indicators
from sandbox.devo.lookups.jobs import JobPlan
from sandbox.devo.settings import DevoSettings
from sandbox.devo.syslog_faults import SyslogFault
from sandbox.sandbox import Sandbox
from sandbox.verdict import judge_lookup
from tests.conftest import RunDag, lookup_variable, sandbox_key

pytestmark = pytest.mark.airflow

PERIOD = timedelta(minutes=5)
START = datetime(2026, 1, 1, tzinfo=UTC)
TYPE = "domain"
KEY = f"value.{TYPE}"
NAME = default_lookup_name(TYPE)
COUNT = 400


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(devo=DevoSettings(directory=tmp_path_factory.mktemp("certificates"), job_polls=0)) as running:
        yield running


@pytest.fixture
def sandbox(_running: Sandbox) -> Iterator[Sandbox]:
    """Both services; Flashpoint has indicators of two periods, many of them hostile, and Devo has nothing."""
    _running.flashpoint.store.publish_indicators(
        indicators(5, COUNT, START, START + 2 * PERIOD, types=(TYPE,), with_large_value=True)
    )
    yield _running
    _running.devo.syslog_faults.clear()
    _running.devo.lookups.clear()
    _running.devo.tables.clear()


@pytest.fixture
def connect(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that sets both connections, Devo's with more extra fields."""

    def run(**extra: Any) -> None:
        for name, text in sandbox.airflow_connections().items():
            fields = json.loads(text)
            if "DEVO" in name:
                fields["extra"].update(extra)
            monkeypatch.setenv(name, json.dumps(fields))

    return run


def dag_of(staging: Path, lookup_status: str) -> Any:
    from airflow_provider_flashpoint.dag_factory import indicator_dag

    config = parse_collector_config({
        "flashpoint_indicator": {
            "initial_start_time": START.isoformat(),
            "request_period_in_seconds": int(PERIOD.total_seconds()),
            "staging_uri": staging.as_uri(),
            "lookups": [{TYPE: {"lookup_key": KEY, "lookup_status": lookup_status}}],
        }
    })
    assert config.indicators
    return indicator_dag(config.indicators)


def state() -> LookupState:
    from airflow.models.variable import Variable

    return LookupState.from_json(Variable.get(lookup_variable(sandbox_key(NAME))), name=NAME)


@pytest.fixture
def run(
    sandbox: Sandbox, run_dag: RunDag, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Any]]:
    """A function that runs the indicator DAG for a window and returns the state of its run.

    The parameter is the status of a lookup without a state.
    """
    from airflow.models.variable import Variable

    dag = dag_of(tmp_path, getattr(request, "param", "New"))
    number = 0

    def run_window(start: datetime, end: datetime, **conf: Any) -> Any:
        nonlocal number
        number += 1
        window = {"from": start.isoformat(), "to": end.isoformat()}
        return run_dag(dag, START + timedelta(hours=number), conf={**window, **conf}).state

    yield run_window
    Variable.delete(lookup_variable(sandbox_key(NAME)))


def test_syslog_builds_and_updates_a_lookup(
    sandbox: Sandbox, connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    """Over syslog the first run builds the lookup, the next appends to it, and each key has its newest version."""
    connect(lookup_transport="syslog", lookup_pause_s=0)
    sandbox.devo.syslog_faults.add(SyslogFault("reset", after_bytes=50_000))
    assert run(START, START + PERIOD) == "success"
    sandbox.flashpoint.store.touch_indicators(count=20, types=(TYPE,))
    assert run(START + PERIOD, datetime.now(UTC) + PERIOD) == "success"
    verdict = judge_lookup(sandbox, NAME, indicator_type=TYPE)
    assert verdict.served > COUNT / 2
    assert verdict.is_good, verdict
    assert [job.operation for job in sandbox.devo.lookups[NAME].jobs] == ["create", "append"]
    assert state().status is LookupStatus.CREATED


def test_rebuild_that_failed_half_way_is_started_again(
    sandbox: Sandbox, connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    """If a part of a rebuild fails, the status stays New, so that the next run rebuilds and does not append."""
    connect(max_csv_bytes=400_000)
    end = START + 2 * PERIOD
    assert run(START, end) == "success"
    parts = len(sandbox.devo.lookups[NAME].jobs)
    assert parts >= 3
    sandbox.devo.lookups.plan_jobs(JobPlan(), JobPlan(failure="out of space"))
    assert run(START, end, lookup_status="New") == "failed"
    assert not judge_lookup(sandbox, NAME, indicator_type=TYPE).is_good
    assert state().status is LookupStatus.NEW
    assert run(START, end) == "success"
    assert judge_lookup(sandbox, NAME, indicator_type=TYPE).is_good
    assert state().status is LookupStatus.CREATED
    assert [job.operation for job in sandbox.devo.lookups[NAME].jobs][-parts:] == ["replace"] + ["append"] * (parts - 1)


@pytest.mark.parametrize("run", ["New", "Created"], indirect=True)
def test_first_build_that_failed_half_way_is_started_again(
    sandbox: Sandbox, connect: Callable[..., None], run: Callable[..., Any]
) -> None:
    """A run does not append to an unfinished build, whichever status the configuration gives the lookup."""
    connect(max_csv_bytes=400_000)
    sandbox.devo.lookups.plan_jobs(JobPlan(), JobPlan(failure="out of space"))
    assert run(START, START + 2 * PERIOD, lookup_status="New") == "failed"
    assert run(START, START + 2 * PERIOD) == "success"
    assert [job.operation for job in sandbox.devo.lookups[NAME].jobs][:3] == ["create", "append", "replace"]
