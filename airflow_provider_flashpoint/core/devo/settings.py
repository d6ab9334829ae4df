"""What a Devo connection says, read once and checked."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_flashpoint.core.devo.connector import DEFAULT_CONNECT_TIMEOUT_S, DEFAULT_SEND_TIMEOUT_S
from airflow_provider_flashpoint.core.devo.events.syslog_channel import DEFAULT_CONFIRM_TIMEOUT_S
from airflow_provider_flashpoint.core.devo.lookups.api import DEFAULT_JOB_TIMEOUT_S, DEFAULT_MAX_CSV_BYTES
from airflow_provider_flashpoint.core.devo.lookups.syslog import DEFAULT_PAUSE_S
from airflow_provider_flashpoint.core.devo.queries import DEFAULT_MESSAGE_COLUMN
from airflow_provider_flashpoint.core.devo.tls import Identity
from airflow_provider_flashpoint.errors import ConfigurationError

DEFAULT_PORT = 443
# The vendor's guide names the first two, its API description the others, in another spelling.
_API_BASE_URLS = {
    "us": "https://api-us.devo.com/lookup-api",
    "eu": "https://api-eu.devo.com/lookup-api",
    "ca": "https://api.ca.devo.com/lookup-api",
    "ap": "https://api.apac.devo.com/lookup-api",
}
_QUERY_BASE_URLS = {
    "us": "https://apiv2-us.devo.com",
    "eu": "https://apiv2-eu.devo.com",
    "ca": "https://apiv2-ca.devo.com",
    "ap": "https://api-apac.devo.com",
}
_COLLECTOR = re.compile(r"(?:collector|http)-(us|eu|ca|ap)\d*\.devo\.io")
_HOST = re.compile(r"[A-Za-z0-9_.\-]+")
_TIMES = ("connect_timeout_s", "send_timeout_s", "confirm_timeout_s", "job_timeout_s", "lookup_pause_s")


@dataclass(frozen=True, slots=True)
class DevoSettings:
    """Settings of one connection. What only one transport needs may be missing until it is used."""

    conn_id: str
    host: str
    port: int = DEFAULT_PORT
    token: str = field(default="", repr=False)
    domain: str = ""
    event_transport: str = "syslog"
    event_framing: str = "newline"
    event_date_field: str = ""
    lookup_transport: str = "api"
    insecure: bool = False
    identity: Identity = field(default_factory=Identity)
    tls_security_level: int | None = None
    http_token: str = field(default="", repr=False)
    http_base_url: str = ""
    api_base_url: str = ""
    query_base_url: str = ""
    message_column: str = DEFAULT_MESSAGE_COLUMN
    connect_timeout_s: float = DEFAULT_CONNECT_TIMEOUT_S
    send_timeout_s: float = DEFAULT_SEND_TIMEOUT_S
    confirm_timeout_s: float = DEFAULT_CONFIRM_TIMEOUT_S
    job_timeout_s: float = DEFAULT_JOB_TIMEOUT_S
    lookup_pause_s: float = DEFAULT_PAUSE_S
    max_csv_bytes: int = DEFAULT_MAX_CSV_BYTES
    max_line_bytes: int | None = None


def devo_settings(
    *, host: str | None, port: int | None, password: str | None, extra: Mapping[str, Any], conn_id: str
) -> DevoSettings:
    """Return the settings of a connection's fields.

    The addresses of the Lookups API, of the query API and of the HTTP ingestion follow from a host such as
    ``collector-us.devo.io`` where they are not given.

    :param extra: the extra fields, by their plain names and already converted.
    :raises ConfigurationError: the host is none.
    """
    name = _host(host or "", conn_id)
    region = _COLLECTOR.fullmatch(name.lower())
    token = (password or "").strip()
    return DevoSettings(
        conn_id=conn_id,
        host=name,
        port=port or DEFAULT_PORT,
        token=token[7:].strip() if token.lower().startswith("bearer ") else token,
        domain=extra.get("domain", ""),
        event_transport=extra.get("event_transport", "syslog"),
        event_framing=extra.get("event_framing", "newline"),
        event_date_field=extra.get("event_date_field", ""),
        lookup_transport=extra.get("lookup_transport", "api"),
        insecure=extra.get("insecure", False),
        identity=Identity(
            cert=extra.get("cert"),
            key=extra.get("private_key"),
            chain=extra.get("chain"),
            pkcs12=extra.get("pkcs12"),
            pkcs12_password=extra.get("pkcs12_password"),
        ),
        tls_security_level=extra.get("tls_security_level"),
        http_token=extra.get("http_token", "").strip(),
        http_base_url=extra.get("http_base_url") or (_http_base_url(name.lower(), region[1]) if region else ""),
        api_base_url=extra.get("api_base_url") or (_API_BASE_URLS[region[1]] if region else ""),
        max_csv_bytes=extra.get("max_csv_bytes") or DEFAULT_MAX_CSV_BYTES,
        query_base_url=extra.get("query_base_url") or (_QUERY_BASE_URLS[region[1]] if region else ""),
        message_column=extra.get("message_column", DEFAULT_MESSAGE_COLUMN),
        max_line_bytes=extra.get("max_line_bytes"),
        **{name: extra[name] for name in _TIMES if extra.get(name) is not None},
    )


def _http_base_url(name: str, region: str) -> str:
    """Return where the vendor's page puts the HTTP ingestion of a collector."""
    if region == "ap":
        return f"https://{name}:8443"
    return f"https://{name.replace('collector-', 'http-', 1)}"


def _host(given: str, conn_id: str) -> str:
    host = given.strip()
    if not host or _HOST.fullmatch(host):
        return host
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError as error:
        raise ConfigurationError(
            f"host is {host!r} in the connection {conn_id}; it must be a name alone, like collector-us.devo.io."
        ) from error
    return host.strip("[]")
