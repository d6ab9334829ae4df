"""The table of the two connection types and their fields.

Forms, provider info and the reading of connections follow from it, see `connections`. A new setting of a
connection is a row here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["text", "secret", "secret_or_path", "integer", "number", "flag", "flag_or_path"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field in the extra of a connection.

    :param kind: what its value is. A ``secret`` is never shown, and so is ``secret_or_path``, the secret itself
        or the file it is in; ``flag_or_path`` is true, false, or a path.
    :param default: what it is where the connection does not say; None leaves that to the hook.
    :param form: a regular expression that a text must match; then there is an example of one.
    :param alias: another name under which it is read.
    """

    label: str
    description: str
    kind: Kind = "text"
    default: bool | str | None = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    form: str | None = None
    example: str | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionType:
    """One connection type: its hook, its extra fields, and how the standard fields look in the form."""

    hook_name: str
    hook_class_name: str
    fields: Mapping[str, Field]
    hidden: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    placeholders: Mapping[str, str] = field(default_factory=dict)


_PATH = r"^/(?!/)[^\s?#]*$"
_HTTP_URL = r"^https?://\S+$"
_PROXY_URL = r"^(https?|socks[45][ah]?)://\S+$"


def _path(data_set: str, example: str, otherwise: str = "Left empty, the path of the API.") -> Field:
    return Field(
        label=f"Path of {data_set}",
        description=f"The path on the host at which {data_set} are read. {otherwise}",
        form=_PATH,
        example=example,
    )


_NO_PATH = "Left empty, they cannot be read: the API does not document their path."


CONNECTION_TYPES: dict[str, ConnectionType] = {
    "flashpoint": ConnectionType(
        hook_name="Flashpoint",
        hook_class_name="airflow_provider_flashpoint.hooks.flashpoint.FlashpointHook",
        hidden=("login", "port", "schema"),
        labels={"host": "Base URL", "password": "API token"},
        placeholders={
            "host": "https://fp.tools or https://api.flashpoint.io",
            "password": "with or without Bearer in front",
        },
        fields={
            "bearer_token_base64": Field(
                label="API token, base64",
                description="The token as the collector takes it; used where there is no API token.",
                kind="secret",
            ),
            "api": Field(
                label="API",
                description="Which API the host serves. Left empty, the host tells.",
                choices=("legacy", "ignite_v1", "ignite_v2"),
            ),
            "timeout_s": Field(
                label="Timeout (seconds)",
                description="The longest silence of Flashpoint before a request is given up and sent again.",
                kind="number",
                minimum=0.01,
            ),
            "page_size": Field(
                label="Page size (records)",
                description="Records in one answer, cut to what the endpoint allows.",
                kind="integer",
                minimum=2,
            ),
            "verify": Field(
                label="Verify TLS",
                description="true, false, or the path of a file with the authorities to trust.",
                kind="flag_or_path",
                default=True,
            ),
            "proxy": Field(
                label="Proxy",
                description="URL of the proxy for all requests; it may hold a user and a password.",
                kind="secret",
                form=_PROXY_URL,
                example="http://proxy.example.com:3128",
            ),
            "obfuscation_secret": Field(
                label="Secret of obfuscation",
                description="A text that keeps hashed values from being guessed; another one gives other hashes.",
                kind="secret",
            ),
            "base_path_indicators": _path("indicators", "/api/v4/indicators/attribute"),
            "base_path_alerts": _path("alerts", "/api/alerting/v1/alerts"),
            "base_path_keywords": _path("keywords", "/api/alerting/v1/keywords", _NO_PATH),
            "base_path_keyword_classes": _path("keyword classes", "/api/alerting/v1/keyword-classes", _NO_PATH),
        },
    ),
    "devo": ConnectionType(
        hook_name="Devo",
        hook_class_name="airflow_provider_flashpoint.hooks.devo.DevoHook",
        hidden=("login", "schema"),
        labels={"host": "Host for events", "port": "Port for events", "password": "API token (lookups, queries)"},
        placeholders={"host": "collector-us.devo.io", "port": "443"},
        fields={
            "event_transport": Field(
                label="Transport of events",
                description="syslog over TLS, which is confirmed at the end of each page, or http.",
                default="syslog",
                choices=("syslog", "http"),
            ),
            "event_framing": Field(
                label="Framing of events",
                description="Where an event ends on a syslog connection: newline, or octet_counted (RFC 6587).",
                default="newline",
                choices=("newline", "octet_counted"),
            ),
            "event_date_field": Field(
                label="Date of events",
                description="Field of an event whose time Devo is told as its date. Left empty, the time of arrival.",
            ),
            "cert": Field(
                label="Certificate",
                description="Path or PEM text of the sender's X.509 certificate from Devo.",
            ),
            "private_key": Field(
                label="Private key",
                description="Path or PEM text of the certificate's private key.",
                kind="secret_or_path",
                alias="key",
            ),
            "chain": Field(
                label="Chain",
                description="Path or PEM text of the authorities that vouch for Devo's servers.",
            ),
            "pkcs12": Field(
                label="PKCS12",
                description="Path or base64 text of a PKCS12 file, in place of certificate, key and chain.",
                kind="secret_or_path",
            ),
            "pkcs12_password": Field(
                label="PKCS12 password", description="What the PKCS12 file is locked with.", kind="secret"
            ),
            "tls_security_level": Field(
                label="TLS security level",
                description="Level of OpenSSL, for certificates weaker than this machine allows by default.",
                kind="integer",
                minimum=0,
                maximum=5,
            ),
            "insecure": Field(
                label="Plain TCP",
                description="Send events without TLS. Only for a relay inside of your own network.",
                kind="flag",
                default=False,
            ),
            "http_token": Field(
                label="HTTP token",
                description="Token of the HTTP ingestion; for the transport http.",
                kind="secret",
            ),
            "http_base_url": Field(
                label="HTTP ingestion",
                description="Base URL of the HTTP ingestion. Left empty, it follows from the host of Devo's cloud.",
                form=_HTTP_URL,
                example="https://http-us.devo.io",
            ),
            "domain": Field(
                label="Domain", description="Name of the Devo domain; for lookups and for the transport http."
            ),
            "lookup_transport": Field(
                label="Transport of lookups",
                description="api, or syslog: the my.lookup tables, which Devo deprecated as of 2026-01-01.",
                default="api",
                choices=("api", "syslog"),
            ),
            "api_base_url": Field(
                label="Lookups API",
                description="Base URL of the Lookups API. Left empty, it follows from the host of Devo's cloud.",
                form=_HTTP_URL,
                example="https://api-us.devo.com/lookup-api",
            ),
            "query_base_url": Field(
                label="Query API",
                description="Base URL of the query API, for proof of arrival. Left empty, it follows from the host.",
                form=_HTTP_URL,
                example="https://apiv2-us.devo.com",
            ),
            "message_column": Field(
                label="Column of the message",
                description="The column in which the table keeps an event as it came; below my.app it is message.",
                default="rawMessage",
                form=r"^[A-Za-z_][A-Za-z0-9_]*$",
                example="rawMessage",
            ),
            "connect_timeout_s": Field(
                label="Connect timeout (seconds)",
                description="The longest wait for a connection, its TLS handshake included.",
                kind="number",
                minimum=0.01,
            ),
            "send_timeout_s": Field(
                label="Send timeout (seconds)",
                description="How long one send may be stalled by Devo.",
                kind="number",
                minimum=0.01,
            ),
            "confirm_timeout_s": Field(
                label="Confirm timeout (seconds)",
                description="The longest wait for Devo to confirm what was sent while it takes nothing more.",
                kind="number",
                minimum=0.01,
            ),
            "job_timeout_s": Field(
                label="Lookup job timeout (seconds)",
                description="The longest wait for Devo to finish with a lookup.",
                kind="number",
                minimum=0.01,
            ),
            "max_csv_bytes": Field(
                label="Lookup part (bytes)",
                description="The most that one call of the Lookups API carries; larger lookups go in parts.",
                kind="integer",
                minimum=1024,
            ),
            "lookup_pause_s": Field(
                label="Lookup pause (seconds)",
                description="For the transport syslog: the wait after the start and before the end of an upload.",
                kind="number",
                minimum=0,
                maximum=25,  # Devo's balancer ends what is idle for 30 seconds
            ),
            "max_line_bytes": Field(
                label="Longest event (bytes)",
                description="Longer events are set aside as rejects. Left empty, there is no limit.",
                kind="integer",
                minimum=1024,
            ),
        },
    ),
}
