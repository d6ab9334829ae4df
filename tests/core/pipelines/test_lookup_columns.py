"""The columns of a lookup from the record to its CSV: what a new lookup has, and what one that exists keeps."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_flashpoint.core.devo.lookups.csv_rows import OtherColumns
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of
from airflow_provider_flashpoint.core.flashpoint.page import Record
from airflow_provider_flashpoint.core.flashpoint.rows.columns import INDICATOR_COLUMNS
from airflow_provider_flashpoint.core.pipelines.pull import pull
from airflow_provider_flashpoint.core.state import LookupStatus
from airflow_provider_flashpoint.errors import ConfigurationError
from sandbox.dataset.documents import indicators
from sandbox.dataset.indicators_v2 import indicators_v2
from tests.core.flashpoint.reading import FROM, TO
from tests.core.pipelines.test_sync import PERIOD, SETTINGS, Bench, FakeSource, RowLookups

ORDER = [
    "value", "type", "score.value", "score.last_scored_at", "last_seen_at", "created_at", "modified_at",
    "total_sightings", "latest_sighting.source", "latest_sighting.sighted_at", "latest_sighting.tags",
    "latest_sighting.description", "mitre_attack_ids", "apt_description", "external_references", "hashes.md5",
    "hashes.sha1", "hashes.sha256", "platform_urls.ignite", "id", "malware", "actors", "_extra",
]  # fmt: skip
LEFT_OUT = {"sightings", "relationships.iocs", "malware_description", "href", "entity_type", "score.raw_score"}
MD5, SHA1, SHA256 = "a" * 32, "b" * 40, "c" * 64


class Lookup(Bench):
    """A lookup of version 2, or of another generation, in a directory of its own."""

    def __init__(self, directory: Path, records: list[Record], api: Api = Api.IGNITE_V2, key: str = "value") -> None:
        super().__init__(directory, FakeSource(records), RowLookups())
        self.source.endpoint = endpoint_of(api, DataSet.INDICATORS)
        self.key = key

    def sync(self, status: LookupStatus = LookupStatus.NEW, **changes: Any) -> RowLookups:
        self.run(status, lookup_key=self.key, **changes)
        assert isinstance(self.lookups, RowLookups)
        return self.lookups


def documents(kind: str = "file") -> list[Record]:
    return [*indicators_v2(1, 40, FROM, TO, types=[kind])]


@pytest.mark.parametrize("kind", ["file", "ipv4", "extracted_config"])
def test_a_new_lookup_of_version_2(tmp_path: Path, kind: str) -> None:
    """It has the columns that people want, in their order, and no known value goes into `_extra`."""
    found = Lookup(tmp_path, documents(kind)).sync()
    assert list(found.columns) == ORDER
    assert len(found.rows) == 40
    assert {row["_extra"] for row in found.rows.values()} == {""}
    assert {row["malware"] for row in found.rows.values()} == {"", "demoloader", "papercrane", "tinstealer"}


def test_the_columns_do_not_depend_on_the_first_build(tmp_path: Path) -> None:
    """A key that no indicator of the first build had has its column all the same."""
    lookup = Lookup(tmp_path, [{"value": "a", "modified_at": "2024-01-01T00:00:00Z"}])
    assert list(lookup.sync().columns) == ORDER
    lookup.source.records = documents()
    assert lookup.sync(LookupStatus.CREATED).rows[documents()[1]["value"]]["apt_description"]


def test_max_columns_limits_the_default(tmp_path: Path) -> None:
    """The default columns are cut like those that are found, from their end."""
    assert list(Lookup(tmp_path, documents()).sync(max_columns=5).columns) == [*ORDER[:5], "_extra"]


def test_all_columns_of_version_2(tmp_path: Path) -> None:
    """`all` takes every key: the default columns first, long ones last."""
    found = Lookup(tmp_path, documents()).sync(columns="all").columns
    assert list(found[: len(ORDER) - 1]) == ORDER[:-1]
    assert {*found} > LEFT_OUT
    assert found[-4:] == ("malware_description", "relationships.iocs", "sightings", "_extra")


def test_a_lookup_that_exists_keeps_its_columns(tmp_path: Path) -> None:
    """A lookup with a column that new ones leave out still gets its values, and no value of another column."""
    lookup = Lookup(tmp_path, documents())
    columns = lookup.sync(columns="all").columns
    before = dict(lookup.lookups.rows)
    assert lookup.sync(LookupStatus.CREATED).columns == columns
    assert lookup.lookups.rows == before
    assert all(row["sightings"] and row["href"] for row in before.values())


def test_a_lookup_of_before_the_columns_from_tags(tmp_path: Path) -> None:
    """A lookup without the columns `malware` and `actors` gets no value for them into `_extra`."""
    lookup = Lookup(tmp_path, documents())
    lookup.sync(columns=[name for name in ORDER[1:-1] if name not in ("malware", "actors")])
    assert {row["_extra"] for row in lookup.sync(LookupStatus.CREATED).rows.values()} == {""}


def test_an_unknown_key_goes_into_extra(tmp_path: Path) -> None:
    """A key that nobody knew is not lost; what is left out by default is not there either."""
    records = [{**each, "first_seen_at": "x"} for each in documents()]
    rows = Lookup(tmp_path, records).sync().rows.values()
    assert {row["_extra"] for row in rows} == {'{"first_seen_at":"x"}'}


def test_the_log_says_what_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The pull names what it leaves out, and how to keep it."""
    with caplog.at_level(logging.INFO):
        Lookup(tmp_path, documents()).sync()
    assert f"Left out unless `columns` asks for them: {', '.join(INDICATOR_COLUMNS.left_out)}." in caplog.text


@pytest.mark.parametrize("api", [Api.LEGACY, Api.IGNITE_V1])
def test_attributes_keep_all_columns(tmp_path: Path, api: Api) -> None:
    """On legacy and version 1 every key is a column, and the long lists stand last."""
    records = [*indicators(1, 40, FROM, TO, types=["domain"])]
    found = Lookup(tmp_path, records, api, "value.domain").sync(max_columns=2000)
    assert {row["_extra"] for row in found.rows.values()} == {""}
    places = [
        found.columns.index(name) for name in ("type", "timestamp", "category", "Event.info", "fpid", "Event.Tag")
    ]
    assert places == sorted(places)
    assert {*found.columns[-3:-1]} <= {"Event.Tag", "Event.Galaxy", "Tag", "Galaxy"}


# Other columns --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [["type"], None])
def test_other_columns_can_be_left_out(
    tmp_path: Path, columns: list[str] | None, caplog: pytest.LogCaptureFixture
) -> None:
    """With `leave_out` a value without a column is in no row; the log names its key without a warning."""
    records = [{**each, "first_seen_at": "x"} for each in documents()]
    with caplog.at_level(logging.INFO):
        found = Lookup(tmp_path, records).sync(columns=columns, other_columns=OtherColumns.LEAVE_OUT)
    assert {row["_extra"] for row in found.rows.values()} == {""}
    assert [each.levelname for each in caplog.records if "were left out: " in each.message] == ["INFO"]


def test_columns_of_a_list_leave_the_rest_to_extra(tmp_path: Path) -> None:
    """Without `leave_out` the other values of a list of columns go into `_extra`, but for those left out by default."""
    rows = Lookup(tmp_path, documents()).sync(columns=["type", "sightings"]).rows.values()
    extra = [json.loads(row["_extra"]) for row in rows]
    assert all("created_at" in each and "href" not in each and "malware" not in each for each in extra)
    assert all(row["sightings"] for row in rows)


# Stages ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("columns", "pulls"), [(None, 1), ("all", 2), (["type"], 2)])
def test_a_stage_of_other_columns_is_pulled_again(tmp_path: Path, columns: Any, pulls: int) -> None:
    """A stage whose rows were made for other columns lacks values, so its window is pulled again."""
    lookup = Lookup(tmp_path, documents())
    shape = INDICATOR_COLUMNS.shape(key="value")
    staged = pull(PERIOD.window, lookup.ports(), SETTINGS)
    given = {**staged.summary.to_dict(), "shape": json.loads(json.dumps(shape.to_dict()))}
    lookup.sync(stage=given, columns=columns)
    assert len(lookup.source.windows) == pulls


# One row for each hash ------------------------------------------------------------------------------------------------


def file(day: int, score: str, **hashes: str | None) -> Record:
    at = f"2024-01-{day:02}T00:00:00Z"
    return {"value": SHA256, "type": "file", "hashes": hashes, "score": {"value": score}, "modified_at": at, "id": "i"}


def test_a_file_is_found_by_each_hash(tmp_path: Path) -> None:
    """With one row per hash, each hash of a file is a key, and a newer version replaces all of its rows."""
    lookup = Lookup(tmp_path, [file(1, "unknown", md5=MD5, sha1=SHA1, sha256=SHA256)])
    assert {*lookup.sync(row_per_hash=True).rows} == {MD5, SHA1, SHA256}
    lookup.source.records = [file(2, "malicious", md5=MD5, sha1=SHA1, sha256=SHA256)]
    rows = lookup.sync(LookupStatus.CREATED, row_per_hash=True).rows
    assert {(key, row["score.value"], row["hashes.sha256"]) for key, row in rows.items()} == {
        (key, "malicious", SHA256) for key in (MD5, SHA1, SHA256)
    }


def test_an_old_version_replaces_no_row_of_a_hash(tmp_path: Path) -> None:
    """The ledger knows each hash, so a rerun of an old window brings no old value back under any of them."""
    lookup = Lookup(tmp_path, [file(2, "malicious", md5=MD5, sha256=SHA256)])
    lookup.sync(row_per_hash=True)
    lookup.source.records = [file(1, "unknown", md5=MD5, sha1=SHA1, sha256=SHA256)]
    rows = lookup.sync(LookupStatus.CREATED, row_per_hash=True).rows
    assert {key: row["score.value"] for key, row in rows.items()} == {
        MD5: "malicious",
        SHA256: "malicious",
        SHA1: "unknown",
    }


def test_two_files_of_one_md5(tmp_path: Path) -> None:
    """Of two files with the same MD5 the newer one has its row, and each keeps the row of its value."""
    other = {**file(2, "malicious", md5=MD5, sha256="d" * 64), "value": "d" * 64, "id": "j"}
    rows = Lookup(tmp_path, [other, file(1, "unknown", md5=MD5, sha256=SHA256)]).sync(row_per_hash=True).rows
    assert {key: row["id"] for key, row in rows.items()} == {MD5: "j", SHA256: "i", "d" * 64: "j"}


def test_one_row_per_hash_on_legacy(tmp_path: Path) -> None:
    """An indicator of legacy has one value: the setting is an error before anything is read."""
    lookup = Lookup(tmp_path, [], Api.LEGACY, "value.md5")
    with pytest.raises(ConfigurationError, match=r"row_per_hash is set, and lookup_key is 'value\.md5'"):
        lookup.sync(row_per_hash=True)
    assert lookup.source.windows == []
