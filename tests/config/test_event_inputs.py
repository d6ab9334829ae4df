"""The inputs of credentials, vulnerabilities and reports in the configuration file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_flashpoint.config import parse_collector_config
from airflow_provider_flashpoint.config.load import read_config_files
from airflow_provider_flashpoint.core.flashpoint.api import INPUT_NAMES, DataSet
from airflow_provider_flashpoint.errors import ConfigurationError

SERVICES = {
    "flashpoint_credential": DataSet.CREDENTIALS,
    "flashpoint_vulnerability": DataSet.VULNERABILITIES,
    "flashpoint_report": DataSet.REPORTS,
}
of_each_input = pytest.mark.parametrize("name", SERVICES)


def read(name: str, settings: Any) -> Any:
    return getattr(parse_collector_config({"inputs": {name: settings}}), SERVICES[name])


def problem(name: str, settings: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read(name, settings)
    return str(raised.value).partition("\n  ")[2]


@of_each_input
def test_an_input_alone_has_a_table_of_its_own(name: str) -> None:
    """An input without settings is on, and its default table is below `my.app.flashpoint`."""
    kind = name.removeprefix("flashpoint_")
    assert read(name, {}).tag == f"my.app.flashpoint.{kind}"
    assert [INPUT_NAMES[each] for each, _ in parse_collector_config({name: None}).inputs()] == [name]


@of_each_input
@pytest.mark.parametrize("place", ["input", "service", "services", "dotted"])
def test_settings_in_each_place(name: str, place: str) -> None:
    """Settings may stand in the input, in its service or in `services`, as those of the alerts may."""
    service, settings = SERVICES[name].value, {"override_tag": "my.app.other", "lag_s": "7"}
    entry = {
        "input": settings,
        "service": {service: settings},
        "services": {"services": {service: settings}},
        "dotted": {f"{service}.{key}": value for key, value in settings.items()},
    }[place]
    found = read(name, {"environment": "test", **entry})
    assert (found.tag, found.lag, found.environment) == ("my.app.other", timedelta(seconds=7), "test")


@of_each_input
def test_an_input_that_is_off(name: str) -> None:
    """An input that is off is none."""
    assert read(name, {"enabled": False, SERVICES[name].value: {}}) is None


def test_the_service_of_credentials_is_no_secret_and_may_hold_none() -> None:
    """`credentials` is the name of this service; a token below it is refused, as everywhere in the file."""
    name = "flashpoint_credential"
    assert read(name, {"credentials": {"include_secrets": "true"}}).include_secrets is True
    text = problem(name, {"credentials": {"bearer_token_base64": "dG9rZW4="}})
    assert text.startswith("inputs.flashpoint_credential.credentials.bearer_token_base64: a secret does not belong")
    assert "credentials: a secret does not belong" in problem("flashpoint_report", {"credentials": {"password": "x"}})


def test_filters_may_be_flags() -> None:
    """A flag of the file is the text of a filter."""
    found = read("flashpoint_credential", {"filters": {"is_fresh": True, "domain": ["a.example", "b.example"]}})
    assert found.filters == {"is_fresh": "true", "domain": ("a.example", "b.example")}


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [
        ("flashpoint_report", {"include_secrets": True}, "inputs.flashpoint_report.include_secrets: unknown key"),
        ("flashpoint_report", {"page_size": 1000}, "a whole number from 2 to 500"),
        ("flashpoint_vulnerability", {"verify": "query"}, "inputs.flashpoint_vulnerability.verify: unknown key"),
        ("flashpoint_credential", {"tag": "one"}, "inputs.flashpoint_credential.tag: 'one' is not allowed"),
        (
            "flashpoint_credential",
            {"obfuscation": [{"path": "_source.header_", "action": "drop"}]},
            "time '_source.header_.indexed_at' of credentials",
        ),
        ("flashpoint_report", {"obfuscation": [{"path": "id", "action": "mask"}]}, "would hide the id 'id' of reports"),
    ],
)
def test_wrong_settings(name: str, settings: Any, text: str) -> None:
    """A setting that an input does not have, a wrong value, and a rule that hides what is needed are problems."""
    assert text in problem(name, settings)


def test_a_table_of_two_files(tmp_path: Path) -> None:
    """One table of one data set belongs to one file; other data sets may go into the same table."""
    for file, text in {
        "a": "flashpoint_report: {tag: my.app.all}",
        "b": "{name: b, inputs: {flashpoint_report: {tag: my.app.all}}}",
        "c": "{name: c, inputs: {flashpoint_credential: {tag: my.app.all}}}",
    }.items():
        (tmp_path / f"{file}.yaml").write_text(text)
    errors = {file.path.stem: str(file.error) for file in read_config_files([tmp_path]) if file.error}
    assert list(errors) == ["b"]
    assert "the table my.app.all of the reports over devo_default and flashpoint_default is filled by" in errors["b"]
