"""Ignite from Flashpoint to Devo: lookups of both versions of indicators, and notifications as alerts."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.config.model import DEFAULT_TAG
from airflow_provider_flashpoint.operators import LookupSyncOperator
from sandbox.dataset.indicators_v2 import indicators_v2
from sandbox.dataset.notifications import notifications
from tests.operators.conftest import StartWorld
from tests.operators.test_streams_apart import COUNT, LOOKUP, PERIOD, START, World

pytestmark = pytest.mark.airflow


class IgniteWorld(World):
    """Both Flashpoints serve the same data; the second one is read by the API generation of `read_by`."""

    def start(self) -> None:
        super().start()
        store = self.flashpoints["flashpoint_two"].store
        store.publish_indicators_v2(indicators_v2(1, COUNT, START, START + PERIOD))
        store.publish_notifications(notifications(1, COUNT, START, START + PERIOD))

    def read_by(self, api: str) -> None:
        self._connect(
            "flashpoint_two", self.flashpoints["flashpoint_two"].airflow_connection() | {"extra": {"api": api}}
        )

    def contents(self, devo: str) -> list[Any]:
        return sorted(map(str, self.devos[devo].lookups["Domains"].rows()))


@pytest.fixture
def world(start_world: StartWorld) -> Any:
    return start_world(IgniteWorld)


def test_a_lookup_of_version_1_is_that_of_legacy(world: IgniteWorld) -> None:
    """Version 1 has the documents of legacy, so it fills the same lookup."""
    world.read_by("legacy")
    world.lookup("devo_acme", "flashpoint_two")
    world.read_by("ignite_v1")
    world.lookup("devo_beta", "flashpoint_two")
    assert world.contents("devo_acme") == world.contents("devo_beta")


def test_a_lookup_of_version_2(world: IgniteWorld) -> None:
    """Indicators of version 2 fill a lookup by their value, and a newer version replaces its row."""
    world.read_by("ignite_v2")
    wanted = {"indicator_type": "ipv4", "lookup_key": "value"}
    world.lookup("devo_acme", "flashpoint_two", **wanted)
    store = world.flashpoints["flashpoint_two"].store
    expected = store.indicators_v2.groups()["ipv4"]
    assert world.rows("devo_acme") == expected
    (touched,) = store.touch_indicators_v2(count=1, types=["ipv4"], at=START)
    world.lookup("devo_acme", "flashpoint_two", **wanted)
    assert world.rows("devo_acme") == expected
    assert any(touched in row and "total_sightings" not in row for row in world.contents("devo_acme"))


@pytest.mark.parametrize("api", ["ignite_v1", "ignite_v2"])
def test_notifications_are_delivered_once(world: IgniteWorld, api: str) -> None:
    """Each notification becomes one event as it was sent, and a second run of the window sends none again."""
    world.read_by(api)
    assert world.alerts("devo_acme", "flashpoint_two")["sent"] == COUNT
    assert world.alerts("devo_acme", "flashpoint_two")["sent"] == 0
    events = [json.loads(each) for each in world.devos["devo_acme"].tables.messages(DEFAULT_TAG)]
    assert sorted(each["id"] for each in events) == sorted(
        each["id"] for each in notifications(1, COUNT, START, START + PERIOD)
    )


def test_a_type_of_another_generation_fails_the_pull(world: IgniteWorld) -> None:
    """A pull of a type that the generation does not have fails with the types that there are."""
    world.read_by("ignite_v2")
    with pytest.raises(Exception, match=r"no indicators of type ip-dst with api ignite_v2\..*\(PullError 101"):
        world.lookup("devo_acme", "flashpoint_two", indicator_type="ip-dst")


def test_filters_of_a_lookup_and_of_the_alerts(world: IgniteWorld) -> None:
    """Filters of an operator choose what is read, and its state names them."""
    world.read_by("ignite_v2")
    wanted = {"indicator_type": "ipv4", "lookup_key": "value", "filters": {"score": "suspicious"}}
    world.lookup("devo_acme", "flashpoint_two", **wanted)
    documents = [each for each in indicators_v2(1, COUNT, START, START + PERIOD) if each["type"] == "ipv4"]
    wanted_scores = ("malicious", "suspicious")
    assert world.rows("devo_acme") == sum(each["score"]["value"] in wanted_scores for each in documents)
    sent = world.alerts("devo_acme", "flashpoint_two", filters={"status": "flagged"})["sent"]
    assert 0 < sent < COUNT
    states = [json.loads(state)["filters"] for state in world.variables.values()]
    assert sorted(map(str, states)) == ["{'score': 'suspicious'}", "{'status': 'flagged'}"]


@pytest.mark.parametrize(
    ("api", "indicator_type", "key"),
    [("legacy", "domain", "value.domain"), ("ignite_v1", "domain", "value.domain"), ("ignite_v2", "ipv4", "value")],
)
def test_a_lookup_without_a_key_has_that_of_its_generation(
    world: IgniteWorld, api: str, indicator_type: str, key: str
) -> None:
    """Without a lookup_key, the value of the indicator is the key, under its name in the API generation."""
    world.read_by(api)
    found = world.lookup("devo_acme", "flashpoint_two", indicator_type=indicator_type, lookup_key=None)
    assert found["rows_sent"] == world.rows("devo_acme") > 0
    assert [json.loads(state)["key"] for state in world.variables.values()] == [key]


@pytest.mark.parametrize(("options", "size", "references"), [({}, "500", True), ({"embed": []}, "1000", False)])
def test_parts_are_embedded_by_default(
    world: IgniteWorld, options: dict[str, Any], size: str, references: bool
) -> None:
    """A pull requests the parts that the default columns need, unless it is told not to; legacy has none."""
    world.read_by("ignite_v2")
    server = world.flashpoints["flashpoint_two"]
    world.lookup("devo_acme", "flashpoint_two", indicator_type="ipv4", lookup_key="value", **options)
    queries = [dict(parse_qsl(each["query"])) for each in server.log.to_json()["requests"]]
    assert {(query["size"], query.get("embed")) for query in queries} == {(size, "all" if references else None)}
    lookup = world.devos["devo_acme"].lookups["Domains"]
    place = lookup.columns.index("external_references")
    assert any(row[place] for row in lookup.rows()) is references


def test_a_lookup_of_files_by_each_hash(world: IgniteWorld) -> None:
    """Pull and sync agree on one row for each hash and on the columns, so the sync uses the stage of the pull."""
    world.read_by("ignite_v2")
    options = {"indicator_type": "file", "lookup_key": "value", "columns": ["type", "id"]}
    one = world.lookup("devo_acme", "flashpoint_two", **options)
    assert one["rows_sent"] == world.rows("devo_acme")
    server = world.flashpoints["flashpoint_two"]
    read = server.log.to_json()["count"]
    several = world.lookup("devo_beta", "flashpoint_two", **options, row_per_hash=True)
    assert one["rows_sent"] < several["rows_sent"] <= 3 * one["rows_sent"]
    assert list(world.devos["devo_beta"].lookups["Domains"].columns) == ["value", "type", "id", "_extra"]
    assert server.log.to_json()["count"] == 2 * read


def test_other_columns_are_left_out(world: IgniteWorld) -> None:
    """With `leave_out` the sync sends no value without a column, and another word is an error."""
    world.read_by("ignite_v2")
    options = {**LOOKUP, "indicator_type": "file", "lookup_key": "value", "columns": ["type"]}
    arguments = {**world._arguments("sync", "devo_acme", "flashpoint_two"), **options}
    summary = world._execute(LookupSyncOperator(**arguments, other_columns="leave_out"))
    assert summary["extra_values"] == 0
    assert {row[-1] for row in world.devos["devo_acme"].lookups["Domains"].rows()} == {""}
    with pytest.raises(Exception, match=r"other_columns is 'drop' in task sync; allowed: extra, leave_out\."):
        world._execute(LookupSyncOperator(**arguments, other_columns="drop"))
