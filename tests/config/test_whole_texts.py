"""Texts of the configuration file are matched whole."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from airflow_provider_flashpoint.config import fields

GOOD = [
    (fields.Tag, "my.app.flashpoint.alerts"),
    (fields.LookupName, "Threatintel_Domain"),
    (fields.ConnId, "devo_default"),
    (fields.UrlPath, "/api/v4/indicators"),
    (fields.StagingUri, "s3://bucket/flashpoint"),
    (fields.Environment, "production"),
]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n", "\u2028", "\x85", "\x0b"], ids=ascii)
@pytest.mark.parametrize(("kind", "text"), GOOD)
def test_no_pattern_lets_a_newline_through(kind: Any, text: str, end: str) -> None:
    """A text that its pattern allows is no longer allowed with a line break behind it."""
    assert TypeAdapter(kind).validate_python(text) == text
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text + end)


@pytest.mark.parametrize("blanks", ["\n", "\r\n", "\r", " ", "\t", "\xa0", "\u2028"], ids=ascii)
def test_blanks_around_a_free_text_are_removed(blanks: str) -> None:
    """An indicator type or a key without a pattern is read without what surrounds it, since it becomes a parameter."""
    assert TypeAdapter(fields.Text).validate_python(f"{blanks}ip-dst|port{blanks}") == "ip-dst|port"
