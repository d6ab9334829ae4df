"""JSON in and out: every value comes back, and no control character leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.errors import DataError

# Surrogates included: JSON escapes can name them, so services send them.
TEXTS = st.text(st.characters(exclude_categories=()))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20)


def _joined(value: object) -> object:
    """Return ``value`` with neighbouring surrogates joined, as every JSON reader joins their escapes."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if isinstance(value, list):
        return [_joined(each) for each in value]
    if isinstance(value, dict):
        return {_joined(key): _joined(each) for key, each in value.items()}
    return value


@given(VALUES.map(_joined))
def test_round_trip(value: object) -> None:
    """An encoded value is decoded to the same value."""
    assert codec.decode(codec.encode(value)) == value


@given(st.lists(VALUES.map(_joined)))
def test_lines_round_trip(values: list[object]) -> None:
    """Lines of JSON are decoded to the values that were encoded."""
    assert codec.decode_lines(codec.encode_lines(values)) == values


@given(VALUES)
def test_no_raw_control_character(value: object) -> None:
    """No byte below a blank leaves an encoded text, so a value never spans two lines."""
    assert min(codec.encode(value)) >= 0x20


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'"\\ud800 x"', "\ud800 x"),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b"-18446744073709551617", -18446744073709551617),
        (b"1e999", "1e999"),
        (b"NaN", "NaN"),
        (b"-Infinity", "-Infinity"),
        (b'"\xff"', "\ufffd"),
        (b"1" * 5000, "1" * 5000),
    ],
)
def test_odd_but_readable(text: bytes, value: object) -> None:
    """Values that strict readers refuse but services send are read, with every digit."""
    assert codec.decode(text) == value


def test_odd_line_among_others() -> None:
    """An odd line does not harm the lines around it."""
    lines = b'{"a":1}\n"\\udfff"\n' + b"1" * 5000 + b"\n2\n"
    assert codec.decode_lines(lines) == [{"a": 1}, "\udfff", "1" * 5000, 2]


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("odd", [b"", b"NaN,"], ids=["plain", "odd"])
@pytest.mark.parametrize("decode", [codec.decode, codec.decode_lines])
def test_text_nested_too_deeply(decode: Callable[[bytes], Any], odd: bytes) -> None:
    """A text that is nested too deeply is an error of the data, whichever reader meets it."""
    with pytest.raises(DataError, match="nested"):
        decode(b"[" + odd + b"[" * 100_000 + b"]" * 100_001)


@pytest.mark.parametrize("odd", ["", "\ud800"], ids=["plain", "odd"])
@pytest.mark.parametrize("encode", [codec.encode, codec.encode_lines])
def test_value_nested_too_deeply(encode: Callable[[list[Any]], bytes], odd: str) -> None:
    """A value that is nested too deeply is an error of the data, whichever writer meets it."""
    with pytest.raises(DataError, match="nested"):
        encode([odd, nested(10_000)])


@pytest.mark.parametrize("text", [b"", b"{", b'{"a":1', b"[1,]", b"<html>"])
def test_no_json(text: bytes) -> None:
    """A text that is not JSON is a ValueError."""
    with pytest.raises(ValueError):
        codec.decode(text)
