"""Both DAGs under a real scheduler, on the Airflow line of the tests, checked by the content of Devo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_flashpoint.config import default_lookup_name
from airflow_provider_flashpoint.core.devo.lookups.csv_rows import cell
from airflow_provider_flashpoint.core.flashpoint.flatten import flatten
from airflow_provider_flashpoint.operators.pull_alerts import DEFAULT_TAG
from demo.airflow_lab import AirflowLab
from sandbox.verdict import judge_alerts, judge_lookup
from tests.conftest import event_variable, lookup_variable, sandbox_key
from tests.end_to_end.conftest import PERIODS, TYPES, World

pytestmark = [pytest.mark.airflow, pytest.mark.scheduler]

DAGS = ("flashpoint_indicator", "flashpoint_alert")
NAMES = {kind: default_lookup_name(kind) for kind in TYPES}


@pytest.fixture(scope="module")
def lab(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowLab]:
    """An Airflow that has backfilled every period of both DAGs."""
    dags = Path(__file__).parents[2] / "dags"
    with AirflowLab(tmp_path_factory.mktemp("airflow"), dags, environment=world.environment()) as lab:
        for dag_id in DAGS:
            if lab.line == 3:
                lab.unpause(dag_id)  # a backfill of a paused DAG would wait forever
            else:
                lab.wait_for_dag(dag_id)
            lab.backfill(dag_id, world.start, world.date(PERIODS - 1), max_active_runs=2)
        yield lab


def held(world: World) -> dict[str, Any]:
    """Return the content of Devo: the rows of each lookup, and the events."""
    lookups = {name: sorted(world.sandbox.devo.lookups[name].rows()) for name in NAMES.values()}
    return {**lookups, DEFAULT_TAG: world.sandbox.devo.tables.messages(DEFAULT_TAG)}


def rerun(lab: AirflowLab, world: World, dag_id: str) -> None:
    """Run the first period of a DAG again, in the way of each Airflow line."""
    if lab.line == 2:  # its scheduler does not run cleared runs of a backfill
        lab.backfill(dag_id, world.start, world.start, reprocess="completed")
        return
    first = lab.runs(dag_id)[0]
    task = lab.tasks(dag_id, first["run_id"])[0]
    lab.clear(dag_id, first["run_id"])
    lab.wait_until(
        lambda: lab.tasks(dag_id, first["run_id"])[0]["try_number"] > task["try_number"], 60, "another attempt"
    )
    lab.wait_for_run(dag_id, first["run_id"])


@pytest.mark.parametrize("kind", TYPES)
def test_a_backfill_leaves_the_newest_version_of_every_indicator_in_its_lookup(
    lab: AirflowLab, world: World, kind: str
) -> None:
    """Each key of Flashpoint is in the lookup once, in its newest version, and nothing else is."""
    verdict = judge_lookup(world.sandbox, NAMES[kind], indicator_type=kind)
    assert verdict.served > 100
    assert verdict.is_good, verdict


@pytest.mark.parametrize("kind", TYPES)
def test_every_value_arrives_unchanged(lab: AirflowLab, world: World, kind: str) -> None:
    """Quotes, commas, newlines, emoji, HTML and a value of 1 MB are in the lookup unchanged."""
    store = world.sandbox.flashpoint.store
    lookup = world.sandbox.devo.lookups[NAMES[kind]]
    newest = store.expected_indicators(kind, f"value.{kind}").newest
    documents = {record["fpid"]: value for value, record in newest.items()}
    seen = 0
    for each in store.select_indicators([kind], None, None).walk("asc"):
        document = json.loads(store.indicators.body(each))
        if document["fpid"] not in documents:
            continue
        row = lookup.row(stored(documents[document["fpid"]]))
        assert row is not None
        extra = json.loads(row["_extra"]) if row["_extra"] else {}
        for name, value in flatten(document).items():
            if name in row:
                assert row[name] == stored(cell(value))
            else:
                assert extra[name] == value
        seen += 1
    assert seen == lookup.count


def stored(text: str) -> str:
    """Return ``text`` with each lone surrogate, which UTF-8 cannot encode, as an escape sequence."""
    return text.encode("utf-8", "backslashreplace").decode()


def test_a_value_of_a_megabyte_arrives(lab: AirflowLab, world: World) -> None:
    """The largest cell of all lookups has a megabyte."""
    cells = (cell for name in NAMES.values() for row in world.sandbox.devo.lookups[name].rows() for cell in row)
    assert max(map(len, cells)) >= 1_000_000


def test_a_backfill_delivers_every_alert_exactly_once(lab: AirflowLab, world: World) -> None:
    """No alert is lost or arrives twice, although windows overlap."""
    verdict = judge_alerts(world.sandbox, DEFAULT_TAG)
    assert verdict.served == 250
    assert verdict.is_good, verdict
    assert world.sandbox.devo.tables.torn() == 0


def test_the_first_sync_creates_the_lookup_and_the_others_append_to_it(lab: AirflowLab, world: World) -> None:
    """New becomes Created with the first sync; every later deployment appends."""
    for name in NAMES.values():
        operations = [job.operation for job in world.sandbox.devo.lookups[name].jobs]
        assert [str(getattr(each, "value", each)) for each in operations][:1] == ["create"]
        assert {str(getattr(each, "value", each)) for each in operations[1:]} == {"append"}
        state = json.loads(lab.variables()[lookup_variable(sandbox_key(name))])
        assert state["status"] == "Created"
        assert state["to_checkpoint_time"] >= world.date(PERIODS).isoformat().replace("+00:00", "Z")


def test_the_checkpoint_of_alerts_is_at_the_end_of_the_last_period(lab: AirflowLab, world: World) -> None:
    """The state of the stream has a checkpoint at the end of the last period or later."""
    state = json.loads(lab.variables()[event_variable(sandbox_key(DEFAULT_TAG))])
    assert state["to_checkpoint_time"] >= world.date(PERIODS).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("dag_id", DAGS)
def test_rerunning_the_first_run_changes_nothing_in_devo(lab: AirflowLab, world: World, dag_id: str) -> None:
    """The run that built the lookups, or sent the first events, can be run again without a change in Devo."""
    before = held(world)
    rerun(lab, world, dag_id)
    assert held(world) == before
