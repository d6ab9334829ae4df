"""What a run of the shipped DAGs shows in Airflow besides its log: one run of each DAG, looked at from all sides."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.airflow_runtime.lineage import Lineage
from airflow_provider_flashpoint.assets import lookup_asset, table_asset
from airflow_provider_flashpoint.config import default_lookup_name
from airflow_provider_flashpoint.config.model import DEFAULT_TAG
from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.operators import PullAlertsOperator
from airflow_provider_flashpoint.operators.published import PublishedTask
from sandbox.generations import IGNITE_V2
from sandbox.sandbox import Sandbox
from tests.conftest import RunDag, event_variable, lookup_variable, sandbox_key
from tests.operators.state_runs import ALERT_COUNT, PERIOD, START, TYPE, dag_of, forget, services

pytestmark = pytest.mark.airflow

LOOKUP = default_lookup_name(TYPE)
BEGAN = datetime.now(UTC)
LINEAGE: dict[tuple[str, str], Lineage] = {}
METRICS: dict[str, Any] = {}
STATES = [lookup_variable(sandbox_key(LOOKUP)), event_variable(sandbox_key(DEFAULT_TAG))]


@pytest.fixture(scope="module")
def sandbox(run_dag: RunDag, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Both services after a run of each DAG, of the first period."""
    with pytest.MonkeyPatch.context() as patch, services(patch, IGNITE_V2) as running:
        devo = json.loads(running.airflow_connections("ignite_v2")["AIRFLOW_CONN_DEVO_DEFAULT"])
        devo["extra"]["web_base_url"] = "https://us.devo.com/welcome"
        patch.setenv("AIRFLOW_CONN_DEVO_DEFAULT", json.dumps(devo))
        keep_metrics(patch)
        keep_lineage(patch)
        for kind in ("indicator", "alert"):
            dag = dag_of(kind, tmp_path_factory.mktemp(kind), IGNITE_V2)
            store_assets(dag)
            assert run_dag(dag, START + PERIOD).state == "success"
        yield running
    for variable in STATES:
        forget(variable)


def keep_metrics(patch: pytest.MonkeyPatch) -> None:
    """Add up the counters that tasks report."""
    from airflow.providers.common.compat.sdk import Stats

    def incr(name: str, count: int = 1, **_: Any) -> None:
        METRICS[name] = METRICS.get(name, 0) + count

    patch.setattr(Stats, "incr", incr, raising=False)


def keep_lineage(patch: pytest.MonkeyPatch) -> None:
    """Keep the lineage that each task leaves in its operator."""
    publish = PublishedTask.publish

    def kept(operator: Any, *arguments: Any, **options: Any) -> None:
        publish(operator, *arguments, **options)
        LINEAGE[operator.dag_id, operator.task_id] = operator._lineage

    patch.setattr(PublishedTask, "publish", kept)


def store_assets(dag: Any) -> None:
    """Store the outlets of a DAG, as the DAG processor of Airflow 2 does; on Airflow 3 each run of a DAG does so."""
    if hasattr(dag, "bulk_write_to_db"):
        dag.bulk_write_to_db([dag])


def xcom(dag_id: str, task_id: str, key: str) -> Any:
    """Return the XCom of a task, None where it has none."""
    from airflow.models import xcom
    from airflow.utils.session import create_session

    model = getattr(xcom, "XComModel", xcom.BaseXCom)
    with create_session() as session:
        found = session.query(model.value).filter_by(dag_id=dag_id, task_id=task_id, key=key).scalar()
    return json.loads(found) if isinstance(found, (str, bytes)) and found[:1] in ('"', b'"') else found


def events_of(asset: Any) -> list[dict[str, Any]]:
    """Return the extras of the events of an asset."""
    from airflow.utils.session import create_session

    try:
        from airflow.models.asset import AssetEvent, AssetModel
    except ImportError:
        from airflow.models.dataset import DatasetEvent as AssetEvent
        from airflow.models.dataset import DatasetModel as AssetModel
    identity = getattr(AssetEvent, "asset_id", None) or AssetEvent.dataset_id
    with create_session() as session:
        found = session.query(AssetEvent.extra).join(AssetModel, AssetModel.id == identity)
        return [extra for (extra,) in found.filter(AssetModel.uri == asset.uri)]


def test_the_event_of_a_lookup_has_its_window_its_counts_and_a_checksum(sandbox: Sandbox) -> None:
    """A DAG that is scheduled on a lookup finds in the event up to when it is complete and what has changed."""
    (extra,) = events_of(lookup_asset(LOOKUP))
    assert extra["from"] <= format_instant(START)
    assert extra["to"] == extra["to_checkpoint_time"] == format_instant(START + PERIOD)
    assert (extra["lookup"], extra["status"], extra["operation"]) == (LOOKUP, "Created", "create")
    assert extra["rows_sent"] == len(list(sandbox.devo.lookups[LOOKUP].rows())) > 0
    assert len(extra["sha256"]) == 64
    assert not {"requests", "window"} & set(extra)


def test_the_event_of_a_table_has_its_window_its_counts_and_a_checksum(sandbox: Sandbox) -> None:
    """A DAG that is scheduled on a table finds in the event how many events have come, and of which window."""
    (extra,) = events_of(table_asset())
    assert extra["from"] <= format_instant(START)
    assert extra["to"] == extra["to_checkpoint_time"] == format_instant(START + PERIOD)
    assert 0 < extra["sent"] <= ALERT_COUNT
    assert extra["sha256"] not in ("", hashlib.sha256().hexdigest())


def test_each_task_reports_its_metrics(sandbox: Sandbox) -> None:
    """The counters of the stream add up what its tasks did: the pull, the sync, the delivery."""
    (of_lookup,), (of_table,) = events_of(lookup_asset(LOOKUP)), events_of(table_asset())
    assert METRICS[f"flashpoint.rows_sent.{LOOKUP}"] == of_lookup["rows_sent"]
    assert METRICS[f"flashpoint.records_staged.{LOOKUP}"] >= of_lookup["rows_sent"]
    assert METRICS["flashpoint.events_sent"] == of_table["sent"]
    assert METRICS["flashpoint.api_requests"] >= 2


def test_the_task_links_to_its_events_in_devo(sandbox: Sandbox) -> None:
    """The link of a delivery leads to Devo's page with the table and the time at which its events arrived."""
    page, _, target = xcom("flashpoint_alert", "pull_alerts", "devo_query").partition("&targetQuery=")
    assert page.startswith("https://us.devo.com/welcome/#/")
    found = json.loads(base64.b64decode(target))
    assert found["query"] == f"from {DEFAULT_TAG}"
    assert BEGAN.timestamp() * 1000 <= found["dates"]["from"] < found["dates"]["to"]


@pytest.mark.parametrize(
    ("dag_id", "task_id"), [("flashpoint_indicator", "sync_domain"), ("flashpoint_alert", "pull_alerts")]
)
def test_the_task_links_to_the_status_page(sandbox: Sandbox, dag_id: str, task_id: str) -> None:
    """On Airflow 3 each task that reads Flashpoint has a link to the page; Airflow 2 has no such page."""
    from airflow import __version__

    expected = None if __version__.startswith("2.") else "/plugin/flashpoint"
    assert xcom(dag_id, task_id, "_link_StatusPageLink") == expected


def test_a_task_without_a_page_reads_no_xcom(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Airflow 3 the task itself has the address. To read an XCom that is not there is an error in the log."""
    from airflow_provider_flashpoint.airflow_runtime import links

    if not links.STATUS_LINKS:
        pytest.skip("Airflow 2 asks for a link in its web server, which has the XComs alone")
    monkeypatch.setattr(links, "XCom", None)
    operator = PullAlertsOperator(task_id="pull_alerts")
    assert links.DevoQueryLink().get_link(operator, ti_key=None) == ""
    operator.devo_page = "https://us.devo.com/welcome"
    assert links.DevoQueryLink().get_link(operator, ti_key=None) == operator.devo_page


def test_airflow_knows_the_links() -> None:
    """The description of the provider names each link that an operator has, which Airflow 2.11 asks for."""
    from airflow_provider_flashpoint.airflow_runtime import links
    from airflow_provider_flashpoint.get_provider_info import get_provider_info

    named = get_provider_info()["extra-links"]
    assert named == [f"{each.__module__}.{each.__name__}" for each in (links.DevoQueryLink, links.StatusPageLink)]
    assert {type(each).__name__ for each in links.EVENT_LINKS} <= {name.rpartition(".")[2] for name in named}


@pytest.mark.parametrize(
    ("dag_id", "task_id", "data_set", "written"),
    [
        ("flashpoint_indicator", "pull_domain", "indicators.domain", ""),
        ("flashpoint_indicator", "sync_domain", "indicators.domain", f"lookup.{LOOKUP}"),
        ("flashpoint_alert", "pull_alerts", "alerts", f"table.{DEFAULT_TAG}"),
    ],
)
def test_the_task_keeps_its_lineage(sandbox: Sandbox, dag_id: str, task_id: str, data_set: str, written: str) -> None:
    """After a task, its operator knows what was read and written, and how many rows or events."""
    lineage = LINEAGE[dag_id, task_id]
    assert (lineage.service, lineage.data_set, lineage.written) == (sandbox.flashpoint.url, data_set, written)
    assert (lineage.count > 0) == bool(written)
    assert (lineage.destination == "sandbox") == bool(written)
    assert ("value" in lineage.columns) == written.startswith("lookup.")


def test_the_variable_of_a_state_has_a_sentence_as_its_description(sandbox: Sandbox) -> None:
    """The list of Variables in Airflow's UI says what each state means."""
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.query(Variable.description).filter(Variable.key.in_(STATES)).all()
    until = format_instant(START + PERIOD)
    beginnings = [
        f"State of the Devo {kind}: complete to {until}" for kind in (f"lookup {LOOKUP}", f"table {DEFAULT_TAG}")
    ]
    assert sorted(text.partition(",")[0] for (text,) in found) == beginnings
