"""The columns that the first build of a lookup finds: no record shapes the rows of all others."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_flashpoint.core.devo.lookups.csv_rows import lookup_columns
from airflow_provider_flashpoint.core.pipelines.deploy import columns_of
from airflow_provider_flashpoint.core.staging.indicators.column_names import MOST_NAMES
from airflow_provider_flashpoint.core.staging.indicators.newest import RowKey
from airflow_provider_flashpoint.core.staging.indicators.stage import Stage
from airflow_provider_flashpoint.core.staging.indicators.stage_writer import StageWriter
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import ConfigurationError

START = datetime(2026, 1, 1, tzinfo=UTC)
KEY = RowKey("value.domain", ("header_.indexed_at", "timestamp"))
ROW = {
    "Event.info": "i",
    "category": "c",
    "header_.indexed_at": 5,
    "timestamp": 5,
    "type": "domain",
    "value.comment": "x",
    "value.domain": "a.example",
}
ORDERED = ("value.domain", "type", "value.comment", "header_.indexed_at", "timestamp", "Event.info", "category")


def stage_of(directory: Path, rows: list[dict[str, Any]], key: RowKey | None = KEY) -> Stage:
    window = Window(START, START + timedelta(hours=1))
    with StageWriter(directory, window=window, pulled_at=window.end, key=key) as writer:
        for row in rows:
            writer.add([row])
        return Stage(writer.directory, writer.finish())


def found(directory: Path, rows: list[dict[str, Any]], limit: int = 500) -> tuple[str, ...]:
    return columns_of(stage_of(directory, rows), key=KEY, wanted=None, limit=limit)


@pytest.mark.parametrize(
    "strange",
    [
        pytest.param({f"enrichments.h{number:04d}": 1 for number in range(600)}, id="600 keys before the others"),
        pytest.param({f"zz.{number}": 1 for number in range(600)}, id="600 keys after the others"),
        pytest.param({f"value.{number}": 1 for number in range(600)}, id="600 values"),
        pytest.param({f"a{number}_at": 1 for number in range(600)}, id="600 times"),
        pytest.param({"n" * 100_000: 1, **{f"a{number}": 1 for number in range(600)}}, id="a long name"),
        pytest.param({f"a{number:06d}": 1 for number in range(150_000)}, id="more names than are counted"),
    ],
)
@pytest.mark.parametrize("place", [0, 25, 49])
def test_one_record_takes_no_column_from_the_others(strange: dict[str, Any], place: int, tmp_path: Path) -> None:
    """The names that most rows have become columns, in the same order with and without the strange record."""
    rows: list[dict[str, Any]] = [dict(ROW) for _ in range(50)]
    rows[place] |= strange
    columns = found(tmp_path, rows)
    assert [name for name in columns if name in ROW] == list(ORDERED)
    assert len(columns) == 501
    assert found(tmp_path, rows, limit=len(ROW)) == (*ORDERED, "_extra")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["zone", "type", "value.ip", "timestamp"], ["type", "value.ip", "timestamp", "zone"]),
        (["a", "created_at", "value"], ["value", "created_at", "a"]),
        (["valuation", "value"], ["value", "valuation"]),
        (["Event.date", "Event.type"], ["Event.date", "Event.type"]),
        (["b", "first_seen", "a.last_seen"], ["a.last_seen", "first_seen", "b"]),
        (["b", "#", "é", "B"], ["#", "B", "b", "é"]),
    ],
)
def test_columns_are_in_the_order_that_people_look_for(names: list[str], expected: list[str], tmp_path: Path) -> None:
    """The key, the type, values, times, then the others by alphabet, whatever the order within the records."""
    rows = [{"value.domain": "a", **dict.fromkeys(names, 1)}, {"value.domain": "b", **dict.fromkeys(names[::-1], 1)}]
    assert found(tmp_path, rows) == ("value.domain", *expected, "_extra")


def test_a_rare_key_is_a_column(tmp_path: Path) -> None:
    """The key of the lookup is never left out, even if most rows lack it."""
    rows = [{f"a{number}": 1 for number in range(MOST_NAMES + 5)}] * 3 + [{"value.domain": "a"}]
    assert found(tmp_path, rows, limit=2) == ("value.domain", "a0", "_extra")


MANY = {f"a{number}": 1 for number in range(MOST_NAMES + 5)}
LONG = "n" * 300


@pytest.mark.parametrize("pulled_with", [KEY, RowKey("fpid", ()), None], ids=["the key", "another key", "no key"])
@pytest.mark.parametrize(
    ("column", "rows"),
    [
        ("value.domain", [MANY, MANY, {"value.domain": "a"}]),
        ("value.domain", [{"value.domain": "a"}, MANY, MANY]),
        ("zz", [{**MANY, "zz": "a"}]),
        ("zz", [MANY, MANY, {"zz": None}]),
        (LONG, [{LONG: "a", "b": 1}]),
        ("zz", [{f"{number:06d}": 1 for number in range(100_001)}, {"zz": "a"}]),
        ("zz", [{f"{number:0240d}": 1 for number in range(500)}, {"zz": "a"}]),
    ],
)
def test_a_key_that_any_row_has_is_found(
    tmp_path: Path, column: str, rows: list[dict[str, Any]], pulled_with: RowKey | None
) -> None:
    """A key that is too rare or too long for the names of the stage is the key all the same."""
    stage = stage_of(tmp_path, rows, RowKey(column, ()) if pulled_with is KEY else pulled_with)
    assert columns_of(stage, key=RowKey(column, ()), wanted=None)[0] == column


@pytest.mark.parametrize("column", ["value.ip", "Value.Domain", "value", "", "a0 "])
def test_a_key_that_no_row_has_is_refused(tmp_path: Path, column: str) -> None:
    """The message lists the keys of the data."""
    stage = stage_of(tmp_path, [MANY, {"value.domain": "a"}], None)
    with pytest.raises(ConfigurationError, match="which is not a key of the flattened data"):
        columns_of(stage, key=RowKey(column, ()), wanted=None)


@pytest.mark.parametrize("length", [5, 240, 251, 100_000])
def test_the_names_in_a_summary_are_bounded(length: int, tmp_path: Path) -> None:
    """The summary, which becomes an XCom, and the manifest stay small, whatever names the records have."""
    row = {f"{number:0{length}d}": 1 for number in range(3000 if length < 1000 else 50)}
    stage = stage_of(tmp_path, [{**ROW, **row}, ROW])
    assert set(ROW) <= set(stage.summary.columns)
    assert len(stage.summary.columns) <= MOST_NAMES
    assert len(json.dumps(stage.summary.to_dict())) < 150_000


@pytest.mark.parametrize("name", ["", " ", "\t", "\n", "\u00a0", "  "])
def test_a_blank_name_is_no_column(name: str, tmp_path: Path) -> None:
    """Devo refuses a header with a blank name, so its values go to `_extra` and the lookup is built."""
    assert found(tmp_path, [{**ROW, name: 1}]) == (*ORDERED, "_extra")
    assert lookup_columns([name, "a"], "key") == ("key", "a", "_extra")
