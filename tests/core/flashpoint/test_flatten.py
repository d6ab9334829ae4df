"""Flattened records: no value is lost, whatever the keys."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.rows.flatten import flatten
from airflow_provider_flashpoint.errors import DataError

# Few and awkward keys, so that paths often meet in one name.
KEYS = st.sampled_from(["a", "b", "a.b", ".", "", "b#2", "a.b#2", "#2", "#3", "a.b#2#2", "\ud83d", r"\ud83d", "\0"])
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
RECORDS = st.recursive(
    st.dictionaries(KEYS, LEAVES, max_size=4),
    lambda inner: st.dictionaries(KEYS, LEAVES | inner, max_size=4),
    max_leaves=30,
)
NUMBERED = {"a.b": 1, "a": {"b": 2, "b#2": 3}, "a.b#2": 4}


def _leaves(record: dict[str, Any]) -> list[Any]:
    found: list[Any] = []
    for value in record.values():
        if isinstance(value, dict) and value:
            found += _leaves(value)
        elif isinstance(value, dict | list):
            found.append(codec.encode(value).decode())
        else:
            found.append(value)
    return found


def _backwards(record: Any) -> Any:
    if not isinstance(record, dict):
        return record
    return {key: _backwards(value) for key, value in reversed(record.items())}


@given(RECORDS)
@example(NUMBERED)
def test_no_value_lost(record: dict[str, Any]) -> None:
    """The row holds each leaf of the record once, also where paths have one name."""
    assert Counter(map(repr, flatten(record).values())) == Counter(map(repr, _leaves(record)))


@given(RECORDS)
@example(NUMBERED)
def test_order_of_keys(record: dict[str, Any]) -> None:
    """The order of keys in a record does not change the names of values."""
    assert flatten(_backwards(record)) == flatten(record)


@pytest.mark.parametrize(
    ("record", "row"),
    [
        ({"Event": {"info": 1}}, {"Event.info": 1}),
        ({"a": {"b": {"c": None}}}, {"a.b.c": None}),
        ({"Tag": [{"name": "x"}]}, {"Tag": '[{"name":"x"}]'}),
        ({"Tag": []}, {"Tag": "[]"}),
        ({"meta": {}}, {"meta": "{}"}),
        ({"a.b": 1, "a": {"b": 2}}, {"a.b": 2, "a.b#2": 1}),
        (NUMBERED, {"a.b": 2, "a.b#2": 3, "a.b#3": 1, "a.b#2#2": 4}),
        ({}, {}),
    ],
)
def test_names(record: dict[str, Any], row: dict[str, Any]) -> None:
    """Names are the paths joined by dots, numbered where they collide."""
    assert flatten(record) == row


@pytest.mark.parametrize(
    ("record", "row"),
    [
        ({"a\ud83db": 1}, {r"a\ud83db": 1}),
        ({"\udc00": {"\ud800": 1}}, {r"\udc00.\ud800": 1}),
        ({"\ud83d\udd11".encode("utf-16", "surrogatepass").decode("utf-16"): 1}, {"\U0001f511": 1}),
        ({"a\0b": {"c": {}}}, {r"a\x00b.c": "{}"}),
        ({"\ud83d": 1, r"\ud83d": 2}, {r"\ud83d": 2, r"\ud83d#2": 1}),
        ({"a": {"\ud83d": [1]}, r"a.\ud83d": 2}, {r"a.\ud83d": "[1]", r"a.\ud83d#2": 2}),
        ({"line\nbreak": "\ud83d"}, {"line\nbreak": "\ud83d"}),
    ],
)
def test_every_name_can_be_stored(record: dict[str, Any], row: dict[str, Any]) -> None:
    """A lone surrogate or NUL in a key becomes its escape, and its value stays; other characters and values pass."""
    assert flatten(record) == row


@given(st.dictionaries(st.text(st.characters()), st.integers() | st.dictionaries(st.text(st.characters()), LEAVES)))
def test_any_name_can_be_stored(record: dict[str, Any]) -> None:
    """Whatever the keys are, UTF-8 and a database can hold the names, and no value is lost."""
    row = flatten(record)
    assert all("\0" not in name and name.encode() for name in row if name)
    assert Counter(map(repr, row.values())) == Counter(map(repr, _leaves(record)))


def test_nested_too_deeply() -> None:
    """A record that is nested too deeply to be flattened is an error of the data."""
    record: dict[str, Any] = {}
    for _ in range(10_000):
        record = {"a": record, "b": 1}
    with pytest.raises(DataError, match="nested"):
        flatten(record)


def test_record_is_left_alone() -> None:
    """Flattening does not change the record."""
    record = {"a": {"b": [1], "c": {}}}
    flatten(record)
    assert record == {"a": {"b": [1], "c": {}}}
