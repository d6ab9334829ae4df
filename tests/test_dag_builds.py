"""What `config validate` calls valid, Airflow makes DAGs of; what it calls wrong has an import error, and no DAG."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.config import parse_collector_config
from airflow_provider_flashpoint.core.stream_key import StreamKey
from airflow_provider_flashpoint.errors import ConfigurationError
from tests.conftest import event_variable, lookup_variable

pytestmark = pytest.mark.airflow

DAG_FILES = sorted((Path(__file__).parents[1] / "dags").glob("*.py"))
Document = dict[str, Any]


def indicators(*types: str, **settings: Any) -> Document:
    """Return an input of these types, each with a lookup of its own."""
    lookups = [{each: {"lookup_key": "a", "lookup_name": f"L{number}"}} for number, each in enumerate(types)]
    return {"flashpoint_indicator": {"lookups": lookups, **settings}}


def alerts(**settings: Any) -> Document:
    return {"flashpoint_alert": settings}


def stored(dag: Any) -> Any:
    """Return a DAG as the scheduler gets it from Airflow's database."""
    from airflow.serialization import serialized_objects

    serialization = getattr(serialized_objects, "DagSerialization", serialized_objects.SerializedDAG)
    document = serialization.to_dict(dag)
    assert "\\u0000" not in json.dumps(document)  # PostgreSQL stores no NUL
    json.dumps(document, ensure_ascii=False).encode()
    return serialization.from_dict(document)


def schedule(dag: Any) -> None:
    """Find the next run of a DAG, as the DAG processor does when it stores the DAG."""
    from airflow.timetables.base import TimeRestriction

    read = stored(dag)
    assert len(dag.dag_id) <= 250
    assert all(len(tag) <= 100 for tag in dag.tags)
    assert all(len(task.task_id) <= 250 for task in dag.tasks)
    for key in (StreamKey(task.stream, "d" * 300, "f" * 250) for task in dag.tasks if hasattr(task, "stream")):
        assert len(lookup_variable(key)) <= 250
        assert len(event_variable(key)) <= 250
    for catchup in (False, True):
        restriction = TimeRestriction(earliest=read.start_date, latest=None, catchup=catchup)
        read.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)


@pytest.fixture
def dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAG folder with the shipped DAG files, and their configurations in a folder."""
    for file in DAG_FILES:
        shutil.copy(file, tmp_path)
    (tmp_path / "conf").mkdir()
    monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", "conf")
    return tmp_path


def parse(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Parse a DAG folder as Airflow does; return the DAGs by id, and the errors by the name of their file."""
    from airflow.models import DagBag

    bag = DagBag(dag_folder=str(folder))
    return dict(bag.dags), {Path(file).name: error for file, error in bag.import_errors.items()}


def put(folder: Path, **documents: Document | str) -> None:
    """Write configurations into the folder that the DAG files read."""
    for name, document in documents.items():
        text = document if isinstance(document, str) else json.dumps(document)
        (folder / "conf" / f"{name}.json").write_text(text)


def is_valid(document: Document) -> bool:
    try:
        parse_collector_config(document)
    except ConfigurationError:
        return False
    return True


LONG = "a" * 245
TABLE: list[tuple[Document, bool]] = [
    (indicators("ip-dst|port", "ip-dst_port"), True),
    (indicators("a|b", "a/b", "a_b", "a||b"), True),
    (indicators("Domain", "domain", "DOMAIN"), True),
    (indicators("日本", "日", "é", "_"), True),
    (indicators("..", ".", "...", "setup", "alerts"), True),
    (indicators(""), False),
    (indicators(LONG, LONG[:-1] + "|", LONG[:-1] + "_"), True),
    (indicators("a" * 246), False),
    (indicators("a" * 260), False),
    (indicators("a\0"), False),
    (indicators("{{ a }}"), False),
    (indicators("{{a}}"), False),
    (indicators("a", obfuscation=[{"path": "a b.\0", "action": "drop"}]), True),
    (alerts(request_period_in_seconds=0), False),
    (alerts(request_period_in_seconds=-1), False),
    (alerts(request_period_in_seconds=1), True),
    (alerts(request_period_in_seconds=604_800), True),
    (alerts(request_period_in_seconds=10**30), False),
    (alerts(initial_start_time="9999-12-31T23:59:59Z"), False),
    (alerts(initial_start_time="9999-12-31T23:59:59-14:00"), False),
    (alerts(initial_start_time="2999-12-31T23:59:59Z"), True),
    (alerts(initial_start_time="0001-01-01T00:00:00+14:00"), False),
    (alerts(initial_start_time="0001-01-01"), False),
    (alerts(initial_start_time="1900-01-01", catchup=True), True),
    (alerts(initial_start_time="2026-01-01T00:00:00+23:59"), True),
    (alerts(initial_start_time="2026-01-01T00:00:00+24:00"), False),
    (alerts(initial_start_time=5), False),
    (alerts(environment="e" * 64), True),
    (alerts(environment="e" * 65), False),
    (alerts(environment="e" * 101), False),
    (alerts(environment="a\0b"), False),
    (alerts(environment="a\ud800b"), False),
    (alerts(environment="Größe, 日本"), True),
    (alerts(devo_conn_id="a b"), False),
    (alerts(devo_conn_id="é"), True),
    (alerts(devo_conn_id="a" * 250), True),
    (alerts(devo_conn_id="a" * 251), False),
    (alerts(devo_conn_id=""), False),
    (alerts(staging_uri="s3://bucket/a\0b"), False),
    (alerts(tag="a." + "b" * 1022), True),
    (alerts(tag="a." + "b" * 1023), False),
    (alerts(max_active_runs=1000), True),
    (alerts(max_active_runs=1001), False),
    (alerts() | {"name": "n" * 64}, True),
    (alerts() | {"name": "n" * 65}, False),
    (alerts() | {"name": "flashpoint_alert"}, True),
    (alerts() | {"name": "a.b"}, False),
    (alerts() | {"name": ""}, False),
    (alerts() | {"name": 7}, True),
]


@pytest.mark.parametrize(("document", "valid"), TABLE)
def test_a_configuration_is_valid_exactly_if_its_dags_are_built(document: Document, valid: bool, dags: Path) -> None:
    """Validation and the DAG files agree, for values at and beyond each limit."""
    put(dags, one=document)
    found, errors = parse(dags)
    for dag in found.values():
        schedule(dag)
    assert is_valid(document) == valid
    assert (not errors, len(found)) == (valid, int(valid))
    assert valid or "ConfigurationError" in errors["flashpoint_configuration.py"]


TEXTS = st.text(st.characters(max_codepoint=0x2FFF), max_size=3) | st.text("a|_/.-{%\0", max_size=4)
TYPES = st.lists(TEXTS | st.text("|_", min_size=244, max_size=246), min_size=1, max_size=4)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "environment": TEXTS,
        "initial_start_time": st.datetimes().map(str) | TEXTS,
        "request_period_in_seconds": st.integers(-1, 604_801),
        "flashpoint_conn_id": TEXTS,
        "staging_uri": TEXTS.map("s3://bucket/".__add__),
        "max_active_runs": st.integers(-1, 1001),
        "lag_s": st.integers(-1, 604_801),
    },
)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Draw a configuration with values at the limits of what ids, tags and schedules can hold."""
    document = indicators(*draw(TYPES), **draw(SETTINGS)) if draw(st.booleans()) else alerts(**draw(SETTINGS))
    return document | ({"name": draw(TEXTS)} if draw(st.booleans()) else {})


@given(documents())
def test_any_valid_configuration_makes_dags(document: Document) -> None:
    """Whatever is valid is built, stored and scheduled; anything else is refused in words."""
    from airflow_provider_flashpoint.streams.catalog import dags_of

    try:
        config = parse_collector_config(document)
    except ConfigurationError:
        return
    (dag,) = dags_of(config)
    dag.validate()
    schedule(dag)


def test_a_wrong_configuration_does_not_stop_the_others(dags: Path) -> None:
    """Airflow runs no DAG of a file with an import error, so the error is that of a file without DAGs."""
    put(dags, a={"name": "a", **alerts(), **indicators("url")}, b={"name": "b", "flashpoint_alert": {"tga": 1}}, c="{")
    found, errors = parse(dags)
    assert set(found) == {"flashpoint_alert__a", "flashpoint_indicator__a"}
    assert list(errors) == ["flashpoint_configuration.py"]
    assert "b.json: 1 problem found." in errors["flashpoint_configuration.py"]
    assert "c.json: line 1" in errors["flashpoint_configuration.py"]


def test_each_configuration_has_its_own_pair_of_dags(dags: Path) -> None:
    """The name ends the ids and is a tag; without a name, ids and tags are as before."""
    both = {**alerts(devo_conn_id="one"), **indicators("url", devo_conn_id="one")}
    put(dags, a=both, b={"name": "acme", **alerts(), **indicators("ip-dst|port")})
    found, errors = parse(dags)
    assert errors == {}
    assert {dag_id: set(dag.tags) - {"flashpoint", "devo"} for dag_id, dag in found.items()} == {
        "flashpoint_indicator": set(),
        "flashpoint_alert": set(),
        "flashpoint_indicator__acme": {"configuration:acme"},
        "flashpoint_alert__acme": {"configuration:acme"},
    }
    assert found["flashpoint_alert__acme"].get_task("setup").module == "flashpoint_alert"
    assert "pull_ip-dst_port" in found["flashpoint_indicator__acme"].task_ids


def test_a_task_builds_its_own_dag_alone(dags: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process of a task parses the file too, and needs no DAG of another configuration."""
    put(dags, **{name: {"name": name, **alerts(devo_conn_id=name)} for name in "abc"})
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "flashpoint_alert__b")
    assert list(parse(dags)[0]) == ["flashpoint_alert__b"]


def test_one_reading_makes_all_dags_of_events(
    dags: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The file of several inputs reads the configurations once, so it logs a wrong one once; a task builds its DAG."""
    from airflow_provider_flashpoint.dag_factory import event_dags

    names = ["flashpoint_credential", "flashpoint_vulnerability", "flashpoint_report"]
    put(dags, a=dict.fromkeys(names), b={"name": "b", **{each: {"devo_conn_id": "b"} for each in names}}, wrong="{")
    with caplog.at_level(logging.ERROR):
        built = [dag.dag_id for dag in event_dags(dags)]
    assert built == [*names, *(f"{name}__b" for name in names)]
    assert caplog.text.count("What is wrong here has no DAG or task.") == 1
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "flashpoint_report__b")
    assert [dag.dag_id for dag in event_dags(dags)] == ["flashpoint_report__b"]


def test_the_dag_folder_of_0_1_0_still_works(dags: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DAG files that read one configuration make the DAGs of the nameless one."""
    for file in DAG_FILES:
        (dags / file.name).unlink()
    (dags / "flashpoint_alert.py").write_text(
        "from pathlib import Path\n"
        "from airflow_provider_flashpoint.config import collector_config_path, load_collector_config\n"
        "from airflow_provider_flashpoint.dag_factory import alert_dag\n"
        "config = load_collector_config(collector_config_path(Path(__file__).parent))\n"
        "if config.alerts:\n"
        "    dag = alert_dag(config.alerts)\n"
    )
    monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", "conf/one.json")
    put(dags, one=alerts())
    found, errors = parse(dags)
    assert (list(found), errors) == (["flashpoint_alert"], {})
