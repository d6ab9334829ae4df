"""The description of this provider that Airflow reads.

Airflow calls `get_provider_info` in each of its processes, so it imports only the connection models.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_flashpoint import __version__
from airflow_provider_flashpoint.connections.forms import conn_fields, ui_field_behaviour
from airflow_provider_flashpoint.core.devo.settings import DevoSettings
from airflow_provider_flashpoint.core.flashpoint.settings import FlashpointSettings
from airflow_provider_flashpoint.core.settings import ConnectionSettings

_PACKAGE = "airflow_provider_flashpoint"
_OPERATORS = {"Flashpoint": ("pull_indicators", "pull_alerts", "pull_events", "setup"), "Devo": ("lookup_sync",)}
_MODELS: dict[str, type[ConnectionSettings]] = {"Flashpoint": FlashpointSettings, "Devo": DevoSettings}
_CONFIG: dict[str, Any] = {
    "flashpoint": {
        "description": "Settings of the Flashpoint provider, for all its DAGs.",
        "options": {
            "staging_uri": {
                "description": (
                    "Storage of stages and ledgers. All workers must reach it: an object store such as "
                    "s3://, whose provider is installed and whose connection is named as in the example, or "
                    "a path such as /data/flashpoint or ~/flashpoint on one machine. Left empty, the folder "
                    "flashpoint in AIRFLOW_HOME."
                ),
                "version_added": "0.1.0",
                "type": "string",
                "example": "s3://aws_default@bucket/flashpoint",
                "default": "",
            },
            "stage_retention_days": {
                "description": "Days after which stages are deleted.",
                "version_added": "0.1.0",
                "type": "integer",
                "example": "30",
                "default": "7",
            },
            "prune": {
                "description": (
                    "Whether runs delete what is older than its retention: stages, entries of the ledger of "
                    "events, and rejected records. Turn it off for an object store with a lifecycle rule for "
                    "that, see docs/operations.md."
                ),
                "version_added": "0.1.0",
                "type": "boolean",
                "example": "False",
                "default": "True",
            },
        },
    }
}


def get_provider_info() -> dict[str, Any]:
    """Return the provider info, valid for Airflow 2.11 and for what 3.2 added to it."""
    return {
        "package-name": "airflow-provider-flashpoint",
        "name": "Flashpoint",
        "description": "Flashpoint threat intelligence into Devo.",
        "versions": [__version__],
        "integrations": [
            {"integration-name": name, "external-doc-url": url, "tags": ["service"]}
            for name, url in (("Flashpoint", "https://docs.flashpoint.io/"), ("Devo", "https://docs.devo.com/"))
        ],
        "hooks": [
            {"integration-name": name, "python-modules": [f"{_PACKAGE}.hooks.{name.lower()}"]} for name in _MODELS
        ],
        "operators": [
            {"integration-name": name, "python-modules": [f"{_PACKAGE}.operators.{module}" for module in modules]}
            for name, modules in _OPERATORS.items()
        ],
        "extra-links": [f"{_PACKAGE}.airflow_runtime.links.{name}" for name in ("DevoQueryLink", "StatusPageLink")],
        "notifications": [f"{_PACKAGE}.notifications.{name}" for name in ("devo.DevoNotifier", "stale.StaleNotifier")],
        "hook-class-names": [_hook_class(name) for name in _MODELS],
        "connection-types": [_connection_type(name, model) for name, model in _MODELS.items()],
        "config": _CONFIG,
    }


def _connection_type(hook_name: str, model: type[ConnectionSettings]) -> dict[str, Any]:
    behaviour = ui_field_behaviour(model)
    return {
        "connection-type": model.conn_type,
        "hook-class-name": _hook_class(hook_name),
        "hook-name": hook_name,
        "ui-field-behaviour": {name.replace("_", "-"): value for name, value in behaviour.items()},
        "conn-fields": conn_fields(model),
    }


def _hook_class(hook_name: str) -> str:
    return f"{_PACKAGE}.hooks.{hook_name.lower()}.{hook_name}Hook"
