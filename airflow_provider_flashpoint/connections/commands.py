"""The commands that add the connections, for people: with their own values, and `<...>` in place of what they know."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from airflow_provider_flashpoint.connections.reading import read_settings
from airflow_provider_flashpoint.core.devo.settings import DevoSettings
from airflow_provider_flashpoint.core.flashpoint.api import Api, api_of_host, host_of

DEVO_HOST = "collector-us.devo.io"
DEFAULT_CONN_IDS = {"flashpoint": "flashpoint_default", "devo": "devo_default"}


def flashpoint_fields(api: Api = Api.IGNITE_V2) -> dict[str, Any]:
    """Return the fields of a connection that choose an API generation; the extra only if the host does not."""
    host = host_of(api)
    return {"host": host} if api_of_host(host) is api else {"host": host, "extra": {"api": api.value}}


def flashpoint_command(conn_id: str, api: Api = Api.IGNITE_V2) -> str:
    """Return the command that adds a connection to Flashpoint."""
    return _command(conn_id, "flashpoint", **flashpoint_fields(api), password="<API token>")  # noqa: S106


def devo_command(
    conn_id: str, *, host: str = DEVO_HOST, domain: str = "", paths: Mapping[str, str] | None = None
) -> str:
    """Return the command that adds a connection to Devo. The Lookups API of a known cloud needs no address.

    :param paths: those of the certificates that are known, by the field of the connection.
    :raises ConfigurationError: the host is not the name of one.
    """
    names = {"cert": "certificate", "private_key": "private key", "chain": "chain"}
    extra = {field: f"<path of the {name}>" for field, name in names.items()} | dict(paths or {})
    extra["domain"] = domain or "<domain>"
    if not read_settings(DevoSettings, {}, conn_id=conn_id, host=host).api_base_url:
        extra["api_base_url"] = "<address of the Lookups API>"
    token = "<token of the Lookups API>"  # noqa: S105
    return _command(conn_id, "devo", host=host, port=443, password=token, extra=extra)


def _command(conn_id: str, conn_type: str, *, extra: dict[str, str] | None = None, **fields: object) -> str:
    words = [f"--conn-{name} {shlex.quote(str(value))}" for name, value in {"type": conn_type, **fields}.items()]
    words += [f"--conn-extra {shlex.quote(json.dumps(extra))}"] if extra else []
    return f"airflow connections add {conn_id} {' '.join(words)}"
