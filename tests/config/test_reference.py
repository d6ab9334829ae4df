"""The reference of the settings: documentation, JSON schema and the operators' defaults."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_flashpoint.config import load_collector_config
from airflow_provider_flashpoint.config.model import (
    AlertInput,
    AlertSettings,
    InputConfig,
    KeywordFeed,
    LookupConfig,
    LookupPullSettings,
    SourceSettings,
)
from airflow_provider_flashpoint.config.reference import json_schema, markdown

ROOT = Path(__file__).parents[2]


def schema_errors(content: object) -> list[str]:
    import jsonschema

    validator = jsonschema.Draft7Validator(json_schema())
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(content)]


def test_the_documentation_is_up_to_date() -> None:
    """docs/configuration.md is the output of the generator."""
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == markdown()


@pytest.mark.parametrize("model", [InputConfig, LookupConfig, AlertInput, KeywordFeed])
def test_every_setting_is_documented(model: type[Any]) -> None:
    """Each setting has a description, and a row in the documentation."""
    text = markdown()
    nested = {"keywords", "keyword_classes", "indicator_type"}
    for key in model.keys() - nested:
        assert f"| `{key}` |" in text
    assert all(field.description for name, field in model.model_fields.items() if name not in nested)


@pytest.mark.airflow
class TestSchema:
    """The JSON schema for editors; jsonschema comes with Airflow."""

    def test_the_example_conforms(self) -> None:
        """The example of the DAG folder has no error in an editor."""
        assert schema_errors(yaml.safe_load((ROOT / "dags" / "flashpoint_collector.yaml").read_text())) == []

    @pytest.mark.parametrize(
        "entry",
        [
            {"lookups": {"domain": {"lookup_key": "value.domain"}}, "indicators.domain.lookup_name": "Mine"},
            {"indicators": {"domain": {"lookup_name": "Mine"}}, "lookups": [{"domain": {"lookup_key": "a"}}]},
            {"services": {"indicators": {"lag_s": 5, "lookups": [{"url": {"lookup_key": "a", "columns": ["b"]}}]}}},
        ],
    )
    def test_the_forms_of_the_collector_conform(self, entry: object) -> None:
        """A setting may stand in the service, in the input, under the type or with dots in its key."""
        assert schema_errors({"inputs": {"flashpoint_indicator": entry}, "outputs": {}}) == []

    @pytest.mark.parametrize(
        ("entry", "place"),
        [
            ({"services": {"alerts": {"lag_s": -1}}}, "services.alerts.lag_s"),
            ({"services": {"alerts": {"verify": "never"}}}, "services.alerts.verify"),
            ({"services": {"alerts": {"tga": "a.b"}}}, "services.alerts"),
            ({"obfuscation": [{"path": "a"}]}, "obfuscation.0"),
        ],
    )
    def test_a_mistake_does_not_conform(self, entry: object, place: str) -> None:
        """An editor marks a value out of bounds, and an unknown or missing key."""
        (error,) = schema_errors({"inputs": {"flashpoint_alert": entry}})
        assert error.startswith(f"inputs.flashpoint_alert.{place}: ")

    @pytest.mark.parametrize(("name", "good"), [("acme", True), ("a" * 64, True), ("a b", False), ("", False)])
    def test_the_name_of_a_configuration(self, name: str, good: bool) -> None:
        """The name stands at the top of the file, and an editor marks one that is not allowed."""
        assert (schema_errors({"name": name, "inputs": {}}) == []) is good

    def test_defaults_are_written_as_in_the_file(self) -> None:
        """A span of time has a number as its default."""
        alerts = json.loads(json.dumps(json_schema()))["properties"]["inputs"]["properties"]["flashpoint_alert"]
        assert alerts["properties"]["lag_s"]["default"] == 300
        assert alerts["properties"]["ledger_retention_days"]["default"] == 30


@pytest.mark.airflow
class TestOperators:
    """A setting is one field of a model and one parameter of an operator, with one default."""

    @pytest.mark.parametrize(
        ("name", "models"),
        [
            ("PullAlertsOperator", (SourceSettings, AlertSettings)),
            ("PullIndicatorsOperator", (SourceSettings, LookupPullSettings)),
            ("LookupSyncOperator", (SourceSettings, LookupConfig)),
        ],
    )
    def test_every_setting_is_a_parameter_with_the_default_of_the_model(
        self, name: str, models: tuple[type[Any], ...]
    ) -> None:
        """The operator takes each field by its name, and both have the same default."""
        from airflow_provider_flashpoint.operators import lookup_sync, pull_alerts, pull_indicators

        operator = next(
            getattr(module, name) for module in (lookup_sync, pull_alerts, pull_indicators) if hasattr(module, name)
        )
        parameters: dict[str, inspect.Parameter] = {}
        for base in reversed(operator.__mro__):
            if base.__module__.startswith("airflow_provider_flashpoint") and "__init__" in vars(base):
                parameters |= inspect.signature(vars(base)["__init__"]).parameters
        for model in models:
            for field_name, field in model.model_fields.items():
                parameter = parameters[field_name]
                if not field.is_required() and field_name != "obfuscation":
                    assert parameter.default == field.default, field_name


def test_arguments_are_plain_values(tmp_path: Path) -> None:
    """Choices, tuples and rules become what an operator takes; spans of time stay."""
    file = tmp_path / "c.yaml"
    file.write_text("flashpoint_alert: {verify: query, obfuscation: [{path: a.b, action: mask}], lag_s: 5}")
    config = load_collector_config(file)
    assert config.alerts is not None
    arguments = config.alerts.arguments(SourceSettings, AlertSettings)
    assert type(arguments["verify"]) is str
    assert arguments["obfuscation"] == [{"path": ["a", "b"], "action": "mask"}]
    assert arguments["lag"].total_seconds() == 5
    assert arguments.keys() == SourceSettings.model_fields.keys() | AlertSettings.model_fields.keys()
