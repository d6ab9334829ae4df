"""The DAGs that are built from a configuration."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_flashpoint.config import parse_collector_config

pytestmark = pytest.mark.airflow

LOOKUPS = [{"domain": {"lookup_key": "value.domain"}}, {"ip-dst|port": {"lookup_key": "value.ip-dst|port"}}]


def indicator_dag(**settings: Any) -> Any:
    from airflow_provider_flashpoint.dag_factory import indicator_dag as build

    indicators = {"indicators": {"lookups": LOOKUPS, **settings}}
    config = parse_collector_config({"inputs": {"flashpoint_indicator": {"services": indicators}}})
    assert config.indicators
    return build(config.indicators)


def alert_dag(**services: Any) -> Any:
    from airflow_provider_flashpoint.dag_factory import alert_dag as build

    config = parse_collector_config({"inputs": {"flashpoint_alert": {"services": {"alerts": {}, **services}}}})
    assert config.alerts
    return build(config.alerts)


def test_each_lookup_is_set_up_pulled_and_synced_in_this_order() -> None:
    """setup >> pull_<type> >> sync_<type>, with task ids that Airflow allows."""
    dag = indicator_dag()
    assert set(dag.task_ids) == {"setup", "pull_domain", "sync_domain", "pull_ip-dst_port", "sync_ip-dst_port"}
    for kind in ("domain", "ip-dst_port"):
        assert dag.get_task(f"pull_{kind}").upstream_task_ids == {"setup"}
        assert dag.get_task(f"sync_{kind}").upstream_task_ids == {f"pull_{kind}"}


def test_pull_and_sync_of_a_lookup_make_the_same_rows() -> None:
    """Both get the columns, the embedded parts and one row per hash; the setup checks these against the API."""
    own = {"columns": "all", "embed": ["all"], "row_per_hash": True, "other_columns": "leave_out"}
    dag = indicator_dag(lookups=[{"file": own}, {"url": {}}])
    for name in ("pull_file", "sync_file"):
        task = dag.get_task(name)
        assert (task.columns, task.embed, task.row_per_hash) == ("all", ["all"], True)
    assert dag.get_task("sync_file").other_columns == "leave_out"
    assert dag.get_task("setup").lookups == [
        {"lookup_key": None, "embed": ["all"], "row_per_hash": True},
        {"lookup_key": None, "embed": None, "row_per_hash": False},
    ]


def test_only_alerts_are_verified_by_a_query() -> None:
    """Keywords share all settings of the alerts except `verify`, because the id field of a keyword is not known."""
    dag = alert_dag(alerts={"verify": "query"}, keywords={"path": "/keywords"})
    assert dag.get_task("pull_alerts").verify == "query"
    assert dag.get_task("pull_keywords").verify == "confirm"
    assert dag.get_task("setup").query_tag == dag.get_task("pull_alerts").tag
    assert alert_dag().get_task("setup").query_tag is None


def test_tasks_that_write_never_run_twice_at_once() -> None:
    """Each lookup and each event table has one writer at a time."""
    assert indicator_dag().get_task("sync_domain").max_active_tis_per_dag == 1
    assert alert_dag().get_task("pull_alerts").max_active_tis_per_dag == 1


@pytest.mark.parametrize(
    ("settings", "timeout"),
    [
        ({}, timedelta(hours=24)),
        ({"execution_timeout_s": 60}, timedelta(minutes=1)),
        ({"execution_timeout_s": "7200"}, timedelta(hours=2)),
        ({"execution_timeout_s": 2_592_000}, timedelta(days=30)),
    ],
)
def test_no_attempt_of_a_task_runs_without_a_limit_of_time(settings: dict[str, Any], timeout: timedelta) -> None:
    """Every task of both DAGs has the execution timeout of its input, a day by default."""
    dags = [indicator_dag(**settings), alert_dag(alerts=settings, keywords={}, keyword_classes={})]
    assert {task.execution_timeout for dag in dags for task in dag.tasks} == {timeout}


@pytest.mark.parametrize("build", [indicator_dag, alert_dag])
def test_the_schedule_has_data_intervals_and_catches_up_only_on_request(build: Any) -> None:
    """The schedule is every 300 seconds with data intervals, and catchup is off by default."""
    dag = build()
    assert type(dag.timetable).__name__ == "DeltaDataIntervalTimetable"
    delta = getattr(dag.timetable, "delta", None) or dag.timetable._delta
    assert delta == timedelta(seconds=300)
    assert dag.catchup is False


def test_every_task_that_reads_records_gets_the_obfuscation_rules() -> None:
    """Pull, sync and delivery tasks get the rules as plain values."""
    rules = [{"path": ["Event", "info"], "action": "hash"}]
    dags = (indicator_dag(obfuscation=rules), alert_dag(alerts={"obfuscation": rules}))
    tasks = [task for dag in dags for task in dag.tasks if task.task_id != "setup"]
    assert len(tasks) == 5
    assert all(task.obfuscation == rules for task in tasks)


WINDOW = {"from": None, "to": None}


@pytest.mark.parametrize(
    ("build", "values"),
    [(indicator_dag, {**WINDOW, "rebuild": []}), (alert_dag, {**WINDOW, "accept_change": False})],
)
def test_the_trigger_form_changes_nothing_until_it_is_filled_in(build: Any, values: dict[str, Any]) -> None:
    """Each field has a title and a description for people; as it is, a run reads its interval and rebuilds nothing."""
    params = build().params
    assert params.dump() == values
    for name in values:
        assert params.get_param(name).schema["title"][0].isupper()
        assert params.get_param(name).description.endswith(".")


def test_the_trigger_form_offers_the_lookups_of_the_dag() -> None:
    """The lookups to rebuild are chosen among those of the configuration; another name is refused when triggering."""
    from airflow.exceptions import ParamValidationError

    params = indicator_dag().params
    names = [f"Threatintel_Flashpoint_Intelligence_{each}" for each in ("Domain", "Ip_Dst_Port")]
    assert params.get_param("rebuild").schema["examples"] == names
    assert "A backfill rebuilds in each of its runs" in params.get_param("rebuild").description
    for chosen in ([], None, names[:1], names):
        params["rebuild"] = chosen
    with pytest.raises(ParamValidationError):
        params["rebuild"] = ["Domains"]


def test_the_trigger_form_can_be_drawn_by_airflow_2() -> None:
    """Its template tests each choice for being in the default, which must be a list, and draws one type as a switch."""
    assert isinstance(indicator_dag().params["rebuild"], list)
    assert alert_dag().params.get_param("accept_change").schema["type"] == "boolean"


@pytest.mark.parametrize(
    ("name", "data_set"),
    [
        ("flashpoint_credential", "credentials"),
        ("flashpoint_vulnerability", "vulnerabilities"),
        ("flashpoint_report", "reports"),
    ],
)
def test_each_further_input_is_a_dag_of_its_name(name: str, data_set: str) -> None:
    """Credentials, vulnerabilities and reports have a DAG each: setup >> pull, with the settings of the input."""
    from airflow_provider_flashpoint.streams.catalog import dags_of

    rules = [{"path": ["title"], "action": "mask"}]
    config = parse_collector_config({"inputs": {name: {"lag_s": 7, "filters": {"tags": "a"}, "obfuscation": rules}}})
    (dag,) = dags_of(config)
    pull = dag.get_task(f"pull_{data_set}")
    assert (dag.dag_id, set(dag.task_ids)) == (name, {"setup", f"pull_{data_set}"})
    assert (pull.kind, pull.tag, pull.lag) == (data_set, f"my.app.{name.replace('_', '.')}", timedelta(seconds=7))
    assert (pull.filters, pull.obfuscation, pull.max_active_tis_per_dag) == ({"tags": "a"}, rules, 1)
    assert pull.upstream_task_ids == {"setup"}
    setup = dag.get_task("setup")
    assert (setup.module, setup.data_set, setup.filters) == (name, data_set, [{"tags": "a"}])


def test_secrets_are_included_only_if_the_file_says_so() -> None:
    """The setting of the file reaches the task."""
    from airflow_provider_flashpoint.streams.catalog import dags_of

    for settings, expected in (({}, False), ({"include_secrets": True}, True)):
        (dag,) = dags_of(parse_collector_config({"flashpoint_credential": settings}))
        assert dag.get_task("pull_credentials").include_secrets is expected


def test_keywords_are_off_by_default() -> None:
    """By default only alerts are pulled."""
    assert set(alert_dag().task_ids) == {"setup", "pull_alerts"}


def test_each_dag_says_what_it_does() -> None:
    """The description names the lookups or the table; the documentation names their types and their Variables."""
    from airflow_provider_flashpoint.streams.catalog import dags_of

    many = [{name: {}} for name in ("domain", "url", "ipv4", "ipv6", "file", "extracted_config")]
    inputs = {"flashpoint_indicator": {"lookups": many}, "flashpoint_alert": {}, "flashpoint_report": {}}
    dags = {dag.dag_id: dag for dag in dags_of(parse_collector_config(inputs))}
    indicators, alerts, reports = (dags[name] for name in inputs)
    assert indicators.description.startswith("Flashpoint's indicators as lookups in Devo: Threatintel_Flashpoint_")
    assert indicators.description.endswith(" and 1 more")
    assert "* `Threatintel_Flashpoint_Intelligence_File`: indicators of type `file`" in indicators.doc_md
    table = "threatintel.flashpoint.intelligence.alerts"
    assert alerts.description == f"Flashpoint's alerts as events in Devo's table {table}"
    assert f"`flashpoint_alerts__{table}__<Devo domain>__" in alerts.doc_md
    assert "`flashpoint_alerts__my.app.flashpoint.report__reports__<Devo domain>__" in reports.doc_md
