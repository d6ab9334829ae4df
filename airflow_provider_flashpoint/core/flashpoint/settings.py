"""What a Flashpoint connection says, read once and checked."""

from __future__ import annotations

import base64
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_flashpoint.core.flashpoint.endpoints import Api, DataSet, api_of
from airflow_provider_flashpoint.core.http.client import DEFAULT_TIMEOUT_S
from airflow_provider_flashpoint.errors import ConfigurationError, InvalidTokenError, MissingTokenError

DEFAULT_HOST = "https://fp.tools"
_BASE_PATHS = ("/api/v4", "/api/alerting/v1")  # the collector's own base addresses, which users bring along
_SCHEME = re.compile(r"bearer(\s+|$)", re.IGNORECASE)
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class FlashpointSettings:
    """Settings of one connection. ``timeout_s`` is the longest silence of the server in seconds."""

    base_url: str
    token: str = field(repr=False)
    api: Api
    timeout_s: float = DEFAULT_TIMEOUT_S[1]
    page_size: int | None = None
    verify: bool | str = True
    proxy: str | None = field(default=None, repr=False)
    obfuscation_secret: str = field(default="", repr=False)
    paths: Mapping[DataSet, str] = field(default_factory=dict)


def flashpoint_settings(
    *, host: str | None, port: int | None, password: str | None, extra: Mapping[str, Any], conn_id: str
) -> FlashpointSettings:
    """Return the settings of a connection's fields.

    :param extra: the extra fields, by their plain names and already converted.
    :raises MissingTokenError, InvalidTokenError: there is no token, or it cannot be one.
    :raises ConfigurationError: another field is wrong.
    """
    base_url = _base_url(host or DEFAULT_HOST, port, conn_id)
    settings = {
        name: extra[name]
        for name in ("timeout_s", "page_size", "verify", "proxy", "obfuscation_secret")
        if extra.get(name) is not None
    }
    paths = {data_set: extra[name] for data_set in DataSet if extra.get(name := f"base_path_{data_set}")}
    return FlashpointSettings(
        base_url=base_url,
        token=_token(password, extra.get("bearer_token_base64"), conn_id),
        api=api_of(base_url, extra.get("api")),
        paths=paths,
        **settings,
    )


def _base_url(host: str, port: int | None, conn_id: str) -> str:
    host = host.strip()
    if "@" in host:
        raise ConfigurationError(f"host holds a user or a password in the connection {conn_id}; leave them out.")
    wrong = f"host is {host!r} in the connection {conn_id}; it must be like {DEFAULT_HOST}."
    try:
        parts = urlsplit(host if "://" in host else f"https://{host}")
        own_port = parts.port
    except ValueError as error:
        raise ConfigurationError(wrong) from error
    if parts.scheme not in ("https", "http") or not parts.hostname or set(parts.netloc) & set(string.whitespace):
        raise ConfigurationError(wrong)
    place = parts.netloc if own_port or not port else f"{parts.netloc}:{port}"
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{place}{'' if path in _BASE_PATHS else path}"


def _token(password: str | None, encoded: str | None, conn_id: str) -> str:
    if password:
        token = password.strip()
    elif encoded:
        try:
            token = base64.b64decode("".join(encoded.split()), validate=True).decode("ascii").strip()
        except ValueError as error:
            raise InvalidTokenError(
                hint=f"bearer_token_base64 of the connection {conn_id} is not the base64 form of a token."
            ) from error
    else:
        raise MissingTokenError(
            hint=f"In the connection {conn_id}, set password to the token, or bearer_token_base64 to its base64 form."
        )
    token = token[scheme.end() :] if (scheme := _SCHEME.match(token)) else token
    if not _TOKEN.fullmatch(token):
        raise InvalidTokenError(hint=f"The token of the connection {conn_id} is empty or holds blanks or line breaks.")
    return token
