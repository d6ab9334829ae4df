"""What is right in a wrong file keeps its DAGs and tasks; the rest is left out and reported."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from airflow_provider_flashpoint.config import load_collector_configs
from airflow_provider_flashpoint.errors import ConfigurationError

INDICATORS = """
  flashpoint_indicator:
    {indicators}
    lookups:
      - domain: {{{domain}}}
      - url: {{{url}}}
      {entry}
"""
ALERTS = """
  flashpoint_alert:
    {alerts}
    tag: my.app.alerts
"""


def write(folder: Path, root: str = "", **changes: str) -> Path:
    """Write a configuration with both inputs, changed in these places; return its folder."""
    places = dict.fromkeys(("indicators", "domain", "url", "entry", "alerts"), "") | changes
    text = f"{root}\ninputs:{INDICATORS}{ALERTS}".format(**places)
    (folder / "flashpoint_collector.yaml").write_text(text)
    return folder


def built(folder: Path) -> dict[str, list[str]]:
    """Return the lookups and the tables that the DAG files make tasks for."""
    (config,) = load_collector_configs(folder)
    lookups = [lookup.indicator_type for lookup in config.indicators.lookups] if config.indicators else []
    return {"lookups": lookups, "tables": [config.alerts.tag] if config.alerts else []}


def problem(folder: Path) -> str:
    """Return the import error of the DAG file that shows problems."""
    with pytest.raises(ConfigurationError) as caught:
        load_collector_configs(folder, strict=True)
    return str(caught.value)


@pytest.fixture(autouse=True)
def variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLASHPOINT_COLLECTOR_CONFIG", raising=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "lookup_kee: a"},
        {"url": "lookup_status: Nwe"},
        {"url": "filters: {score: 1, b: {}}"},
        {"indicators": "indicators.url.lookup_name: no-name"},
        {"url": "password: hunter2"},
        {"url": "lookup_name: Threatintel_Flashpoint_Intelligence_Domain"},
    ],
)
def test_a_wrong_lookup_is_left_out_alone(
    tmp_path: Path, changes: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """A typo in one lookup stops neither the other lookups nor the alerts, and is an import error and in the log."""
    folder = write(tmp_path, **changes)
    assert built(folder) == {"lookups": ["domain"], "tables": ["my.app.alerts"]}
    assert "1 problem found." in problem(folder)
    (record,) = caplog.records
    assert (record.levelno, "What is wrong here has no DAG or task." in record.message) == (logging.ERROR, True)


@pytest.mark.parametrize(
    "entry",
    ["- hash", "- {}", "- 'a, b': {}", "- url: {lookup_key: other}", "- file: {lookup_kee: a}", "- {md5: {score: 1}}"],
)
def test_a_wrong_entry_of_the_list_is_left_out_alone(tmp_path: Path, entry: str) -> None:
    """An entry that is no lookup, or a second one of a type, leaves the others."""
    folder = write(tmp_path, entry=entry)
    assert built(folder) == {"lookups": ["domain", "url"], "tables": ["my.app.alerts"]}
    assert "1 problem found." in problem(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"entry": "- obfuscation: [{path: a, action: drop}]"},
        {"entry": "- obfuscation: {path: a, action: drop}"},
        {"entry": "- obfuscation:"},
        {"entry": "- obfuscatoin: {path: a, action: drop}"},
        {"entry": "- obfuscation"},
        {"entry": "- [{obfuscation: []}]"},
        {"entry": "- md5: {}\n        obfuscation: [{path: a, action: drop}]"},
        {"entry": "- md5: {}\n        devo_conn_id: devo_emea"},
        {"entry": "- md5: {}\n        page_size: 10"},
        {"entry": "- rules: [{path: a, action: drop}]"},
        {"entry": "- true: [{path: a, action: drop}]"},
        {"entry": "- settings: {obfuscation: []}"},
        {"entry": "- lookup_key: x"},
        {"entry": "- filtres: {score: 1}"},
        {"url": "obfuscation: [{path: a, action: drop}]"},
        {"entry": "- url: {obfuscation: [{path: a, action: drop}]}"},
        {"url": "Devo_conn: devo_emea"},
        {"indicators": "indicators.url.obfuscation: []"},
    ],
)
def test_a_setting_of_the_input_among_its_lookups_stops_the_input(tmp_path: Path, changes: dict[str, str]) -> None:
    """Without it, the right lookups would run without obfuscation, or into another Devo."""
    folder = write(tmp_path, **changes)
    assert built(folder) == {"lookups": [], "tables": ["my.app.alerts"]}
    assert "found." in problem(folder)


@pytest.mark.parametrize("setting", ["obfuscation: [{path: a, action: drop}]", "devo_conn_id: devo_emea"])
def test_a_setting_of_the_input_in_a_mapping_of_lookups(tmp_path: Path, setting: str) -> None:
    """Lookups in the shape of a mapping are no exception, and the problem names the right place."""
    text = f"inputs: {{flashpoint_indicator: {{lookups: {{domain: {{}}, {setting}}}}}, flashpoint_alert: {{}}}}"
    (tmp_path / "flashpoint_collector.yaml").write_text(text)
    assert built(tmp_path)["lookups"] == []
    assert f"{setting.partition(':')[0]} is a setting of all lookups; put it beside lookups" in problem(tmp_path)


def test_a_secret_among_the_lookups_is_not_shown(tmp_path: Path) -> None:
    """The problem of a secret in the place of a lookup names its key alone."""
    assert "hunter2" not in problem(write(tmp_path, entry="- password: hunter2"))


@pytest.mark.parametrize(
    "setting",
    [
        "lag_s: soon",
        "max_active_runs: 0",
        "obfuscation: [{path: a}]",
        "obfuscatoin: []",
        "credentials: {password: hunter2}",
        "obfuscation: [{path: value.url, action: drop}]",
    ],
)
def test_a_wrong_setting_of_an_input_stops_that_input_alone(tmp_path: Path, setting: str) -> None:
    """A setting that all lookups have leaves none of them, and all of the alerts; and the other way round."""
    tmp_path.joinpath("a").mkdir()
    folder = write(tmp_path / "a", indicators=setting)
    assert built(folder) == {"lookups": [], "tables": ["my.app.alerts"]}
    if "value.url" not in setting:
        folder = write(tmp_path, alerts=setting)
        assert built(folder) == {"lookups": ["domain", "url"], "tables": []}


def test_lookups_that_are_all_wrong(tmp_path: Path) -> None:
    """Without a right lookup there is no DAG of indicators."""
    folder = write(tmp_path, domain="lookup_kee: a", url="lookup_kee: a")
    assert built(folder) == {"lookups": [], "tables": ["my.app.alerts"]}
    assert "2 problems found." in problem(folder)


def test_a_misspelled_input_leaves_the_others(tmp_path: Path) -> None:
    """An input with a typo in its name is reported, and the others are built."""
    folder = write(tmp_path)
    file = folder / "flashpoint_collector.yaml"
    file.write_text(file.read_text().replace("flashpoint_alert", "flashpoint_alrt"))
    assert built(folder) == {"lookups": ["domain", "url"], "tables": []}
    assert "did you mean flashpoint_alert?" in problem(folder)


@pytest.mark.parametrize("root", ["obfuscation: []", "nmae: acme", "name: 'a b'", "password: hunter2"])
def test_a_problem_outside_of_the_inputs_stops_the_whole_file(tmp_path: Path, root: str) -> None:
    """A setting outside of the inputs may concern each of them, so nothing is built."""
    folder = write(tmp_path, root)
    with pytest.raises(ConfigurationError, match="1 problem found"):
        load_collector_configs(folder)


def test_problems_of_two_files_have_lines_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The import error shows each file with its problems."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        devo = f"devo_conn_id: {name}"
        write(tmp_path / name, f"name: {name}", indicators=devo, url="lookup_kee: a", alerts="lag_s: soon")
    monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", "a:b")
    lines = problem(tmp_path).split("\n")
    assert [line.strip().split(": ")[0] for line in lines if "found." in line] == [
        str(tmp_path / name / "flashpoint_collector.yaml") for name in ("a", "b")
    ]
    assert len(lines) == 6
