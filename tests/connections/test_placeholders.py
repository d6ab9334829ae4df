"""Masks and placeholders that were stored in place of a value."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from connection_models import FIELDS, MODELS, read

from airflow_provider_flashpoint.connections import read_settings
from airflow_provider_flashpoint.errors import ConfigurationError, InvalidTokenError

FIELDS_OF_TEXT = [
    (conn_type, name) for conn_type, fields in FIELDS.items() for name, field in fields.items() if "enum" not in field
]
PLACEHOLDERS = [
    "***",
    "*",
    "*" * 36,
    " ***\n",
    "••••••••",
    "●●●●",
    "<domain>",
    "<API token>",
    "<token of the Lookups API>",
    "<>",
    "...",
    "\u2026",
    "****-****",
    "*** ***",
    "\uff0a\uff0a\uff0a",
    "\u2588\u2588\u2588",
    "RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER",
]
REFUSED = r"a mask or a placeholder \(asterisks, or <...>\) was stored in place of the value; enter the value itself"


@pytest.mark.parametrize("value", PLACEHOLDERS)
@pytest.mark.parametrize(("conn_type", "name"), FIELDS_OF_TEXT)
def test_a_placeholder_is_no_value_of_any_field(conn_type: str, name: str, value: str) -> None:
    """A mask that a form or a log showed, or a placeholder of the documents, is refused in every field by name."""
    with pytest.raises(ConfigurationError, match=rf"extra\.{name}: {REFUSED}"):
        read(conn_type, {name: value})


@pytest.mark.parametrize("value", [*PLACEHOLDERS, "Bearer ***", "bearer <API token>"])
@pytest.mark.parametrize("field", ["host", "password"])
@pytest.mark.parametrize("conn_type", MODELS)
def test_a_placeholder_is_no_host_or_password(conn_type: str, field: str, value: str) -> None:
    """The same holds for the fields that every connection has, with and without ``Bearer``."""
    given: dict[str, Any] = {"password": "a-token", field: value}
    with pytest.raises(ConfigurationError, match=f"{field}: {REFUSED}"):
        read_settings(MODELS[conn_type], {}, conn_id="test", **given)


@pytest.mark.parametrize("text", ["***", "<API token>", "Bearer ***", "********\n", "bearer <token>"])
def test_a_placeholder_in_base64_is_no_token(text: str) -> None:
    """The base64 form of a placeholder is refused as well."""
    encoded = base64.b64encode(text.encode()).decode()
    with pytest.raises(InvalidTokenError, match=REFUSED):
        read_settings(MODELS["flashpoint"], {"bearer_token_base64": encoded}, conn_id="test")


@pytest.mark.parametrize(
    ("conn_type", "name", "value"),
    [
        ("flashpoint", "proxy", "http://somebody:***@proxy.example:3128"),
        ("flashpoint", "proxy", "http://***@proxy.example:3128"),
        ("flashpoint", "proxy", "http://<user>:hunter2@proxy.example:3128"),
        ("devo", "api_base_url", "https://<host>/lookup-api"),
        ("devo", "query_base_url", "https://***"),
        ("devo", "http_base_url", "https://<host>:8443"),
        ("devo", "http_base_url", "https://ingestion.example/<path>"),
    ],
)
def test_a_placeholder_is_no_part_of_an_address(conn_type: str, name: str, value: str) -> None:
    """A part of a URL that is a placeholder is refused, and the other parts, which may be secrets, are not shown."""
    with pytest.raises(ConfigurationError, match=rf"extra\.{name}: {REFUSED}") as caught:
        read(conn_type, {name: value})
    assert "hunter2" not in str(caught.value)
    assert "somebody" not in str(caught.value)


def test_a_secret_in_brackets_is_not_shown() -> None:
    """Somebody may put the token itself between the brackets of the placeholder; the message does not contain it."""
    with pytest.raises(ConfigurationError, match="without brackets") as caught:
        read_settings(MODELS["flashpoint"], {}, conn_id="test", password="<opensesame>")
    assert "opensesame" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    ["a***", "***a", "a<b>c", "p*ss", "< >x", "5 * 3", "<", "a.*.b", "RATHER_LONG", "..", "...a", "-", "*!*", "*-"],
)
def test_a_value_that_contains_such_characters_is_kept(value: str) -> None:
    """Only the whole value is a mask or a placeholder; a secret may contain the same characters."""
    assert read("flashpoint", {"obfuscation_secret": value}).obfuscation_secret == value


def test_every_placeholder_of_our_documents_is_refused() -> None:
    """The commands of the documents, pasted as they are, store nothing but refused values."""
    root = Path(__file__).parents[2]
    places = ("README.md", "docs/compose/env.example", "airflow_provider_flashpoint/connections/commands.py")
    texts = [(root / place).read_text(encoding="utf-8") for place in places]
    found = {each for text in texts for each in re.findall(r"""['"](<[^<>'"]+>|\.+)['"]""", text)}
    assert {"<API token>", "<domain>", "<token of the Lookups API>"} <= found
    for each in found:
        with pytest.raises(ConfigurationError, match=REFUSED):
            read("devo", {"domain": each})
