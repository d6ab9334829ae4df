"""What a run does by the state of a lookup: no state, a damaged one, or one that the run's configuration overrules."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.airflow_runtime.state_store import lookup_variable
from airflow_provider_flashpoint.config import default_lookup_name
from airflow_provider_flashpoint.core.state import LookupState
from sandbox.dataset.documents import indicators
from sandbox.sandbox import Sandbox
from sandbox.verdict import judge_lookup
from tests.conftest import RunDag
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
LOOKUP = lookup_variable(NAME)


@pytest.fixture
def sandbox(airflow_database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Both services, as Airflow's connections; Flashpoint has data in four periods, Devo has none, nor has Airflow."""
    with services(monkeypatch) as running:
        yield running
    forget(LOOKUP)


@pytest.fixture
def run_indicators(run_dag: RunDag, tmp_path: Path) -> Callable[..., str]:
    """A function that runs a period of the indicator DAG, by its number, and returns the state of the run."""
    return runner(dag_of("indicator", tmp_path), run_dag)


def state() -> LookupState:
    from airflow.models.variable import Variable

    return LookupState.from_json(Variable.get(LOOKUP), name=LOOKUP)


def operations(sandbox: Sandbox) -> list[str]:
    return [str(job.operation) for job in sandbox.devo.lookups[NAME].jobs]


def is_complete(sandbox: Sandbox, until: datetime) -> bool:
    """Return whether the lookup holds the newest version of every key of the time before ``until``."""
    verdict = judge_lookup(sandbox, NAME, indicator_type=TYPE, key=f"value.{TYPE}", until=until - timedelta(seconds=1))
    return not (verdict.missing or verdict.outdated)


# A state that is gone ------------------------------------------------------------------------------------------------


def test_a_state_that_is_gone_builds_the_lookup_anew_and_whole(
    sandbox: Sandbox, run_indicators: Callable[..., str]
) -> None:
    """Whether lost or reset, the next run reads from the initial start time, in place of what the lookup held."""
    assert [run_indicators(number) for number in (0, 1)] == ["success", "success"]
    forget(LOOKUP)
    assert run_indicators(2) == "success"
    assert operations(sandbox) == ["create", "append", "replace"]
    assert is_complete(sandbox, START + 3 * PERIOD)
    assert state().from_checkpoint_time == START


def test_a_ledger_that_is_gone_lets_no_old_value_come_back(
    sandbox: Sandbox, run_indicators: Callable[..., str], tmp_path: Path
) -> None:
    """Nor does one that was begun since: an old window is then read up to the checkpoint."""
    first = next(indicators(5, 1, START, START + PERIOD, types=(TYPE,)))
    later = {**first["header_"], "indexed_at": int((START + 2 * PERIOD).timestamp()) + 1}
    sandbox.flashpoint.store.publish_indicators([first, {**first, "fpid": "another", "header_": later}])
    assert run_indicators(3) == "success"
    shutil.rmtree(tmp_path / "lookups")
    assert run_indicators(0, **explicit(3, 4)) == "success"
    assert run_indicators(0) == "success"
    assert is_complete(sandbox, END)


# A state that a person spoiled ---------------------------------------------------------------------------------------


def test_a_spoiled_state_of_a_lookup_fails_at_once_and_says_how_to_reset(
    sandbox: Sandbox, run_indicators: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task is not retried, nothing is sent, and the error contains the command that resets the state."""
    assert run_indicators(0) == "success"
    remember(LOOKUP, NONSENSE)
    assert run_indicators(1) == "failed"
    assert f"`airflow variables delete {LOOKUP}`" in failure(
        "pull_domain", dag_of("indicator", tmp_path), LOOKUP, monkeypatch
    )
    assert operations(sandbox) == ["create"]
    forget(LOOKUP)
    assert run_indicators(1) == "success"
    assert is_complete(sandbox, START + 2 * PERIOD)


# A run that is told what to do ---------------------------------------------------------------------------------------


def test_forcing_new_rebuilds_an_existing_lookup_from_its_start(
    sandbox: Sandbox, run_indicators: Callable[..., str]
) -> None:
    """`{"lookup_status": "New"}` replaces the lookup, and the run after it adds to it again."""
    assert run_indicators(0) == "success"
    assert run_indicators(2, lookup_status="New") == "success"
    assert is_complete(sandbox, START + 3 * PERIOD)
    assert run_indicators(3) == "success"
    assert operations(sandbox) == ["create", "replace", "append"]
    assert is_complete(sandbox, END)


def test_forcing_new_by_an_old_run_takes_nothing_away(sandbox: Sandbox, run_indicators: Callable[..., str]) -> None:
    """A rebuild goes on to the checkpoint, so that the lookup holds all that later runs brought."""
    assert [run_indicators(number) for number in (0, 3)] == ["success", "success"]
    assert run_indicators(1, lookup_status="New") == "success"
    assert operations(sandbox) == ["create", "append", "replace"]
    assert is_complete(sandbox, END)
    assert (state().from_checkpoint_time, state().to_checkpoint_time) == (START, END)


def test_an_unknown_status_is_refused(sandbox: Sandbox, run_indicators: Callable[..., str]) -> None:
    """An unknown status in the run's configuration is an error."""
    with pytest.raises(Exception, match="lookup_status"):  # of a class that differs between Airflow 2 and 3
        run_indicators(0, lookup_status="new")
    assert not sandbox.devo.lookups.names()


def test_an_explicit_window_is_read_alone(sandbox: Sandbox, run_indicators: Callable[..., str]) -> None:
    """Beyond a gap it brings its own rows and moves no checkpoint, so that the next run reads the gap."""
    assert run_indicators(0) == "success"
    assert run_indicators(0, **explicit(2, 3)) == "success"
    assert state().to_checkpoint_time == START + PERIOD
    assert not is_complete(sandbox, START + 3 * PERIOD)
    assert run_indicators(3) == "success"
    assert is_complete(sandbox, END)


def test_a_lookup_that_an_explicit_window_built_is_completed_by_the_next_run(
    sandbox: Sandbox, run_indicators: Callable[..., str]
) -> None:
    """What lies before that window is not forgotten: the next run reads from the initial start time, and adds."""
    assert run_indicators(0, **explicit(2, 3)) == "success"
    assert not is_complete(sandbox, START + 3 * PERIOD)
    assert state().to_checkpoint_time is None
    assert run_indicators(3) == "success"
    assert operations(sandbox) == ["create", "append"]
    assert is_complete(sandbox, END)
    assert (state().from_checkpoint_time, state().to_checkpoint_time) == (START, END)


def test_an_explicit_window_from_the_very_start_is_a_whole_build(
    sandbox: Sandbox, run_indicators: Callable[..., str]
) -> None:
    """Where it leaves nothing out it moves the checkpoint to its end."""
    assert run_indicators(0, **explicit(0, 3)) == "success"
    assert state().to_checkpoint_time == START + 3 * PERIOD


def test_a_run_without_a_date_reads_the_last_complete_period(
    sandbox: Sandbox, run_indicators: Callable[..., str], capfd: Any
) -> None:
    """On Airflow 3 a run by hand can have no date; its log names the rule, and it builds whole as any other."""
    from airflow import __version__

    if __version__.startswith("2."):
        pytest.skip("every run of Airflow 2 has a date")
    assert run_indicators(None) == "success"
    assert "by the last complete period of the schedule before" in capfd.readouterr().out
    assert is_complete(sandbox, END)


# A state that others wrote, or that cannot be written ----------------------------------------------------------------


def test_a_state_that_cannot_be_written_fails_no_run(
    sandbox: Sandbox, run_indicators: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it would have said has been delivered, and the next run reads the same window once more."""
    assert run_indicators(0) == "success"
    with monkeypatch.context() as storage:
        storage.setattr("airflow_provider_flashpoint.operators.lookup_sync.write_state", lambda variable, state: False)
        assert run_indicators(1) == "success"
    assert state().to_checkpoint_time == START + PERIOD
    assert run_indicators(2) == "success"
    assert (state().from_checkpoint_time, state().to_checkpoint_time) == (START + PERIOD, START + 3 * PERIOD)
    assert is_complete(sandbox, START + 3 * PERIOD)


def test_a_stage_from_before_the_last_sync_is_pulled_again(
    sandbox: Sandbox,
    run_indicators: Callable[..., str],
    run_dag: RunDag,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another run delivered newer versions meanwhile, and the old ones of the stage do not come after them."""
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator

    assert run_indicators(0) == "success"
    dag = dag_of("indicator", tmp_path)
    monkeypatch.setenv(f"AIRFLOW_VAR_{LOOKUP.upper()}", state().to_json())  # read outside of a run, too
    stage = dag.get_task("pull_domain").execute({"data_interval_start": START, "data_interval_end": START + PERIOD})
    monkeypatch.delenv(f"AIRFLOW_VAR_{LOOKUP.upper()}")
    sandbox.flashpoint.store.touch_indicators(types=[TYPE], at=END - timedelta(seconds=1))
    assert run_indicators(3) == "success"
    with DAG("late_sync", start_date=START, schedule=None) as late:
        LookupSyncOperator(
            task_id="sync",
            stage=stage,
            indicator_type=TYPE,
            lookup_name=NAME,
            lookup_key=f"value.{TYPE}",
            staging_uri=tmp_path.as_uri(),
        )
    sandbox.flashpoint.log.clear()
    assert run_dag(late, START, explicit(0, 1)).state == "success"
    assert sandbox.flashpoint.log.requests("GET")
    assert is_complete(sandbox, END)
