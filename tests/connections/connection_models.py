"""The settings models of both connection types, and reading an extra into them."""

from __future__ import annotations

from typing import Any

from airflow_provider_flashpoint.connections import read_settings
from airflow_provider_flashpoint.core.devo.settings import DevoSettings
from airflow_provider_flashpoint.core.flashpoint.settings import FlashpointSettings

MODELS: dict[str, Any] = {"devo": DevoSettings, "flashpoint": FlashpointSettings}
FIELDS = {conn_type: model.extra_schemas() for conn_type, model in MODELS.items()}


def read(conn_type: str, extra: dict[str, Any], *, conn_id: str = "test") -> Any:
    """Return the settings of a connection with a host, a token and this extra."""
    host = {"flashpoint": "https://api.flashpoint.io"}.get(conn_type)
    return read_settings(MODELS[conn_type], extra, conn_id=conn_id, host=host, password="a-token")
