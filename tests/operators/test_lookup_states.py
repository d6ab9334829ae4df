"""Runs of the indicator DAG with no state, an invalid state, or a state that the run's configuration overrides."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.airflow_runtime.storage import stream
from airflow_provider_flashpoint.config import default_lookup_name
from airflow_provider_flashpoint.core.state import LookupState
from sandbox.generations import Generation
from sandbox.sandbox import Sandbox
from sandbox.verdict import judge_lookup
from tests.conftest import RunDag, lookup_variable, sandbox_key
from tests.operators.state_runs import (
    END,
    NONSENSE,
    PERIOD,
    START,
    TYPE,
    dag_of,
    explicit,
    failure,
    forget,
    remember,
    runner,
    services,
)

pytestmark = pytest.mark.airflow

NAME = default_lookup_name(TYPE)
IsComplete = Callable[[datetime], bool]
LOOKUP = lookup_variable(sandbox_key(NAME))


@pytest.fixture
def sandbox(airflow_database: None, monkeypatch: pytest.MonkeyPatch, generation: Generation) -> Iterator[Sandbox]:
    """Both services as Airflow connections; Flashpoint has data in four periods, Devo and Airflow have none."""
    with services(monkeypatch, generation) as running:
        yield running
    forget(LOOKUP)


@pytest.fixture
def run_indicators(run_dag: RunDag, tmp_path: Path, generation: Generation) -> Callable[..., str]:
    """A function that runs a period of the indicator DAG, by its number, and returns the state of the run."""
    return runner(dag_of("indicator", tmp_path, generation), run_dag)


def state() -> LookupState:
    from airflow.models.variable import Variable

    return LookupState.from_json(Variable.get(LOOKUP), name=LOOKUP)


def operations(sandbox: Sandbox) -> list[str]:
    return [str(job.operation) for job in sandbox.devo.lookups[NAME].jobs]


@pytest.fixture
def is_complete(sandbox: Sandbox, generation: Generation) -> IsComplete:
    """A function that returns whether the lookup holds the newest version of every key of the time before ``until``."""

    def check(until: datetime) -> bool:
        last = until - timedelta(seconds=1)
        verdict = judge_lookup(sandbox, NAME, indicator_type=TYPE, until=last, generation=generation)
        return not (verdict.missing or verdict.outdated)

    return check


# A missing state or ledger -------------------------------------------------------------------------------------------


def test_a_missing_state_rebuilds_the_whole_lookup(
    sandbox: Sandbox, run_indicators: Callable[..., str], is_complete: IsComplete
) -> None:
    """The next run reads from the initial start time and replaces the content of the lookup."""
    assert [run_indicators(number) for number in (0, 1)] == ["success", "success"]
    forget(LOOKUP)
    assert run_indicators(2) == "success"
    assert operations(sandbox) == ["create", "append", "replace"]
    assert is_complete(START + 3 * PERIOD)
    assert state().from_checkpoint_time == START


def test_a_missing_ledger_restores_no_old_value(
    sandbox: Sandbox,
    run_indicators: Callable[..., str],
    tmp_path: Path,
    is_complete: IsComplete,
    generation: Generation,
) -> None:
    """Without the ledger, or with a new one, an old window is read up to the checkpoint."""
    store, kind = sandbox.flashpoint.store, generation.indicators
    first = next(kind.make(5, 1, START, START + PERIOD, types=(TYPE,)))
    kind.add(store, [first, {**first, kind.id_field: "another"}])
    generation.touch(store, **{kind.id_field: "another"}, at=START + 2 * PERIOD + timedelta(seconds=1))
    assert run_indicators(3) == "success"
    shutil.rmtree(tmp_path / "lookups")
    assert run_indicators(0, **explicit(3, 4)) == "success"
    assert run_indicators(0) == "success"
    assert is_complete(END)


# An invalid state ----------------------------------------------------------------------------------------------------


def test_an_invalid_state_of_a_lookup_fails_at_once_and_says_how_to_reset(
    sandbox: Sandbox,
    run_indicators: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_complete: IsComplete,
    generation: Generation,
) -> None:
    """The task is not retried, nothing is sent, and the error contains the command that resets the state."""
    assert run_indicators(0) == "success"
    remember(LOOKUP, NONSENSE)
    assert run_indicators(1) == "failed"
    assert f"`airflow variables delete {LOOKUP}`" in failure(
        "pull_domain", dag_of("indicator", tmp_path, generation), LOOKUP, monkeypatch
    )
    assert operations(sandbox) == ["create"]
    forget(LOOKUP)
    assert run_indicators(1) == "success"
    assert is_complete(START + 2 * PERIOD)


# The run's configuration ---------------------------------------------------------------------------------------------


def test_forcing_new_rebuilds_an_existing_lookup_from_its_start(
    sandbox: Sandbox, run_indicators: Callable[..., str], is_complete: IsComplete
) -> None:
    """`{"lookup_status": "New"}` replaces the lookup, and the next run appends to it."""
    assert run_indicators(0) == "success"
    assert run_indicators(2, lookup_status="New") == "success"
    assert is_complete(START + 3 * PERIOD)
    assert run_indicators(3) == "success"
    assert operations(sandbox) == ["create", "replace", "append"]
    assert is_complete(END)


def test_forcing_new_in_an_old_run_removes_nothing(
    sandbox: Sandbox, run_indicators: Callable[..., str], is_complete: IsComplete
) -> None:
    """A rebuild reads up to the checkpoint, so the lookup keeps the rows of later runs."""
    assert [run_indicators(number) for number in (0, 3)] == ["success", "success"]
    assert run_indicators(1, lookup_status="New") == "success"
    assert operations(sandbox) == ["create", "append", "replace"]
    assert is_complete(END)
    assert (state().from_checkpoint_time, state().to_checkpoint_time) == (START, END)


def test_an_unknown_status_is_refused(sandbox: Sandbox, run_indicators: Callable[..., str]) -> None:
    """An unknown status in the run's configuration fails the run before anything is sent."""
    assert run_indicators(0, lookup_status="new") == "failed"
    assert not sandbox.devo.lookups.names()


def test_an_explicit_window_is_read_alone(
    sandbox: Sandbox, run_indicators: Callable[..., str], is_complete: IsComplete
) -> None:
    """A window after a gap delivers its rows and leaves the checkpoint, so that the next run reads the gap."""
    assert run_indicators(0) == "success"
    assert run_indicators(0, **explicit(2, 3)) == "success"
    assert state().to_checkpoint_time == START + PERIOD
    assert not is_complete(START + 3 * PERIOD)
    assert run_indicators(3) == "success"
    assert is_complete(END)


def test_a_lookup_that_an_explicit_window_built_is_completed_by_the_next_run(
    sandbox: Sandbox, run_indicators: Callable[..., str], is_complete: IsComplete
) -> None:
    """The next run reads from the initial start time and appends, so no time before the explicit window is lost."""
    assert run_indicators(0, **explicit(2, 3)) == "success"
    assert not is_complete(START + 3 * PERIOD)
    assert state().to_checkpoint_time is None
    assert run_indicators(3) == "success"
    assert operations(sandbox) == ["create", "append"]
    assert is_complete(END)
    assert (state().from_checkpoint_time, state().to_checkpoint_time) == (START, END)


def test_an_explicit_window_from_the_very_start_is_a_whole_build(
    sandbox: Sandbox, run_indicators: Callable[..., str]
) -> None:
    """An explicit window without a gap moves the checkpoint to its end."""
    assert run_indicators(0, **explicit(0, 3)) == "success"
    assert state().to_checkpoint_time == START + 3 * PERIOD


def test_a_run_without_a_date_reads_the_last_complete_period(
    sandbox: Sandbox, run_indicators: Callable[..., str], capfd: Any, is_complete: IsComplete
) -> None:
    """A manual run without a date builds the whole lookup, and its log names the rule."""
    from airflow import __version__

    if __version__.startswith("2."):
        pytest.skip("every run of Airflow 2 has a date")
    assert run_indicators(None) == "success"
    assert "by the last complete period of the schedule before" in capfd.readouterr().out
    assert is_complete(END)


# A state that cannot be written, or that another run has written -----------------------------------------------------


def test_a_state_that_cannot_be_written_fails_no_run(
    sandbox: Sandbox, run_indicators: Callable[..., str], monkeypatch: pytest.MonkeyPatch, is_complete: IsComplete
) -> None:
    """The run succeeds, because its rows are delivered, and the next run reads the same window again."""
    assert run_indicators(0) == "success"
    with monkeypatch.context() as storage:
        storage.setattr(stream, "write_state", lambda variable, state: False)
        assert run_indicators(1) == "success"
    assert state().to_checkpoint_time == START + PERIOD
    assert run_indicators(2) == "success"
    assert (state().from_checkpoint_time, state().to_checkpoint_time) == (START + PERIOD, START + 3 * PERIOD)
    assert is_complete(START + 3 * PERIOD)


def test_a_stage_from_before_the_last_sync_is_pulled_again(
    sandbox: Sandbox,
    run_indicators: Callable[..., str],
    run_dag: RunDag,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_complete: IsComplete,
    generation: Generation,
) -> None:
    """A stage older than the last sync is not used, so its old versions do not replace newer ones."""
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator

    assert run_indicators(0) == "success"
    dag = dag_of("indicator", tmp_path, generation)
    monkeypatch.setenv(f"AIRFLOW_VAR_{LOOKUP.upper()}", state().to_json())  # this is also read outside of a run
    stage = dag.get_task("pull_domain").execute({"data_interval_start": START, "data_interval_end": START + PERIOD})
    monkeypatch.delenv(f"AIRFLOW_VAR_{LOOKUP.upper()}")
    generation.touch(sandbox.flashpoint.store, types=[TYPE], at=END - timedelta(seconds=1))
    assert run_indicators(3) == "success"
    with DAG("late_sync", start_date=START, schedule=None) as late:
        LookupSyncOperator(
            task_id="sync",
            stage=stage,
            indicator_type=TYPE,
            lookup_name=NAME,
            lookup_key=generation.lookup_key(TYPE),
            staging_uri=tmp_path.as_uri(),
        )
    sandbox.flashpoint.log.clear()
    assert run_dag(late, START, explicit(0, 1)).state == "success"
    assert sandbox.flashpoint.log.requests("GET")
    assert is_complete(END)
