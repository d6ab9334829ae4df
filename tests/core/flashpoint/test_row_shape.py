"""Rows of a lookup: what is left out of a record, what is added to it, and a row for each hash."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core import codec, raw_json
from airflow_provider_flashpoint.core.flashpoint.rows.columns import (
    ALL_COLUMNS,
    ATTRIBUTE_COLUMNS,
    INDICATOR_COLUMNS,
    Columns,
)
from airflow_provider_flashpoint.core.flashpoint.rows.flatten import flatten
from airflow_provider_flashpoint.core.flashpoint.rows.shape import RowShape
from airflow_provider_flashpoint.errors import ConfigurationError
from sandbox.dataset.documents import indicators
from sandbox.dataset.indicators_v2 import indicators_v2
from tests.core.flashpoint.reading import FROM, TO

SIGHTING = {
    "id": "s",
    "href": "h",
    "source": "x",
    "sighted_at": "t",
    "tags": [],
    "description": "d",
    "related_iocs": [],
}
RECORD: dict[str, Any] = {
    "id": "i",
    "value": "a",
    "href": "h",
    "entity_type": "indicator",
    "sort_date": "t",
    "score": {"value": "malicious", "raw_score": 70},
    "sightings": [SIGHTING] * 3,
    "latest_sighting": {**SIGHTING, "tags": ["malware:x", "actor:demo team", "os:y"]},
    "relationships": {"iocs": []},
    "malware_description": "<p>",
    "hashes": None,
}
V2 = [*indicators_v2(1, 40, FROM, TO)]
KEPT = {"id": "i", "value": "a", "score.value": "malicious", "malware": "x", "actors": "demo team"}
SIGHTED = {
    "latest_sighting.source": "x",
    "latest_sighting.sighted_at": "t",
    "latest_sighting.tags": '["malware:x","actor:demo team","os:y"]',
    "latest_sighting.description": "d",
}


def row_of(record: dict[str, Any], shape: RowShape | None = None) -> dict[str, Any]:
    (row,) = (shape or INDICATOR_COLUMNS.shape(key="value")).rows([record], "value")
    return row


def test_rows_leave_out_what_is_long_and_says_little() -> None:
    """By default a row of version 2 has no sightings and the like, and no null where columns lie below."""
    before = copy.deepcopy(RECORD)
    assert row_of(RECORD) == KEPT | SIGHTED
    assert before == RECORD


@pytest.mark.parametrize("record", V2)
def test_rows_of_the_sandbox_fit_the_default_columns(record: dict[str, Any]) -> None:
    """No value of a known record goes to `_extra`, also where records are read with raw lists."""
    raw = raw_json.decode_record(codec.encode(record))
    assert row_of(raw) == row_of(record)
    assert row_of(record).keys() <= {*INDICATOR_COLUMNS.default}


@pytest.mark.parametrize(
    "unknown", [{"new": 1}, {"latest_sighting": {"new": 1}}, {"score": {"new": 1}}, {"hashes": {"sha512": "x"}}]
)
def test_an_unknown_key_stays(unknown: dict[str, Any]) -> None:
    """A key that nobody knew is in the row, wherever the record has it."""
    assert flatten(unknown).items() <= row_of(RECORD | unknown).items()


def test_a_dictionary_of_which_nothing_is_left() -> None:
    """A dictionary whose keys are all left out is left out too."""
    assert row_of({"value": "a", "score": {"raw_score": 1}, "latest_sighting": {"id": "s"}, "hashes": {}}) == {
        "value": "a",
        "malware": "",
        "actors": "",
    }


@pytest.mark.parametrize("odd", ["text", 7, None, [1], True])
def test_odd_values_on_the_way(odd: Any) -> None:
    """A value in the place of a dictionary stays, since it is not what is left out."""
    row = row_of({"value": "a", "score": odd, "latest_sighting": odd})
    assert [row.get(name) for name in ("score", "latest_sighting")] == [flatten({"a": odd})["a"]] * 2


@pytest.mark.parametrize("record", [*V2, *indicators(1, 20, FROM, TO), RECORD])
def test_all_columns_leave_nothing_out(record: dict[str, Any]) -> None:
    """With `columns: all`, and always for attributes, every value of a record is in its row."""
    for columns in (INDICATOR_COLUMNS, ATTRIBUTE_COLUMNS):
        row = row_of(record, columns.shape(key="value", wanted=ALL_COLUMNS))
        missing = flatten(record).items() - row.items()
        assert missing <= {("hashes", None), ("hashes", "{}")}
        assert columns is INDICATOR_COLUMNS or row == flatten(record)


@pytest.mark.parametrize(
    ("wanted", "existing", "kept"),
    [
        (None, (), set()),
        (["type"], (), set()),
        (["sightings", "score.raw_score"], (), {"sightings", "score.raw_score"}),
        (["relationships.iocs"], (), {"relationships.iocs"}),
        (None, ("value", "href", "_extra"), {"href"}),
        (["href"], ("value", "sort_date", "_extra"), {"sort_date"}),
    ],
)
def test_columns_that_are_asked_for_or_exist_are_filled(
    wanted: list[str] | None, existing: tuple[str, ...], kept: set[str]
) -> None:
    """A name in `columns`, or a column of the lookup that exists, is not left out."""
    row = row_of(RECORD, INDICATOR_COLUMNS.shape(key="value", wanted=wanted, existing=existing))
    left_out = set(flatten(RECORD)) - set(row) - {"hashes"}
    everything = set(flatten(RECORD)) - {*KEPT, *SIGHTED, "hashes"}
    assert left_out == everything - kept


def test_a_key_that_is_left_out_is_not() -> None:
    """The key of the lookup is in the row, whatever it is."""
    assert row_of(RECORD, INDICATOR_COLUMNS.shape(key="href"))["href"] == "h"


@pytest.mark.parametrize(
    ("tags", "malware", "actors"),
    [
        (["malware:x", "malware:y", "malware:x", "actor:a,b"], "x, y", "a,b"),
        (['malware:"q"\u00e9\ud83d', "Malware:z"], '"q"\u00e9\ud83d', ""),
        (["os:malware:x", 7, None, {"malware:": 1}], "", ""),
        ("malware:x", "", ""),
        ("***", "", ""),
        (None, "", ""),
    ],
)
def test_malware_and_actors_come_from_the_tags(tags: Any, malware: str, actors: str) -> None:
    """They are the texts after the prefix, each once, joined by commas."""
    row = row_of({"value": "a", "latest_sighting": {"tags": tags}})
    assert (row["malware"], row["actors"]) == (malware, actors)


@pytest.mark.parametrize("wanted", [None, ALL_COLUMNS, ["type", "malware"]])
@pytest.mark.parametrize("columns", [INDICATOR_COLUMNS, ATTRIBUTE_COLUMNS])
def test_rows_keep_their_shape_after_the_build(columns: Columns, wanted: Any) -> None:
    """The stage of a pull that began before the build of its lookup ended has the rows that the lookup needs."""
    build = columns.shape(key="value", wanted=wanted)
    found = row_of(RECORD, build)
    built = columns.of_new_lookup(found, key="value", times=(), limit=500, wanted=wanted)
    assert columns.shape(key="value", wanted=wanted, existing=["value", *built, "_extra"]) == build


def test_a_key_of_the_record_outranks_the_tags() -> None:
    """If Flashpoint sends a key of that name one day, its value is not lost."""
    assert row_of({**RECORD, "malware": "own"})["malware"] == "own"


@pytest.mark.parametrize(
    ("wanted", "existing", "has"),
    [(None, ("value", "_extra"), False), (["malware"], (), True), (["type"], (), False), (ALL_COLUMNS, (), True)],
)
def test_tags_become_columns_that_the_lookup_has(wanted: Any, existing: tuple[str, ...], has: bool) -> None:
    """A lookup without the column gets no value for it, which would go to `_extra`."""
    row = row_of(RECORD, INDICATOR_COLUMNS.shape(key="value", wanted=wanted, existing=existing))
    assert ("malware" in row) is has


# One row for each hash ------------------------------------------------------------------------------------------------

FILE = {"value": "c" * 64, "hashes": {"md5": "a" * 32, "sha1": None, "sha256": "c" * 64}, "id": "i"}


def per_hash(record: dict[str, Any], key: str = "value") -> list[dict[str, Any]]:
    return INDICATOR_COLUMNS.shape(key=key, row_per_hash=True).rows([record], key)


def test_a_row_for_each_hash() -> None:
    """A file has a row under its value and under each of its hashes, which are otherwise equal."""
    rows = per_hash(FILE)
    assert [row["value"] for row in rows] == ["c" * 64, "a" * 32]
    assert [row["hashes.md5"] for row in rows] == ["a" * 32] * 2
    own = per_hash(FILE, "hash")
    assert [(row["hash"], row["value"]) for row in own] == [("c" * 64, "c" * 64), ("a" * 32, "c" * 64)]


@pytest.mark.parametrize("hashes", [None, {}, {"md5": ""}, {"md5": "***"}])
def test_a_record_without_hashes_has_one_row(hashes: Any) -> None:
    """A record that has no hash, or a hidden one, has one row under its value; without any id it keeps its row."""
    assert [row["value"] for row in per_hash({"value": "a", "hashes": hashes})] == ["a"]
    assert [row.get("value") for row in per_hash({"id": "i", "hashes": hashes})] == [None]


@given(st.dictionaries(st.sampled_from(["md5", "sha1", "sha256"]), st.none() | st.sampled_from("abc")))
def test_each_hash_has_one_row(hashes: dict[str, Any]) -> None:
    """However the hashes are equal or missing, each text has one row."""
    keys = [row["value"] for row in per_hash({"value": "a", "hashes": hashes})]
    assert sorted(keys) == sorted({"a", *filter(None, hashes.values())})


@pytest.mark.parametrize(
    ("columns", "key"),
    [(ATTRIBUTE_COLUMNS, "value.md5"), (Columns(), "value"), (INDICATOR_COLUMNS, "hashes.md5")],
    ids=["legacy", "no hashes", "the key is a hash"],
)
def test_one_row_per_hash_where_that_makes_no_sense(columns: Columns, key: str) -> None:
    """Records without hashes, or the column of a hash as the key, are an error with the remedy."""
    with pytest.raises(ConfigurationError, match=r"row_per_hash .* lookup_key to `value`.* remove row_per_hash"):
        columns.shape(key=key, row_per_hash=True)
