"""Partly decoded JSON: it means the same as decoded JSON, and the cells of lists are the same."""

from __future__ import annotations

import codecs
import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core import codec, raw_json
from airflow_provider_flashpoint.core.flashpoint.rows.flatten import flatten
from airflow_provider_flashpoint.core.secrets.obfuscate import ObfuscationAction, ObfuscationRule, Obfuscator

TEXTS = st.text(st.characters(exclude_categories=()), max_size=6) | st.sampled_from([
    "/",
    "\\",
    '"',
    ": ",
    ", ",
    "\ud800",
])
# Numbers in lists stay as they are written, and not every server writes floats as the codec does.
FLOATS = st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda each: json.dumps(each).encode() == codec.encode(each)
)
SCALARS = st.none() | st.booleans() | st.integers() | FLOATS | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)
RECORDS = st.dictionaries(TEXTS, VALUES, max_size=3)


def written(value: object, *, ascii_only: bool, blanks: bool) -> bytes:
    """Return the JSON of a server: compact or with blanks, with UTF-8 or with escapes."""
    separators = (", ", ": ") if blanks else (",", ":")
    text = json.dumps(value, ensure_ascii=ascii_only, separators=separators)
    return text.encode("utf-8", "surrogatepass") if ascii_only else _with_escaped_surrogates(text)


def _with_escaped_surrogates(text: str) -> bytes:
    return "".join(f"\\u{ord(each):04x}" if "\ud800" <= each <= "\udfff" else each for each in text).encode()


def rows_of(page: bytes) -> list[dict[str, Any]]:
    return [
        flatten(raw_json.decode_record(item) if isinstance(item, msgspec.Raw) else item)
        for item in raw_json.split(page)
    ]


@given(st.lists(RECORDS, max_size=4), st.booleans(), st.booleans())
@example([{"a": ["\ud800", "b"]}, {"a": ["\ud83d\ude00", {"b": 1.5}]}], False, False)
def test_rows_are_those_of_decoded_records(records: list[dict[str, Any]], ascii_only: bool, blanks: bool) -> None:
    """Rows of a page are the same, whether its records are decoded whole or in part, and however it is written."""
    page = written(records, ascii_only=ascii_only, blanks=blanks)
    assert rows_of(page) == [flatten(record) for record in codec.decode(page)]


@given(st.lists(RECORDS, max_size=4), st.booleans())
def test_values_are_those_of_a_decoded_page(records: list[dict[str, Any]], ascii_only: bool) -> None:
    """A partly decoded page holds the same values as a decoded one, also inside an object."""
    page = written({"data": records, "next": "\udfff"}, ascii_only=ascii_only, blanks=False)
    assert codec.decode(codec.encode(raw_json.split(page)["data"])) == codec.decode(page)["data"]


@pytest.mark.parametrize("odd", [rb'"\ud800"', rb'"x\udfff\ud800 "', rb'["\\\ud800"]'])
def test_an_odd_record_costs_only_itself(odd: bytes) -> None:
    """The records around one with a lone surrogate stay raw, and so does the odd one."""
    texts = [b'{"a":["/"]}', b'{"a":' + odd + b"}", b'{"a":1}']
    assert [bytes(item) for item in raw_json.split(b"[" + b",".join(texts) + b"]")] == texts


@pytest.mark.parametrize(
    "page", [b'[{"a":NaN},{"b":[1e999]}]', b'[{"a":["\xff"]},{"b":[1]}]', b'[{"a":[' + b"9" * 5000 + b"]}]"]
)
def test_odd_page(page: bytes) -> None:
    """What strict readers refuse but services send is read as it is by the codec."""
    assert [list(row) for row in rows_of(page)] == [list(flatten(record)) for record in codec.decode(page)]


@pytest.mark.parametrize("marks", [0, 1, 2])
@pytest.mark.parametrize("page", [b'[{"a":[1,"b"]}]', b'[ {"a": [1]} ]', b"[]", b"null", b'[{"a":["\\ud800"]}]'])
def test_a_byte_order_mark_is_no_part_of_json(page: bytes, marks: int) -> None:
    """A page after a byte order mark, or several, holds the same values."""
    marked = codecs.BOM_UTF8 * marks + page
    assert codec.encode(raw_json.split(marked)) == codec.encode(codec.decode(page))
    assert codec.decode(marked) == codec.decode(page)


@pytest.mark.parametrize("text", [b"", b"{", b'[{"a":1}', b"[1,]", b"<html>", b'[{"a":"\x01"}]', b'[{"a":"\\ud800"}'])
def test_no_json(text: bytes) -> None:
    """A text that is not JSON is a ValueError."""
    with pytest.raises(ValueError):
        raw_json.split(text)


@pytest.mark.parametrize("path", [("a",), ("a", "b"), ("a", "b", "c"), ("a", "b", "c", "d")])
@pytest.mark.parametrize("action", ObfuscationAction)
def test_rules_reach_into_raw_lists(path: tuple[str, ...], action: ObfuscationAction) -> None:
    """Obfuscation hides the same values in a partly decoded record as in a decoded one."""
    text = b'{"a":{"b":[{"c":{"d":"secret"}},[{"c":{"d":"other"}}]],"e":[1]}}'
    obfuscator = Obfuscator([ObfuscationRule(path, action)], secret="made-up")
    hidden = flatten(obfuscator.hide(raw_json.decode_record(text)))
    assert hidden == flatten(obfuscator.hide(codec.decode(text)))
    assert "secret" not in str(hidden)
