"""Values of connection fields as people paste them, or as a secret file holds them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from connection_models import FIELDS, MODELS, read

from airflow_provider_flashpoint.connections import read_settings
from airflow_provider_flashpoint.errors import ConfigurationError

TEXTS = [
    (conn_type, name)
    for conn_type, fields in FIELDS.items()
    for name, field in fields.items()
    if field["type"] == "string" and name != "api"
]
# A value for each field whose form is limited; the others take any text.
VALUES = {
    "event_transport": "http",
    "event_framing": "octet_counted",
    "lookup_transport": "syslog",
    "proxy": "http://proxy.example:3128",
    "base_path_indicators": "/indicators",
    "base_path_alerts": "/alerts",
    "base_path_keywords": "/keywords",
    "base_path_keyword_classes": "/classes",
    "base_path_credentials": "/credentials",
    "base_path_vulnerabilities": "/vulnerabilities",
    "base_path_reports": "/reports",
    "vulnerability_request": "post",
    "http_base_url": "https://http.example",
    "api_base_url": "https://api.example/lookup-api",
    "query_base_url": "https://query.example",
    "web_base_url": "https://web.example",
}
BROUGHT_ALONG = ["\n", "\r\n", "\r", " ", "\t \n", "\xa0", "\ufeff", "\u200b", "\n\ufeff ", "\u2028"]


@pytest.mark.parametrize("blanks", BROUGHT_ALONG, ids=ascii)
@pytest.mark.parametrize(("conn_type", "name"), TEXTS)
def test_blanks_around_every_text_are_removed(conn_type: str, name: str, blanks: str) -> None:
    """Line breaks, blanks and invisible characters at both ends of a text are no part of it, in every field."""
    value = VALUES.get(name, "abc")
    assert getattr(read(conn_type, {name: blanks + value + blanks}), name) == value


@pytest.mark.parametrize("blanks", BROUGHT_ALONG, ids=ascii)
@pytest.mark.parametrize("conn_type", MODELS)
def test_blanks_around_host_and_password_are_removed(conn_type: str, blanks: str) -> None:
    """The same holds for the fields that every connection has."""
    fields = {"host": f"{blanks}service.example{blanks}", "password": f"{blanks}Bearer a-token{blanks}"}
    settings = read_settings(MODELS[conn_type], {}, conn_id="test", **fields)
    assert settings.host.endswith("service.example")
    assert settings.token == "a-token"


@pytest.mark.parametrize(
    ("conn_type", "name", "value", "expected"),
    [
        ("flashpoint", "verify", "true\n", True),
        ("flashpoint", "verify", "\u200bfalse", False),
        ("flashpoint", "api", "legacy\n", "legacy"),
        ("devo", "insecure", "true\ufeff", True),
        ("devo", "tls_security_level", "\xa01\n", 1),
        ("devo", "job_timeout_s", "0.5\u200b", 0.5),
        ("devo", "max_line_bytes", "\ufeff2048", 2048),
    ],
)
def test_blanks_around_a_value_that_is_no_text_are_removed(
    conn_type: str, name: str, value: str, expected: Any
) -> None:
    """Flags, numbers and choices that come as text are read without what surrounds them."""
    assert getattr(read(conn_type, {name: value}), name) == expected


@pytest.mark.parametrize("blanks", BROUGHT_ALONG, ids=ascii)
@pytest.mark.parametrize("conn_type", MODELS)
def test_blanks_alone_are_refused(conn_type: str, blanks: str) -> None:
    """A field of the extra that holds only blanks was meant to hold something."""
    name = {"devo": "domain", "flashpoint": "obfuscation_secret"}[conn_type]
    with pytest.raises(ConfigurationError, match=rf"extra\.{name}: .* is not allowed"):
        read(conn_type, {name: blanks})


@pytest.mark.parametrize("blank", ["\n", "\r\n", " ", "\t", "\xa0", "\u2028"], ids=ascii)
@pytest.mark.parametrize(
    "name",
    ["domain", "http_token", "api_base_url", "query_base_url", "http_base_url", "message_column", "base_path_alerts"],
)
def test_blanks_within_a_part_of_an_address_are_refused(name: str, blank: str) -> None:
    """A line break or a blank in the middle would be sent as %0A or %20; the field is named instead."""
    conn_type = "devo" if name in FIELDS["devo"] else "flashpoint"
    value = VALUES.get(name, "abc")
    with pytest.raises(ConfigurationError, match=rf"extra\.{name}: "):
        read(conn_type, {name: value[:-1] + blank + value[-1]})


@pytest.mark.parametrize("password", ["to ken", "to\nken", "Bearer to\r\nken", "tökén", "to\u200bken", "Bearer a b"])
@pytest.mark.parametrize("conn_type", MODELS)
def test_blanks_within_a_token_are_refused(conn_type: str, password: str) -> None:
    """A token of several words or lines is refused before a request is made, and is not shown."""
    with pytest.raises(ConfigurationError, match="token") as caught:
        read_settings(MODELS[conn_type], {}, conn_id="test", password=password)
    assert "ken" not in str(caught.value).replace("token", "")


@pytest.mark.parametrize("conn_type", MODELS)
def test_patterns_match_whole_texts(conn_type: str) -> None:
    """In the engine that matches patterns, ``$`` means the end of the text, not the place before its last newline."""
    model = MODELS[conn_type]
    assert model.model_config.get("regex_engine", "rust-regex") == "rust-regex"
    patterns = [field["pattern"] for field in FIELDS[conn_type].values() if "pattern" in field]
    assert patterns
    assert all(re.match(r"\^.*\$\Z", pattern) for pattern in patterns)
