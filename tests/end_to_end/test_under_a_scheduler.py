"""The DAGs of two API generations under a real scheduler, on the Airflow line of the tests, checked by Devo."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_flashpoint.core.devo.lookups.csv_rows import cell
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of
from airflow_provider_flashpoint.core.flashpoint.rows.flatten import flatten
from demo.airflow_lab import AirflowLab
from tests.end_to_end.conftest import ALL_DAGS, FIRST_PERIODS, PERIODS, World
from tests.generation_dags import GenerationDags

pytestmark = [pytest.mark.airflow, pytest.mark.scheduler]

TIMEOUT_S = 900.0  # a busy machine is slow

each_generation = pytest.mark.parametrize("dags", ALL_DAGS, ids=[dags.api for dags in ALL_DAGS])
each_lookup = pytest.mark.parametrize(
    ("dags", "kind"), [pytest.param(dags, kind, id=f"{dags.api}-{kind}") for dags in ALL_DAGS for kind in dags.types]
)
each_dag = pytest.mark.parametrize(
    ("dags", "dag_id"), [pytest.param(dags, dag_id, id=dag_id) for dags in ALL_DAGS for dag_id in dags.dags]
)


@pytest.fixture(scope="module")
def lab(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowLab]:
    """An Airflow that has backfilled every period of all DAGs."""
    folder = Path(__file__).parents[2] / "dags"
    with AirflowLab(tmp_path_factory.mktemp("airflow"), folder, environment=world.environment()) as lab:
        for dags in ALL_DAGS:
            for dag_id in dags.dags:
                if lab.line == 3:
                    lab.unpause(dag_id)  # a backfill of a paused DAG would wait forever
                else:
                    lab.wait_for_dag(dag_id)
                start, end = first_date(world, dags), world.date(PERIODS - 1)
                lab.backfill(dag_id, start, end, max_active_runs=2, timeout_s=TIMEOUT_S)
        yield lab


def held(world: World, dags: GenerationDags) -> dict[str, Any]:
    """Return the content of Devo: the rows of each lookup, and the events."""
    lookups = {kind: sorted(world.sandbox.devo.lookups[dags.lookup_name(kind)].rows()) for kind in dags.types}
    return {**lookups, dags.tag: world.sandbox.devo.tables.messages(dags.tag)}


def first_date(world: World, dags: GenerationDags) -> datetime:
    """Return the start of the first period that is run."""
    return world.date(FIRST_PERIODS[dags.generation])


def rerun(lab: AirflowLab, first: datetime, dag_id: str) -> None:
    """Run the first period of a DAG again, in the way of each Airflow line."""
    if lab.line == 2:  # its scheduler does not run cleared runs of a backfill
        lab.backfill(dag_id, first, first, reprocess="completed")
        return
    run = lab.runs(dag_id)[0]
    task = lab.tasks(dag_id, run["run_id"])[0]
    lab.clear(dag_id, run["run_id"])
    lab.wait_until(
        lambda: lab.tasks(dag_id, run["run_id"])[0]["try_number"] > task["try_number"], 60, "another attempt"
    )
    lab.wait_for_run(dag_id, run["run_id"])


@each_lookup
def test_a_backfill_leaves_the_newest_version_of_every_indicator_in_its_lookup(
    lab: AirflowLab, world: World, dags: GenerationDags, kind: str
) -> None:
    """Each key of Flashpoint is in the lookup once, in its newest version, and nothing else is."""
    verdict = dags.lookup(world.sandbox, kind)
    assert verdict.served > 100
    assert verdict.is_good, verdict


@each_lookup
def test_every_value_arrives_unchanged(lab: AirflowLab, world: World, dags: GenerationDags, kind: str) -> None:
    """Quotes, commas, newlines, emoji, HTML and a value of 1 MB are in the lookup unchanged, if it has their column."""
    lookup = world.sandbox.devo.lookups[dags.lookup_name(kind)]
    columns = endpoint_of(Api(dags.api), DataSet.INDICATORS).columns
    newest = dags.generation.newest(world.sandbox.flashpoint.store, kind)
    for value, document in newest.items():
        row = lookup.row(stored(value))
        assert row is not None
        extra = json.loads(row["_extra"]) if row["_extra"] else {}
        for name, found in flatten(document).items():
            if name in row:
                assert row[name] == stored(cell(found))
            elif name in extra:
                assert extra[name] == found
            else:
                assert columns.default
                assert found is None or name.startswith(columns.left_out)
    assert len(newest) == lookup.count


def stored(text: str) -> str:
    """Return ``text`` with each lone surrogate, which UTF-8 cannot encode, as an escape sequence."""
    return text.encode("utf-8", "backslashreplace").decode()


@each_generation
def test_a_value_of_a_megabyte_arrives(lab: AirflowLab, world: World, dags: GenerationDags) -> None:
    """The largest cell of all lookups has a megabyte."""
    lookups = [world.sandbox.devo.lookups[dags.lookup_name(kind)] for kind in dags.types]
    assert max(len(cell) for lookup in lookups for row in lookup.rows() for cell in row) >= 1_000_000


@each_generation
def test_a_backfill_delivers_every_alert_exactly_once(lab: AirflowLab, world: World, dags: GenerationDags) -> None:
    """No alert is lost or arrives twice, although windows overlap."""
    verdict = dags.alerts(world.sandbox)
    assert verdict.served == 250
    assert verdict.is_good, verdict
    assert world.sandbox.devo.tables.torn() == 0


@each_lookup
def test_the_first_sync_creates_the_lookup_and_the_others_append_to_it(
    lab: AirflowLab, world: World, dags: GenerationDags, kind: str
) -> None:
    """New becomes Created with the first sync; every later deployment appends."""
    operations = [job.operation for job in world.sandbox.devo.lookups[dags.lookup_name(kind)].jobs]
    assert [str(getattr(each, "value", each)) for each in operations][:1] == ["create"]
    assert {str(getattr(each, "value", each)) for each in operations[1:]} == {"append"}
    state = json.loads(lab.variables()[dags.lookup_variable(kind)])
    assert state["status"] == "Created"


@each_generation
def test_the_checkpoints_are_at_the_end_of_the_last_period(lab: AirflowLab, world: World, dags: GenerationDags) -> None:
    """The state of each stream has a checkpoint at the end of the last period or later."""
    variables = lab.variables()
    for name in dags.variables:
        end = world.date(PERIODS).isoformat().replace("+00:00", "Z")
        assert json.loads(variables[name])["to_checkpoint_time"] >= end


@each_dag
def test_good_runs_log_their_outcomes_and_no_warning(
    lab: AirflowLab, world: World, dags: GenerationDags, dag_id: str
) -> None:
    """Each run of a backfill warns of nothing, and says in a sentence what it did to each lookup or to the table."""
    last = world.date(PERIODS - 1)  # scheduled runs after it may be under way
    runs = [run for run in lab.runs(dag_id) if run["logical_date"] and run["logical_date"] <= last]
    assert runs
    for run in runs:
        logs = [lab.task_log(dag_id, run["run_id"], task["task_id"]) for task in lab.tasks(dag_id, run["run_id"])]
        lines = [line for log in logs for line in log.splitlines()]
        assert [line for line in lines if " WARNING " in line and "warnings.py" not in line] == []
        # Two runs are active at once, so that any run can be the one that builds a lookup.
        for outcome in outcomes(dags, dag_id):
            assert [line for line in lines if re.search(outcome, line)], f"no {outcome} in the run {run['run_id']}"


def outcomes(dags: GenerationDags, dag_id: str) -> list[str]:
    """Return a pattern for the sentence about each lookup, or about the table, of a DAG."""
    if dag_id == dags.alert_dag:
        return [rf"( sent to|No event was found for) the table {re.escape(dags.tag)}\b"]
    return [rf"Lookup {dags.lookup_name(kind)} (was built with|got|is up to date)\b" for kind in dags.types]


@each_dag
def test_rerunning_the_first_run_changes_nothing_in_devo(
    lab: AirflowLab, world: World, dags: GenerationDags, dag_id: str
) -> None:
    """The run that built the lookups, or sent the first events, can be run again without a change in Devo."""
    before = held(world, dags)
    rerun(lab, first_date(world, dags), dag_id)
    assert held(world, dags) == before
