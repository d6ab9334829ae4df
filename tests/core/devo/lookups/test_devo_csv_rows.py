"""Rows as CSV: whatever is written can be read back, and nothing is dropped without a word."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.devo.lookups.csv_rows import RowCount, cell, lookup_columns
from airflow_provider_flashpoint.core.flashpoint.rows.flatten import flatten
from airflow_provider_flashpoint.errors import ConfigurationError
from tests.csv_file import write_csv

COLUMNS = ("key", "value")
# Every character that UTF-8 can hold, those that CSV makes something of more often than others.
TEXTS = st.text(
    st.sampled_from('",\n\r\0\t\x1f;\\ ') | st.sampled_from("😀é\u2028<b>") | st.characters(exclude_categories=["Cs"])
)


@pytest.fixture(autouse=True)
def any_cell_size() -> Iterable[None]:
    """Let the reader of these tests take cells of more than its usual 131,072 characters."""
    limit = csv.field_size_limit(sys.maxsize)
    yield
    csv.field_size_limit(limit)


def written(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = COLUMNS) -> tuple[RowCount, bytes]:
    file = io.BytesIO()
    count = write_csv(rows, columns, "key", file)
    return count, file.getvalue()


def read(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode(), newline=""), strict=True))


@given(st.lists(st.fixed_dictionaries({"key": TEXTS, "value": TEXTS})))
def test_texts_come_back_unchanged(rows: list[dict[str, str]]) -> None:
    """Every text that UTF-8 can hold is read back as it was."""
    count, text = written(rows)
    assert [{"key": row["key"], "value": row["value"]} for row in read(text)] == rows
    assert count.rows == len(rows)


@given(
    st.lists(st.dictionaries(st.sampled_from("abcdef"), TEXTS | st.none() | st.booleans() | st.integers())),
    st.lists(st.sampled_from("abcdef"), unique=True),
)
def test_bytes_are_those_of_the_csv_module(rows: list[dict[str, Any]], columns: list[str]) -> None:
    """Rows of any names, in any order, become the bytes that Python's csv module writes with all cells quoted."""
    expected = io.StringIO()
    writer = csv.writer(expected, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for row in rows:
        extra = {name: value for name, value in row.items() if name not in columns}
        writer.writerow(["", *(cell(row.get(name)) for name in columns), cell(extra or None)])
    header, _, lines = written(rows, columns)[1].partition(b"\n")
    assert lines == expected.getvalue().encode()
    assert header.decode() == ",".join(("key", *columns, "_extra"))


@pytest.mark.parametrize(
    "value",
    [
        '"',
        '""',
        ",",
        "\n",
        "\r",
        "\r\n",
        "\0",
        " padded ",
        'the separator of units \x1f, and a "',
        "007",
        "=1+1",
        "😀",
        '<a href="x">\n</a>',
        pytest.param("x" * 1_000_000, id="1 MB"),
        pytest.param('"' * 1_000_000, id="1 MB of quotes"),
    ],
)
def test_awkward_texts_come_back_unchanged(value: str) -> None:
    """What breaks careless CSV comes back unchanged."""
    assert read(written([{"key": "k", "value": value}])[1])[0]["value"] == value


def test_lone_surrogate_becomes_its_escape() -> None:
    """A lone surrogate, which UTF-8 cannot hold, becomes the six characters of its escape."""
    assert read(written([{"key": "k", "value": "a\ud83db"}])[1])[0]["value"] == "a\\ud83db"


def test_lone_surrogate_in_json_comes_back() -> None:
    """Within lists, dictionaries and `_extra`, which are JSON, a lone surrogate is read back as it was."""
    row = read(written([{"key": "k", "value": ["\ud83d"], "new": "\ud83d"}])[1])[0]
    assert json.loads(row["value"]) == ["\ud83d"]
    assert json.loads(row["_extra"]) == {"new": "\ud83d"}


@given(
    st.recursive(
        st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner | TEXTS) | st.dictionaries(TEXTS, inner | TEXTS),
    )
)
def test_other_values_come_back_as_json(value: Any) -> None:
    """Whatever is no text is JSON in its cell."""
    assert json.loads(read(written([{"key": "k", "value": value}])[1])[0]["value"]) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), ("", ""), (True, "true"), (False, "false"), (0, "0"), (10**30, "1" + "0" * 30), ([], "[]")],
)
def test_cell(value: Any, text: str) -> None:
    """Each kind of value has one form."""
    assert cell(value) == text


def test_missing_column_is_an_empty_cell() -> None:
    """A row without a column has an empty text there, as has one with None."""
    rows = read(written([{"key": "a"}, {"key": "b", "value": None}])[1])
    assert [row["value"] for row in rows] == ["", ""]


def test_unknown_keys_go_to_extra_and_are_counted() -> None:
    """Keys outside of the columns are kept as JSON in `_extra`, and counted by name."""
    count, text = written([{"key": "a", "new": 1}, {"key": "b"}, {"key": "c", "new": "x", "newer": [None]}])
    extras = [row["_extra"] for row in read(text)]
    assert json.loads(extras[0]) == {"new": 1}
    assert extras[1] == ""
    assert json.loads(extras[2]) == {"new": "x", "newer": [None]}
    assert count == RowCount(3, count.extra_keys)
    assert count.extra_keys == {"new": 2, "newer": 1}


@pytest.mark.parametrize(
    "value",
    [
        ["a"],
        [],
        {},
        [1, None, True],
        [["a", {"b": [2]}], 'c,"d"'],
        ["ü\ud83d"],
        [1.5, 10**400],
        "[1",
        "a]",
        "text",
        "{1}",
        7,
    ],
    ids=repr,
)
def test_lists_are_lists_in_extra(value: Any) -> None:
    """A list has one layer of JSON within `_extra`, as Flashpoint gave it, and so has an empty dictionary."""
    row = flatten({"key": "a", "new": value})
    assert json.loads(read(written([row])[1])[0]["_extra"]) == {"new": value}


def test_a_list_beyond_the_depth_of_json_stays_a_text() -> None:
    """One record with a deep list does not stop the lookup of all."""
    deep = "[" * 100_000 + "]" * 100_000
    assert json.loads(read(written([{"key": "a", "new": deep, "more": "[1]"}])[1])[0]["_extra"])["new"] == deep


def test_extra_of_a_row_is_not_lost() -> None:
    """A row that has a key named `_extra` itself finds it within the column of that name."""
    assert json.loads(read(written([{"key": "a", "_extra": "mine"}])[1])[0]["_extra"]) == {"_extra": "mine"}


@pytest.mark.parametrize("columns", [("value", "key"), ("value",), ("key", "value", "value"), ("_extra", "value")])
def test_key_comes_first_and_extra_last(columns: tuple[str, ...]) -> None:
    """However the columns are given, each is there once, the key first and `_extra` last."""
    assert lookup_columns(columns, "key") == ("key", "value", "_extra")
    assert written([], columns)[1] == b"key,value,_extra\n"


@pytest.mark.parametrize("key", ["", "_extra"])
def test_key_that_cannot_be(key: str) -> None:
    """A key without a name, or with that of the extras, is refused."""
    with pytest.raises(ConfigurationError, match="cannot be a column"):
        lookup_columns(COLUMNS, key)


@given(st.lists(TEXTS.filter(bool), unique=True))
def test_header_comes_back_unchanged(names: list[str]) -> None:
    """Every name of a column is read back from the header."""
    columns = lookup_columns(names, "key")
    text = written([], names)[1].decode()
    assert next(csv.reader(io.StringIO(text, newline=""), strict=True)) == list(columns)


@pytest.mark.parametrize("rows", [499, 500, 501, 1001])
def test_pieces_leave_no_seam(rows: int) -> None:
    """Rows are written in pieces, and none is lost or doubled between two of them."""
    count, text = written({"key": str(number)} for number in range(rows))
    assert [row["key"] for row in read(text)] == [str(number) for number in range(rows)]
    assert count.rows == rows
