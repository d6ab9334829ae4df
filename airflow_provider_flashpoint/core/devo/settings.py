"""Settings of a Devo connection."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field, field_validator

from airflow_provider_flashpoint.core.settings import (
    ConnectionSettings,
    SecretText,
    SecretTextOrPath,
    TextOrPath,
    without_bearer,
)
from airflow_provider_flashpoint.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.devo.connection.tls import Identity


class _Cloud(NamedTuple):
    """The documented base URLs of one of Devo's clouds; empty where none is documented."""

    http: str
    lookups: str
    queries: str
    web: str = ""


# Each cloud has its own tokens, so a URL is never derived for a cloud that is not listed. The spellings differ: the
# vendor's guide names the Lookups API of us and eu, its API description the others.
_CLOUDS = {
    "us": _Cloud(
        "https://http-us.devo.io",
        "https://api-us.devo.com/lookup-api",
        "https://apiv2-us.devo.com",
        "https://us.devo.com/welcome",
    ),
    "us3": _Cloud("https://http-us3.devo.io", "", "https://api-us3.devo.com"),
    "eu": _Cloud(
        "https://http-eu.devo.io",
        "https://api-eu.devo.com/lookup-api",
        "https://apiv2-eu.devo.com",
        "https://eu.devo.com/welcome",
    ),
    "ca": _Cloud("https://http-ca.devo.io", "https://api.ca.devo.com/lookup-api", "https://apiv2-ca.devo.com"),
    "ap": _Cloud(
        "https://collector-ap.devo.io:8443", "https://api.apac.devo.com/lookup-api", "https://api-apac.devo.com"
    ),
    "ap2": _Cloud("https://collector-ap2.devo.io:8443", "", ""),
}
_CLOUD_HOST = re.compile(r"(?:collector|http)-([a-z0-9]+)\.devo\.io")
_HOST = re.compile(r"[A-Za-z0-9_.\-]+")
_HTTP_URL = r"^https?://\S+$"


def _of_cloud(service: str) -> Callable[[dict[str, Any]], str]:
    def base_url(fields: dict[str, Any]) -> str:
        host = _CLOUD_HOST.fullmatch(fields.get("host", "").lower())
        return getattr(_CLOUDS[host[1]], service) if host and host[1] in _CLOUDS else ""

    return base_url


def _of_clouds(service: str) -> list[Any]:
    return [url for cloud in _CLOUDS.values() if (url := getattr(cloud, service))]


class DevoSettings(ConnectionSettings):
    """Settings of a Devo connection.

    A field that only one transport needs may be empty until that transport is used. Base URLs that are not
    given follow from the host of a known cloud, such as ``collector-us.devo.io``.
    """

    conn_type = "devo"
    required = {  # noqa: RUF012
        "host": "required for events",
        "password": "required for lookups",
        "domain": "required for lookups",
        **dict.fromkeys(("cert", "private_key", "chain"), "required for events"),
    }
    sections = {  # noqa: RUF012
        "Domain, certificate and Lookups API": ("domain", "cert", "private_key", "chain", "api_base_url"),
        "Certificate as PKCS12": ("pkcs12", "pkcs12_password"),
        "Events over HTTP": ("http_token", "http_base_url"),
        "Queries": ("query_base_url", "web_base_url", "message_column"),
        "Transports": (
            "event_transport", "event_framing", "event_date_field", "lookup_transport", "tls_security_level",
            "insecure",
        ),
        "Limits and timeouts": (
            "connect_timeout_s", "send_timeout_s", "confirm_timeout_s", "job_timeout_s", "max_csv_bytes",
            "lookup_pause_s", "max_line_bytes",
        ),
    }  # fmt: skip

    host: str = Field("", title="Host", examples=["collector-us.devo.io"])
    port: int = Field(443, title="Port")
    password: SecretText = Field("", title="API token", examples=["token of the Lookups API and of the query API"])
    event_transport: Literal["syslog", "http"] = Field("syslog", title="Transport of events")
    """syslog over TLS, which is confirmed at the end of each batch, or http."""
    event_framing: Literal["newline", "octet_counted"] = Field("newline", title="Framing of events")
    """How a syslog connection marks the end of an event: newline, or octet_counted (RFC 6587)."""
    event_date_field: str = Field("", title="Date of events")
    """Field of an event with the date that Devo gives it. Left empty, the time of arrival."""
    cert: TextOrPath = Field("", title="Certificate")  # a file of certificates often holds the key too
    """PEM text, or path, of the sender's X.509 certificate from Devo."""
    private_key: SecretTextOrPath = Field("", alias="key", title="Private key")
    """PEM text, or path, of the certificate's private key. If this field removes line breaks, they are put back."""
    chain: TextOrPath = Field("", title="Chain")
    """PEM text, or path, of the certificate authorities of Devo's servers."""
    pkcs12: SecretTextOrPath = Field("", title="PKCS12")
    """Path or base64 text of a PKCS12 file, instead of certificate, key and chain."""
    pkcs12_password: SecretText = Field("", title="PKCS12 password")
    """Password of the PKCS12 file."""
    tls_security_level: int | None = Field(None, ge=0, le=5, title="TLS security level")
    """Security level of OpenSSL, for certificates weaker than this machine allows by default."""
    insecure: bool = Field(False, title="Plain TCP")
    """Send events without TLS. Only for a relay inside your own network."""
    http_token: SecretText = Field("", title="HTTP token")
    """Token of the HTTP ingestion, for the transport http."""
    http_base_url: str = Field(
        default_factory=_of_cloud("http"),
        pattern=_HTTP_URL,
        title="HTTP ingestion",
        examples=_of_clouds("http"),
    )
    """Base URL of the HTTP ingestion. Left empty, it follows from the host of a known cloud of Devo."""
    domain: str = Field("", pattern=r"^[^\s/]+$", title="Domain", examples=["mycompany"])
    """Name of the Devo domain, for lookups and for the transport http."""
    lookup_transport: Literal["api", "syslog"] = Field("api", title="Transport of lookups")
    """api, or syslog: the my.lookup tables, which Devo deprecated as of 2026-01-01."""
    api_base_url: str = Field(
        default_factory=_of_cloud("lookups"),
        pattern=_HTTP_URL,
        title="Lookups API",
        examples=_of_clouds("lookups"),
    )
    """Base URL of the Lookups API. Left empty, it follows from the host of a known cloud of Devo."""
    query_base_url: str = Field(
        default_factory=_of_cloud("queries"),
        pattern=_HTTP_URL,
        title="Query API",
        examples=_of_clouds("queries"),
    )
    """Base URL of the query API, to verify events. Left empty, it follows from the host of a known cloud of Devo."""
    web_base_url: str = Field(
        default_factory=_of_cloud("web"),
        pattern=_HTTP_URL,
        title="Web application",
        examples=_of_clouds("web"),
    )
    """Base URL of Devo's web application, for links to events. Left empty, it follows from the host of us and eu."""
    message_column: str = Field(
        "rawMessage", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", title="Column of the message", examples=["rawMessage"]
    )
    """Column in which the table keeps an event unchanged. In tables below my.app it is message."""
    connect_timeout_s: float = Field(10.0, ge=0.01, title="Connect timeout (seconds)")
    """Longest wait for a connection, including its TLS handshake."""
    send_timeout_s: float = Field(60.0, ge=0.01, title="Send timeout (seconds)")
    """Longest time that Devo may stall one send."""
    confirm_timeout_s: float = Field(30.0, ge=0.01, title="Confirm timeout (seconds)")
    """Longest wait for Devo to confirm a batch while it reads nothing more."""
    job_timeout_s: float = Field(900.0, ge=0.01, title="Lookup job timeout (seconds)")
    """Longest wait for Devo to finish a lookup job."""
    max_csv_bytes: int = Field(256 * 1024 * 1024, ge=1024, title="Lookup part (bytes)")
    """Largest CSV of one call of the Lookups API. Larger lookups are sent in parts."""
    # Devo's load balancer closes connections that are idle for 30 seconds.
    lookup_pause_s: float = Field(5.0, ge=0, le=25, title="Lookup pause (seconds)")
    """For the transport syslog: wait after the start and before the end of an upload."""
    max_line_bytes: int | None = Field(None, ge=1024, title="Longest event (bytes)")
    """Longer events are rejected. Left empty, there is no limit."""

    @field_validator("host")
    @classmethod
    def _host_name(cls, host: str) -> str:
        if not host or _HOST.fullmatch(host):
            return host
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError as error:
            raise ConfigurationError(
                f"{host!r} is not allowed; it must be a name alone, like collector-us.devo.io"
            ) from error
        return host.strip("[]")

    @field_validator("password", "http_token")
    @classmethod
    def _one_word(cls, token: str) -> str:
        if any(not "!" <= character <= "~" for character in without_bearer(token)):
            raise ConfigurationError(
                "the token contains blanks, line breaks or characters outside ASCII; copy it again from Devo"
            )
        return token

    @cached_property
    def identity(self) -> Identity:
        """The certificates for TLS, as given."""
        from airflow_provider_flashpoint.core.devo.connection.tls import Identity

        return Identity(
            cert=self.cert,
            key=self.private_key,
            chain=self.chain,
            pkcs12=self.pkcs12,
            pkcs12_password=self.pkcs12_password,
        )
