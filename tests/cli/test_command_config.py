"""`airflow-flashpoint config`: it reports every problem of a file, and explains what the file makes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_flashpoint.config import LookupConfig
from tests.cli.conftest import LOOKUPS, TAG, call, document


def write(file: Path, content: object) -> Path:
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def test_a_good_file_is_good(config: Path) -> None:
    """A valid file exits with 0, with a short summary."""
    outcome = call("config", "validate", "--api", "legacy")
    assert outcome.exit_code == 0
    assert outcome.out == f"{config}: valid, 2 lookups and alerts into {TAG}\n"


def test_every_problem_has_key_value_and_allowed_values(tmp_path: Path, staging: Path) -> None:
    """All problems of a file are reported at once."""
    content = document(staging)
    content["inputs"]["flashpoint_alert"]["services"]["alerts"]["tag"] = "no tag"
    content["inputs"]["flashpoint_indicator"]["services"]["indicators"]["lookups"][0]["domain"]["lookup_status"] = "Old"
    outcome = call("config", "validate", write(tmp_path / "wrong.json", content), "--json")
    assert outcome.exit_code == 1
    status, tag = outcome.json["problems"]
    assert "lookups[0].domain.lookup_status: 'Old' is not allowed; give New or Created" in status
    assert "alerts.tag: 'no tag' is not allowed; give ASCII letters" in tag


def test_a_secret_in_the_file_is_not_shown(tmp_path: Path, staging: Path) -> None:
    """Credentials in the file are refused, and their value is not shown."""
    content = document(staging)
    content["inputs"]["flashpoint_alert"]["credentials"] = {"bearer_token_base64": "c2VjcmV0LXRva2Vu"}
    outcome = call("config", "validate", write(tmp_path / "secret.json", content))
    assert outcome.exit_code == 1
    assert "airflow connections add" in outcome.out
    assert "c2VjcmV0LXRva2Vu" not in outcome.out + outcome.err


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    """A file that does not exist is reported like any other problem."""
    outcome = call("config", "validate", tmp_path / "none.yaml", "--json")
    assert outcome.exit_code == 1
    assert outcome.json["problems"][0].startswith("there is no such file.")


def test_no_file_at_all_names_the_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If no file is found, the message names the places."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLASHPOINT_COLLECTOR_CONFIG", raising=False)
    monkeypatch.delenv("AIRFLOW__CORE__DAGS_FOLDER", raising=False)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "home"))
    outcome = call("config", "validate")
    assert outcome.exit_code == 1
    assert "dags/flashpoint_collector.yaml, nor at" in outcome.err
    assert str(tmp_path / "home" / "dags" / "flashpoint_collector.yaml") in outcome.err


def test_the_file_in_the_dags_folder_is_found(tmp_path: Path, staging: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument, `dags/` of the working directory is searched."""
    (tmp_path / "dags").mkdir()
    write(tmp_path / "dags" / "flashpoint_collector.yaml", document(staging))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLASHPOINT_COLLECTOR_CONFIG", raising=False)
    monkeypatch.delenv("AIRFLOW__CORE__DAGS_FOLDER", raising=False)
    assert call("config", "validate", "--json").json["file"] == "dags/flashpoint_collector.yaml"


def test_keys_that_are_not_used_are_noted(tmp_path: Path, staging: Path) -> None:
    """A key that only the collector uses is noted, and is not a problem."""
    outcome = call("config", "validate", write(tmp_path / "notes.json", {**document(staging), "outputs": {"a": 1}}))
    assert outcome.exit_code == 0
    assert "note: outputs is not used: where Devo is" in outcome.out


def test_validate_works_without_airflow(config: Path) -> None:
    """Where Airflow is not installed, the file is validated all the same, and nothing else tries to import Airflow."""
    code = (
        "import sys; sys.modules['airflow'] = None; from airflow_provider_flashpoint.cli.main import main; "
        "sys.exit(main(['config', 'validate', '--api', 'legacy']))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{config}: valid, 2 lookups and alerts into {TAG}\n")


@pytest.mark.airflow
def test_validate_asks_the_connection_for_the_api_generation(
    config: Path, airflow: None, connections: Callable[..., None]
) -> None:
    """Types are compared with the generation of the connection; nothing is requested, and both ways out are named."""
    connections(flashpoint={"host": "https://api.flashpoint.io"})
    (problem,) = call("config", "validate", "--json").json["problems"]
    assert problem.startswith(
        "flashpoint_indicator.lookups: Flashpoint has no indicators of type ip-dst|port with api ignite_v2. Its types"
    )
    assert "`airflow-flashpoint config migrate FILE --to ignite_v2`" in problem
    assert "ip-dst|port exists with api ignite_v1 and legacy." in problem
    assert "or set `api` in the Flashpoint connection." in problem


def test_validate_with_an_api_generation(config: Path) -> None:
    """An API generation that is named outranks the connection, so that a file is validated before a change."""
    assert call("config", "validate", "--api", "ignite_v1").out == f"{config}: valid, 2 lookups and alerts into {TAG}\n"
    assert call("config", "validate", "--api", "ignite_v2").exit_code == 1


def test_filters_of_another_generation(config: Path, staging: Path) -> None:
    """A filter that the generation does not have is a problem, with the generations that have it."""
    content = document(staging)
    content["inputs"]["flashpoint_alert"]["services"]["alerts"]["filters"] = {"status": "flagged"}
    write(config, content)
    (problem,) = call("config", "validate", "--api", "legacy", "--json").json["problems"]
    assert problem == (
        "flashpoint_alert.filters.status: 'status' is not a filter of /api/alerting/v1/alerts, which has no filters. "
        "Leave it out, or set `api` in the Flashpoint connection to ignite_v1 or ignite_v2, which has it."
    )


def test_every_problem_with_the_generation_names_the_path_of_its_key(tmp_path: Path) -> None:
    """All wrong types, filters and options are reported at once; one that lookups share is reported once."""
    lookups = [
        {"domain": {"filters": {"score": "bad", "query": "acme"}}},
        {"url": {"filters": {"score": "bad"}, "embed": "made_up"}},
        {"ip-dst": {}},
        {"foo-bar": {}},
    ]
    inputs = {
        "flashpoint_indicator": {"lookups": lookups},
        "flashpoint_alert": {"filters": {"made_up": "x"}, "keywords": {"path": "/x"}},
    }
    file = write(tmp_path / "wrong.json", {"inputs": inputs})
    problems = call("config", "validate", "--api", "ignite_v2", file, "--json").json["problems"]
    starts = [
        "flashpoint_indicator.lookups: Flashpoint has no indicators of type ip-dst, foo-bar with api ignite_v2.",
        "flashpoint_indicator.lookups.domain.filters.score and flashpoint_indicator.lookups.url.filters.score: The "
        "filter score of /technical-intelligence/v2/indicators is ",
        "flashpoint_indicator.lookups.domain.filters.query: 'query' is not a filter of /technical-intelligence/v2/",
        "flashpoint_indicator.lookups.url.embed: embed is made_up for /technical-intelligence/v2/indicators",
        "flashpoint_alert.filters.made_up: 'made_up' is not a filter of ",
        "flashpoint_alert: keywords cannot be read with api ignite_v2",
    ]
    assert [problem[: len(start)] for problem, start in zip(problems, starts, strict=True)] == starts


def test_validate_says_what_it_did_not_check(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a generation the rest of the file is validated, and a note says why types and filters were not."""
    monkeypatch.setenv("AIRFLOW_CONN_FLASHPOINT_DEFAULT", '{"conn_type": "flashpoint"}')
    outcome = call("config", "validate")
    assert outcome.exit_code == 0
    text = "note: The types and filters were not checked, since the connection flashpoint_default cannot be read: "
    assert text in outcome.out
    assert "Name the API generation with --api." in outcome.out


@pytest.mark.airflow
def test_validate_builds_the_dags(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Airflow raises when it builds a DAG, such as an error of a policy, is a problem of the file."""
    from airflow.providers.common.compat.sdk import DAG

    def refuse(dag: DAG) -> None:
        raise ValueError(f"{dag.dag_id} has no owner")

    monkeypatch.setattr(DAG, "validate", refuse)
    outcome = call("config", "validate")
    assert outcome.exit_code == 1
    assert "  Airflow does not build the DAGs: ValueError: flashpoint_indicator has no owner\n" in outcome.out


def test_the_schema_is_printed_for_editors() -> None:
    """The output is the JSON schema itself, and with --json it is under one key."""
    schema = json.loads(call("config", "schema").out)
    assert "flashpoint_alert" in schema["properties"]["inputs"]["properties"]
    assert call("config", "schema", "--json").json == {"good": True, "schema": schema}


@pytest.mark.airflow
def test_explain_describes_each_setting_by_its_key(config: Path, airflow: None) -> None:
    """Each setting of a stream has its key in the file, its value, and the description of the model."""
    (line,) = [line for line in call("config", "explain").out.splitlines() if line.startswith("    lookup_key  ")][:1]
    key, value, description = line.split(maxsplit=2)
    assert (key, value) == ("lookup_key", "value.domain")
    assert description == LookupConfig.model_fields["lookup_key"].description


@pytest.mark.airflow
def test_explain_shows_the_dags_of_the_dag_folder(
    config: Path, airflow: None, connections: Callable[..., None]
) -> None:
    """The DAGs, their tasks, and each stream with its Variable are those of the DAG factory."""
    found = call("config", "explain", "--json").json
    indicators, alerts = found["dags"]
    assert indicators["dag_id"] == "flashpoint_indicator"
    assert [task["task_id"] for task in indicators["tasks"]] == [
        "setup",
        "pull_domain",
        "sync_domain",
        "pull_ip-dst_port",
        "sync_ip-dst_port",
    ]
    assert [stream["variable"] for stream in indicators["streams"]] == [
        f"flashpoint_lookup__{name}__sandbox__flashpoint_default" for name in LOOKUPS.values()
    ]
    assert alerts["streams"][0]["variable"] == f"flashpoint_alerts__{TAG}__sandbox__flashpoint_default"
    assert indicators["streams"][0]["window_of_a_build"]["from"] == "2026-01-01T00:00:00Z"


@pytest.mark.airflow
def test_explain_of_the_alerts_and_of_lookups(config: Path, airflow: None) -> None:
    """Alerts have no setting of other events, and links of the documentation are names of its files."""
    alerts = call("config", "explain", "--json").json["dags"][1]["streams"][0]
    assert "verify" in alerts
    assert not {"include_secrets", "path"} & alerts.keys()
    out = call("config", "explain").out
    assert "see filters (docs/configuration.md#filters)" in out
    assert "these (docs/lookups.md#columns)" in out


@pytest.mark.airflow
def test_explain_names_the_input_without_a_dag(tmp_path: Path, staging: Path, airflow: None) -> None:
    """An input that is off has no DAG, and the text says so."""
    content = document(staging)
    content["inputs"]["flashpoint_alert"]["enabled"] = False
    outcome = call("config", "explain", write(tmp_path / "half.json", content))
    assert outcome.exit_code == 0
    assert "flashpoint_alert is off or not in the file: it has no DAG." in outcome.out
    assert "domain into the lookup Domains" in outcome.out


@pytest.mark.airflow
def test_explain_of_a_wrong_file_is_an_error(tmp_path: Path, airflow: None) -> None:
    """An invalid file is an error."""
    outcome = call("config", "explain", write(tmp_path / "wrong.json", {"inputs": {}}), "--json")
    assert outcome.exit_code == 1
    assert "at least one input is needed" in outcome.json["error"]
