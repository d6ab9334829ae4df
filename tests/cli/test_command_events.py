"""The command line knows credentials, vulnerabilities and reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")

from sandbox.dataset.events.credentials import MARKER, credentials
from sandbox.flashpoint.server import FlashpointServer
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.sandbox import Sandbox
from tests.cli.conftest import END, START, WINDOW, call

pytestmark = pytest.mark.airflow

INPUTS: dict[str, Any] = {
    "flashpoint_credential": {"filters": {"is_fresh": True}},
    "flashpoint_vulnerability": {},
    "flashpoint_report": {},
}


@pytest.fixture(autouse=True)
def setup(
    airflow: None,
    sandbox: Sandbox,
    connections: Callable[..., None],
    staging: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Airflow, a connection to Ignite, and a file with the three inputs alone."""
    file = tmp_path / "events.json"
    inputs = {name: {"staging_uri": staging.as_uri(), **settings} for name, settings in INPUTS.items()}
    file.write_text(json.dumps({"inputs": inputs}), encoding="utf-8")
    monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", str(file))
    connections(flashpoint={"extra": {"api": "ignite_v2"}})
    sandbox.flashpoint.store.publish_credentials(credentials(3, 40, START, END))


def test_check_makes_a_request_of_each_data_set(connections: Callable[..., None]) -> None:
    """The check names each data set, and fails with the reason where the API generation has none of them."""
    names = [f"flashpoint_default: {each}" for each in ("credentials", "vulnerabilities", "reports")]
    found = {each["part"]: each["good"] for each in call("check", "--json").json["findings"]}
    assert [name for name in names if found.get(name)] == names
    assert found["devo_default: events"]
    connections(flashpoint={"extra": {"api": "legacy"}})
    said = {each["part"]: each["said"] for each in call("check", "--json").json["findings"]}
    lines = said["flashpoint_default: settings"].split("\n")
    assert len(lines) == len(names)
    assert all("it can be with: ignite_v1, ignite_v2" in line for line in lines)


def test_explain_prints_the_settings_that_the_file_may_have() -> None:
    """Each input has the settings of its own model alone, and no description has a link of markdown."""
    dags = call("config", "explain", "--json").json["dags"]
    found = {stream["kind"]: stream.keys() for dag in dags for stream in dag["streams"]}
    assert [kind for kind in found if "include_secrets" in found[kind]] == ["credentials"]
    assert all(not keys & {"verify", "verify_timeout_s", "path"} for keys in found.values())
    assert "](" not in call("config", "explain").out


def test_preview_shows_events_without_secrets() -> None:
    """A preview of credentials shows what a run would deliver: those of the filter, without secrets."""
    outcome = call("preview", "events", "--kind", "credentials", *WINDOW, "--rows", "50", "--json")
    assert 0 < outcome.json["sent"] == len(outcome.json["lines"]) < 40
    assert all(json.loads(line)["_source"]["is_fresh"] for line in outcome.json["lines"])
    assert MARKER not in outcome.out


def test_the_method_of_a_preview_is_that_of_the_request(connections: Callable[..., None]) -> None:
    """A preview of vulnerabilities that are requested by a POST says so."""
    with FlashpointServer(FlashpointSettings(vulnerability_request="post")) as server:
        extra = {"api": "ignite_v2", "vulnerability_request": "post"}
        connections(flashpoint={**server.airflow_connection(), "extra": extra})
        found = call("preview", "events", "--kind", "vulnerabilities", *WINDOW, "--json").json
    assert found["request"]["method"] == "POST"


def test_explain_lists_the_dags_and_their_tables() -> None:
    """`config explain` shows a DAG and a table for each input, and `state show` a stream."""
    dags = call("config", "explain", "--json").json["dags"]
    assert [dag["dag_id"] for dag in dags] == list(INPUTS)
    tables = [f"my.app.{name.replace('_', '.')}" for name in INPUTS]
    assert [stream["tag"] for dag in dags for stream in dag["streams"]] == tables
    names = [state["name"] for state in call("state", "show", "--json").json["states"]]
    assert [name.partition("__")[0] for name in names] == tables
