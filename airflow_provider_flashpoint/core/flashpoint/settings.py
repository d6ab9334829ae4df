"""Settings of a Flashpoint connection."""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet, api_of_host, host_of
from airflow_provider_flashpoint.core.http.proxies import proxy_address, proxy_secrets
from airflow_provider_flashpoint.core.pasted.base64_text import decodings
from airflow_provider_flashpoint.core.settings import ConnectionSettings, SecretText, check_no_placeholder
from airflow_provider_flashpoint.errors import ConfigurationError, InvalidTokenError, MissingTokenError

_IGNITE, _LEGACY = host_of(Api.IGNITE_V2), host_of(Api.LEGACY)
_BASE_PATHS = ("/api/v4", "/api/alerting/v1")  # the collector's own base addresses, which users bring along
_Path = Annotated[str, Field(pattern=r"^/([^\s?#/][^\s?#]*)?$")]
_TOKEN = re.compile(r"[\x21-\x7e]+")


class FlashpointSettings(ConnectionSettings):
    """Settings of a Flashpoint connection.

    :raises MissingTokenError, InvalidTokenError: the connection has no token, or none that a header can carry.
    """

    conn_type = "flashpoint"
    required = {"host": "required", "password": "required, here or as base64"}  # noqa: RUF012
    sections = {  # noqa: RUF012
        "API": ("api", "bearer_token_base64"),
        "Network": ("verify", "proxy"),
        "Obfuscation": ("obfuscation_secret",),
        "Paths and requests": (*(f"base_path_{data_set}" for data_set in DataSet), "vulnerability_request"),
        "Limits and timeouts": (
            "timeout_s", "requests_in_flight", "requests_per_second", "page_size", "max_answer_mib",
        ),
    }  # fmt: skip

    host: str = Field("", title="Base URL", examples=[f"{_IGNITE} (Ignite), or {_LEGACY} (legacy)"])
    password: SecretText = Field("", title="API token", examples=["with or without Bearer in front"])
    bearer_token_base64: SecretText = Field("", title="API token, base64")
    """The token in the collector's base64 form. Used if the API token is empty."""
    api: Api = Field(default_factory=lambda fields: api_of_host(fields.get("host", "")), strict=False, title="API")
    """API generation that the host serves. Left empty, it follows from the host."""
    timeout_s: float = Field(120.0, ge=0.01, title="Timeout (seconds)")  # the slowest answers seen took 39 s
    """Longest silence of Flashpoint before a request is abandoned and sent again."""
    max_answer_mib: int = Field(256, ge=1, title="Largest answer (MiB)")
    """Largest answer of Flashpoint after decompression. A larger one is an error."""
    page_size: int | None = Field(None, ge=2, title="Page size (records)")
    """Records per page, reduced to the maximum of the endpoint."""
    requests_in_flight: int = Field(4, ge=1, le=32, title="Requests in flight")
    """How many requests a task may have under way at once. More read faster where answers are slow."""
    requests_per_second: float | None = Field(None, ge=0.01, le=1000, title="Requests per second")
    """How many requests a task may begin in one second. Left empty, there is no limit until Flashpoint asks for one."""
    verify: bool | str = Field(
        True, repr=False, title="Verify TLS", examples=["/certs/authorities.crt"], json_schema_extra={"path": True}
    )
    """true, false, or the certificate authorities to trust: a path or a PEM text."""
    proxy: SecretText = Field(
        "", pattern=r"^(https?|socks[45][ah]?)://\S+$", title="Proxy", examples=["http://proxy.example.com:3128"]
    )
    """URL of the proxy for all requests. It may contain a user and a password."""
    vulnerability_request: Literal["get", "get_slash", "post"] = Field("get", title="Request for vulnerabilities")
    """How vulnerabilities are requested, as clients differ: GET, GET of the path with a slash at its end, or POST."""
    obfuscation_secret: SecretText = Field("", title="Obfuscation secret")
    """Key of the hashes, so that hashed values cannot be guessed. Another key gives other hashes."""
    base_path_indicators: _Path = Field("", title="Path of indicators", examples=["/path/to/indicators"])
    """Path of the indicators endpoint on the host. Left empty, the path of the API, if it is public."""
    base_path_alerts: _Path = Field("", title="Path of alerts", examples=["/path/to/alerts"])
    """Path of the alerts endpoint on the host. Left empty, the path of the API, if it is public."""
    base_path_keywords: _Path = Field("", title="Path of keywords", examples=["/path/to/keywords"])
    """Path of the keywords endpoint on the host. Left empty, the path of the API, if it is public."""
    base_path_keyword_classes: _Path = Field("", title="Path of keyword classes", examples=["/path/to/keyword_classes"])
    """Path of the keyword classes endpoint on the host. Left empty, the path of the API, if it is public."""
    base_path_credentials: _Path = Field("", title="Path of credentials", examples=["/path/to/credentials"])
    """Path of the credentials endpoint on the host. Left empty, the path of the API, if it is public."""
    base_path_vulnerabilities: _Path = Field("", title="Path of vulnerabilities", examples=["/path/to/vulnerabilities"])
    """Path of the vulnerabilities endpoint on the host. Left empty, the path of the API, if it is public."""
    base_path_reports: _Path = Field("", title="Path of reports", examples=["/path/to/reports"])
    """Path of the reports endpoint on the host. Left empty, the path of the API, if it is public."""

    @field_validator("host")
    @classmethod
    def _address(cls, host: str) -> str:
        if "@" in host:
            raise ConfigurationError("it contains a user or a password; leave them out")
        wrong = ConfigurationError(f"{host!r} is not allowed; it must be like {_IGNITE}")
        try:
            parts = urlsplit(host if "://" in host else f"https://{host}")
            _ = parts.port
        except ValueError as error:
            raise wrong from error
        if parts.scheme not in ("https", "http") or not parts.hostname or set(parts.netloc) & set(string.whitespace):
            raise wrong
        path = parts.path.rstrip("/")
        return f"{parts.scheme}://{parts.netloc}{'' if path in _BASE_PATHS else path}"

    @field_validator("proxy")
    @classmethod
    def _proxy(cls, proxy: str) -> str:
        return proxy_address(proxy) if proxy else proxy

    @model_validator(mode="after")
    def _check_token(self) -> Self:
        token = self.token
        try:
            check_no_placeholder(token)  # the base64 form hides one
        except ConfigurationError as error:
            raise InvalidTokenError(hint=f"The token of the connection {self.conn_id}: {error}.") from error
        if not _TOKEN.fullmatch(token):
            raise InvalidTokenError(
                hint=f"The token of the connection {self.conn_id} is empty or contains spaces or line breaks. Copy it "
                "again from Flashpoint."
            )
        return self

    @model_validator(mode="after")
    def _check_host(self) -> Self:
        if not self.host:
            raise ConfigurationError(
                f"The connection {self.conn_id} has no host. Set it to {_IGNITE} (Ignite, for the tokens of today), or "
                f"to {_LEGACY} (legacy, which earlier versions read where there was no host)."
            )
        return self

    @cached_property
    def base_url(self) -> str:
        """Scheme, host, port and path, without a trailing slash."""
        parts = urlsplit(self.host)
        if parts.port or not self.port:
            return self.host
        return f"{parts.scheme}://{parts.netloc}:{self.port}{parts.path}"

    @cached_property
    def account(self) -> str:
        """A digest that stands for the host and the token, and shows neither."""
        return hashlib.sha256(f"{self.base_url} {self.token}".encode()).hexdigest()[:16]

    @cached_property
    def paths(self) -> dict[DataSet, str]:
        """The paths that override those of the endpoint table."""
        paths = {data_set: getattr(self, f"base_path_{data_set}", "") for data_set in DataSet}
        return {data_set: path for data_set, path in paths.items() if path}

    def secrets(self) -> Iterator[str]:
        """Yield the values to mask in logs, also the parts of the proxy's address."""
        yield from super().secrets()
        yield from proxy_secrets(self.proxy)

    def _given_token(self) -> str:
        if "password" in self.model_fields_set:  # a password of blanks alone is wrong, not absent
            return self.password
        if not self.bearer_token_base64:
            raise MissingTokenError(
                hint=f"In the connection {self.conn_id}, set password to the token, "
                "or bearer_token_base64 to its base64 form."
            )
        for token in decodings(self.bearer_token_base64):
            if token.isascii():
                return token.decode("ascii")
        raise InvalidTokenError(
            hint=f"bearer_token_base64 of the connection {self.conn_id} is not the base64 form of a token. Encode it "
            "again, or put the token itself into password."
        )
