"""The example DAGs, each run as a user would run it, against the sandbox of both services."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint import example_dags
from airflow_provider_flashpoint.config.model import DEFAULT_TAG
from sandbox.dataset.events.credentials import credentials
from sandbox.dataset.indicators_v2 import indicators_v2
from sandbox.dataset.notifications import notifications
from sandbox.devo.settings import DevoSettings
from sandbox.sandbox import Sandbox
from tests.conftest import RunDag

pytestmark = pytest.mark.airflow

FOLDER = Path(example_dags.__file__).parent
NOW = datetime.now(UTC)
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
DAY = timedelta(days=1)
START, END = MIDNIGHT - 3 * DAY, MIDNIGHT - DAY  # the data of two days, over before the last day that is complete
OLD = START - 20 * DAY
TYPES = ("domain", "ipv4", "file", "url")
COUNT = 60

Run = Callable[..., str]


@pytest.fixture(scope="module")
def sandbox(airflow_database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Both services as Airflow's default connections, with data of two days."""
    with Sandbox(devo=DevoSettings(job_polls=0)) as running, pytest.MonkeyPatch.context() as patch:
        store = running.flashpoint.store
        store.publish_indicators_v2(indicators_v2(3, COUNT, START, END, types=TYPES))
        store.publish_notifications(notifications(3, COUNT, START, END))
        store.publish_credentials(credentials(3, COUNT, START, END))
        for name, text in running.airflow_connections("ignite_v2").items():
            patch.setenv(name, text)
        patch.setenv("AIRFLOW__FLASHPOINT__STAGING_URI", tmp_path_factory.mktemp("staging").as_uri())
        yield running
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        session.query(Variable).filter(Variable.key.like("flashpoint%")).delete(synchronize_session=False)


@pytest.fixture
def run(sandbox: Sandbox, run_dag: RunDag) -> Run:
    """A function that runs an example, by its name, and returns the state of the run."""

    def run_example(name: str, date: datetime = NOW, conf: dict[str, Any] | None = None) -> str:
        return str(run_dag(dag_of(name), date, conf).state)

    return run_example


def dag_of(name: str) -> Any:
    """Return the DAG of the file of an example, read as Airflow reads it."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # before Airflow 3.2
        from airflow.models.dagbag import DagBag

    bag = DagBag(str(FOLDER / f"{name}.py"))
    assert bag.import_errors == {}
    dag = bag.dags[f"example_{name}"]
    for each in dag.tasks:
        each.retries = 0  # a failure of a test ends it at once
    if hasattr(dag, "bulk_write_to_db"):  # Airflow 2 stores the outlets of a DAG when it reads its file
        dag.bulk_write_to_db([dag])
    return dag


def documents(kind: str) -> list[dict[str, Any]]:
    return [each for each in indicators_v2(3, COUNT, START, END, types=TYPES) if each["type"] == kind]


def keys(sandbox: Sandbox, lookup: str) -> set[str]:
    return {row[0] for row in sandbox.devo.lookups[lookup].rows()}


def events(sandbox: Sandbox, tag: str) -> list[dict[str, Any]]:
    return [json.loads(each) for each in sandbox.devo.tables.messages(tag)]


def test_one_lookup(sandbox: Sandbox, run: Run) -> None:
    """The lookup holds every domain."""
    assert run("one_lookup") == "success"
    assert keys(sandbox, "Flashpoint_Domains") == {each["value"] for each in documents("domain")}


def test_many_lookups(sandbox: Sandbox, run: Run) -> None:
    """Each type has its lookup, with its filter, its columns and its keys."""
    assert run("many_lookups") == "success"
    bad = {each["value"] for each in documents("domain") if each["score"]["value"] == "malicious"}
    assert keys(sandbox, "Flashpoint_Bad_Domains") == bad
    columns = list(sandbox.devo.lookups["Flashpoint_Addresses"].columns)
    assert columns == ["value", "score.value", "malware", "actors", "last_seen_at", "_extra"]
    assert len(keys(sandbox, "Flashpoint_Hashes")) > len(documents("file")) > 0


def test_filtered_alerts(sandbox: Sandbox, run: Run) -> None:
    """The table has the alerts about assets, and no others."""
    assert run("filtered_alerts") == "success"
    origins = [each["reason"]["origin"] for each in events(sandbox, "my.app.flashpoint.asset_alerts")]
    wanted = [each for each in notifications(3, COUNT, START, END) if each["reason"]["origin"] == "assets"]
    assert origins == ["assets"] * len(wanted) != []


def test_credentials(sandbox: Sandbox, run: Run) -> None:
    """The table has the credentials that are new, without their passwords."""
    assert run("credentials") == "success"
    found = [each["_source"] for each in events(sandbox, "my.app.flashpoint.new_credentials")]
    assert found
    assert all(each["is_fresh"] and "password" not in each for each in found)


def test_weekly_rebuild(sandbox: Sandbox, run: Run) -> None:
    """A run eight days after the first one replaces the content of the lookup, and the run after it does not."""
    lookup = "Flashpoint_Recent_Addresses"
    sandbox.flashpoint.store.publish_indicators_v2(indicators_v2(4, 9, OLD, OLD + DAY, types=("ipv4",)))
    for date in (NOW - 8 * DAY, NOW, NOW + timedelta(seconds=1)):
        assert run("weekly_rebuild", date) == "success"
    jobs = [job.operation for job in sandbox.devo.lookups[lookup].jobs]
    assert jobs[:2] == ["create", "replace"]
    assert "replace" not in jobs[2:]
    assert {each["value"] for each in documents("ipv4")} < keys(sandbox, lookup)


def test_backfill(sandbox: Sandbox, run: Run) -> None:
    """The table has the alerts of the given days, and a second backfill sends nothing again."""
    days = {"first_day": f"{START:%Y-%m-%d}", "last_day": f"{END:%Y-%m-%d}"}
    for date in (NOW, NOW + timedelta(minutes=1)):
        assert run("backfill", date, days) == "success"
        assert len(events(sandbox, DEFAULT_TAG)) == COUNT


def test_on_lookup_change(run: Run) -> None:
    """The task finds in the event of the lookup what the sync has brought."""
    assert run("many_lookups", NOW + timedelta(seconds=2)) == "success"
    assert run("on_lookup_change") == "success"


def test_on_lookup_change_is_skipped_without_new_rows(airflow_database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the syncs that started the run, those with rows count; without any, there is nothing to look for."""
    from airflow.providers.common.compat.sdk import AirflowSkipException

    hunt = dag_of("on_lookup_change").get_task("hunt").python_callable
    lines: list[str] = []
    monkeypatch.setattr(hunt.__globals__["log"], "info", lambda text, values: lines.append(text % values))
    events = [
        SimpleNamespace(extra={"rows_sent": count, "lookup": "L", "from": "2026-01-01T00:00:00Z"})
        for count in (0, 3, 0)
    ]
    for name in ("triggering_asset_events", "triggering_dataset_events"):
        hunt(**{name: {"asset": events}})
        with pytest.raises(AirflowSkipException):
            hunt(**{name: {"asset": events[2:]}})
    assert lines == ["Look for the 3 addresses of L that changed since 2026-01-01T00:00:00Z."] * 2


def test_own_dag(sandbox: Sandbox, run: Run) -> None:
    """The setup passes, the lookup holds every URL, and the task of the user gets the summary."""
    assert run("own_dag") == "success"
    assert keys(sandbox, "Flashpoint_Urls") == {each["value"] for each in documents("url")}


def test_every_example_is_run() -> None:
    """Each file of the folder has a test of its name."""
    files = {file.stem for file in FOLDER.glob("*.py")} - {"__init__"}
    assert {f"test_{name}" for name in files} <= set(globals())
