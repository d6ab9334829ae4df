"""The command line knows all configurations: those of the variable, of a folder, and of repeated options."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import LOOKUPS, TAG, call, document

pytestmark = pytest.mark.airflow


def named(content: dict[str, Any], name: str, *, devo: str = "devo_default", tag: str = TAG) -> dict[str, Any]:
    """Return a configuration of this name, which delivers over the connection ``devo``, its alerts into ``tag``."""
    content = copy.deepcopy(content)
    for entry in content["inputs"].values():
        entry["devo_conn_id"] = devo
    content["inputs"]["flashpoint_alert"]["services"]["alerts"]["tag"] = tag
    return {"name": name, **content}


@pytest.fixture
def folder(tmp_path: Path, staging: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, named by the variable, with the nameless configuration and one for another Devo."""
    (folder := tmp_path / "conf").mkdir()
    (folder / "first.json").write_text(json.dumps(document(staging)))
    (folder / "second.json").write_text(json.dumps(named(document(staging), "acme", devo="devo_acme")))
    monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", str(folder))
    return folder


def test_validate_lists_each_file(folder: Path) -> None:
    """Each file has its verdict; one that is wrong does not hide the others, and one of another program is ignored."""
    (folder / "third.json").write_text('{"name": "third", "inputs": {}}')
    (folder / "compose.yaml").write_text("services: {}")
    outcome = call("config", "validate", "--api", "legacy")
    assert outcome.exit_code == 1
    assert outcome.out.splitlines() == [
        f"{folder / 'compose.yaml'}: ignored, since it has no key of the collector",
        f"{folder / 'first.json'}: valid, 2 lookups and alerts into {TAG}",
        f"{folder / 'third.json'}: not valid",
        "  inputs: at least one input is needed, of flashpoint_indicator, flashpoint_alert, flashpoint_credential, "
        "flashpoint_vulnerability, flashpoint_report.",
        f"{folder / 'second.json'}: valid, 2 lookups and alerts into {TAG}",
    ]


def test_the_json_of_validate_has_all_files(folder: Path) -> None:
    """Each configuration is an object, and the keys of a single file hold all problems."""
    (folder / "third.json").write_text('{"name": "acme", "flashpoint_alert": {}}')
    found = call("config", "validate", "--json").json
    assert [(each["name"], len(each["problems"])) for each in found["configurations"]] == [
        ("", 0),
        (None, 1),
        (None, 1),
    ]
    assert len(found["problems"]) == 2
    assert found["problems"][0].startswith("name: 'acme' is the name of ")


@pytest.mark.parametrize("form", ["folder", "files", "option"])
def test_explain_shows_the_dags_of_all(form: str, folder: Path, airflow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, several arguments and the variable lead to the same DAGs."""
    monkeypatch.delenv("FLASHPOINT_COLLECTOR_CONFIG")
    files = [folder / "first.json", folder / "second.json"]
    if form == "option":
        monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", ":".join(map(str, files)))
    outcome = call("config", "explain", *{"folder": [folder], "files": files, "option": []}[form])
    assert [line for line in outcome.out.splitlines() if line.startswith(("DAG", str(folder)))] == [
        str(files[0]),
        "DAG flashpoint_indicator",
        "DAG flashpoint_alert",
        str(files[1]),
        "DAG flashpoint_indicator__acme",
        "DAG flashpoint_alert__acme",
    ]
    assert "configuration:acme" in outcome.out


def test_state_lists_the_streams_of_all(folder: Path, airflow: None, connections: Callable[..., None]) -> None:
    """Streams of one name are listed once for each configuration; a wrong file is noted, and hides no other."""
    (folder / "third.json").write_text("{")
    found = call("state", "show", "--json").json
    assert [each["name"] for each in found["states"]] == [*LOOKUPS.values(), TAG] * 2
    assert "third.json: line 1, column 2: not valid JSON" in found["notes"][0]
    assert call("state", "show", "--config", folder / "third.json").exit_code == 1
    one = call("state", "show", "--json", "--config", folder / "first.json").json
    assert len(one["states"]) == 3


def test_preview_asks_which_configuration_is_meant(
    folder: Path, airflow: None, connections: Callable[..., None]
) -> None:
    """A type of two configurations is ambiguous; `--config` chooses one of them."""
    window = ("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T06:00:00Z")
    outcome = call("preview", "indicators", "--type", "domain", *window)
    assert outcome.exit_code == 2
    assert "in several DAGs: flashpoint_indicator, flashpoint_indicator__acme. Name a file by --config." in outcome.err
    assert call("preview", "indicators", "--type", "domain", *window, "--config", folder / "first.json").exit_code == 0


class TestCheck:
    """`check` with several configurations."""

    def test_all_configurations_and_connections_are_checked_once(
        self, folder: Path, staging: Path, airflow: None, connections: Callable[..., None]
    ) -> None:
        """Each file has a line, each connection its checks, and a wrong file hides nothing."""
        (folder / "third.json").write_text(json.dumps(named(document(staging), "third", tag="my.app.third")))
        (folder / "wrong.json").write_text("{")
        outcome = call("check", "--json")
        parts = [each["part"] for each in outcome.json["findings"]]
        assert parts[:4] == ["configuration"] * 4
        assert parts.count("flashpoint_default: alerts") == parts.count("devo_default: events") == 1
        assert "devo_acme: fields" in parts
        bad = [each["said"] for each in outcome.json["findings"] if not each["good"]]
        assert any("wrong.json: line 1" in said for said in bad)
        # The third one has the lookups of the nameless one.
        assert any("the lookup Domains over devo_default is filled by" in said for said in bad)

    @pytest.mark.parametrize(("domain", "good"), [("sandbox", False), (" Sandbox", False), ("other", True)])
    def test_two_connections_to_one_domain(
        self,
        domain: str,
        good: bool,
        folder: Path,
        airflow: None,
        connections: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
        request: pytest.FixtureRequest,
    ) -> None:
        """Two connections of one domain lead to the same streams, which two DAGs must not fill."""
        fields = json.loads(request.getfixturevalue("sandbox").airflow_connections()["AIRFLOW_CONN_DEVO_DEFAULT"])
        fields["extra"] = {**fields["extra"], "domain": domain}
        monkeypatch.setenv("AIRFLOW_CONN_DEVO_ACME", json.dumps(fields))
        (finding,) = [each for each in call("check", "--json").json["findings"] if each["part"] == "streams"]
        assert finding["good"] is good
        for stream in ("Domains in sandbox", f"{TAG} in sandbox, from flashpoint_default,"):
            filled = f"{stream} is filled by flashpoint_"
            assert filled in finding["said"] or finding["said"] == "6 streams, each filled by one DAG."

    def test_two_flashpoints_for_one_domain(
        self,
        folder: Path,
        staging: Path,
        airflow: None,
        connections: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
        request: pytest.FixtureRequest,
    ) -> None:
        """Two Flashpoints may add to one table, but a lookup of two is told: each would replace the other's rows."""
        given = request.getfixturevalue("sandbox").airflow_connections()
        monkeypatch.setenv("AIRFLOW_CONN_DEVO_ACME", given["AIRFLOW_CONN_DEVO_DEFAULT"])
        monkeypatch.setenv("AIRFLOW_CONN_FLASHPOINT_ACME", given["AIRFLOW_CONN_FLASHPOINT_DEFAULT"])
        second = named(document(staging), "acme", devo="devo_acme")
        for entry in second["inputs"].values():
            entry["flashpoint_conn_id"] = "flashpoint_acme"
        (folder / "second.json").write_text(json.dumps(second))
        (finding,) = [each for each in call("check", "--json").json["findings"] if each["part"] == "streams"]
        assert "Domains in sandbox is filled by flashpoint_indicator and flashpoint_" in finding["said"]
        assert TAG not in finding["said"]


def test_check_reports_a_wrong_lookup_and_examines_the_rest(folder: Path, staging: Path) -> None:
    """A file with a wrong lookup is reported, and its other lookups and inputs are examined."""
    content = document(staging)
    content["inputs"]["flashpoint_indicator"]["services"]["indicators"]["lookups"].append({"md5": {"lookup_kye": "a"}})
    (folder / "first.json").write_text(json.dumps(content))
    findings = call("check", "--json").json["findings"]
    said = {(each["part"], each["good"]): each["said"] for each in findings}
    assert "lookup_kye: unknown key" in said["configuration", False]
    assert {"flashpoint_indicator", "flashpoint_alert"} <= {*said["DAGs", True].rstrip(".").split(", ")}
