"""What Airflow asks an installed provider about itself.

Airflow calls this in every one of its processes, so nothing is imported but the table of connections.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_flashpoint import __version__
from airflow_provider_flashpoint.connections.fields import CONNECTION_TYPES
from airflow_provider_flashpoint.connections.forms import conn_fields, ui_field_behaviour

_PACKAGE = "airflow_provider_flashpoint"


def get_provider_info() -> dict[str, Any]:
    """Return the provider info, valid for Airflow 2.11 and for what 3.2 added to it."""
    return {
        "package-name": "airflow-provider-flashpoint",
        "name": "Flashpoint",
        "description": "Flashpoint threat intelligence into Devo.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "Flashpoint",
                "external-doc-url": "https://docs.flashpoint.io/",
                "tags": ["service"],
            },
            {"integration-name": "Devo", "external-doc-url": "https://docs.devo.com/", "tags": ["service"]},
        ],
        "hooks": [
            {"integration-name": "Flashpoint", "python-modules": [f"{_PACKAGE}.hooks.flashpoint"]},
            {"integration-name": "Devo", "python-modules": [f"{_PACKAGE}.hooks.devo"]},
        ],
        "operators": [
            {
                "integration-name": "Flashpoint",
                "python-modules": [
                    f"{_PACKAGE}.operators.pull_indicators",
                    f"{_PACKAGE}.operators.pull_alerts",
                    f"{_PACKAGE}.operators.setup",
                ],
            },
            {"integration-name": "Devo", "python-modules": [f"{_PACKAGE}.operators.lookup_sync"]},
        ],
        "hook-class-names": [connection_type.hook_class_name for connection_type in CONNECTION_TYPES.values()],
        "connection-types": [_connection_type(conn_type) for conn_type in CONNECTION_TYPES],
        "config": {
            "flashpoint": {
                "description": "Settings of the Flashpoint provider that hold for all its DAGs.",
                "options": {
                    "staging_uri": {
                        "description": (
                            "Where indicators lie between pull and sync. All workers must reach it: s3:// and the "
                            "like, with the provider of that store and its connection named as in the example, "
                            "or file:// on one machine. Empty means flashpoint in AIRFLOW_HOME."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://aws_default@bucket/flashpoint",
                        "default": "",
                    },
                    "stage_retention_days": {
                        "description": "Days after which stages that were delivered are deleted.",
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": "30",
                        "default": "7",
                    },
                },
            }
        },
    }


def _connection_type(conn_type: str) -> dict[str, Any]:
    connection_type = CONNECTION_TYPES[conn_type]
    behaviour = ui_field_behaviour(conn_type)
    return {
        "connection-type": conn_type,
        "hook-class-name": connection_type.hook_class_name,
        "hook-name": connection_type.hook_name,
        "ui-field-behaviour": {name.replace("_", "-"): value for name, value in behaviour.items()},
        "conn-fields": conn_fields(conn_type),
    }
