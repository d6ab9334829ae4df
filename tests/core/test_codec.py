"""JSON in and out: what goes round, and what never leaves raw."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core import codec

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
    """What is encoded is decoded to the same value."""
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
    ],
)
def test_odd_but_readable(text: bytes, value: object) -> None:
    """What strict readers refuse but services send is read, with every digit."""
    assert codec.decode(text) == value


def test_odd_line_among_others() -> None:
    """One odd line does not cost the lines around it."""
    assert codec.decode_lines(b'{"a":1}\n"\\udfff"\n2\n') == [{"a": 1}, "\udfff", 2]


@pytest.mark.parametrize("text", [b"", b"{", b'{"a":1', b"[1,]", b"<html>"])
def test_no_json(text: bytes) -> None:
    """What is no JSON is a ValueError."""
    with pytest.raises(ValueError):
        codec.decode(text)
