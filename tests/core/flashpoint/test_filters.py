"""Filters reach the request, and are checked against the table of the API generation."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.errors import ConfigurationError
from sandbox.dataset.documents import indicators
from sandbox.dataset.indicators_v2 import indicators_v2
from sandbox.dataset.notifications import notifications
from tests.core.flashpoint.reading import COUNT, FROM, TO, read
from tests.core.flashpoint.sandbox_in_process import InProcess

V1, V2 = (Api.IGNITE_V1, DataSet.INDICATORS), (Api.IGNITE_V2, DataSet.INDICATORS)
LEGACY, ALERTS = (Api.LEGACY, DataSet.INDICATORS), (Api.IGNITE_V2, DataSet.ALERTS)


def tags(document: dict[str, Any]) -> list[str]:
    found: list[str] = document["latest_sighting"]["tags"]
    return found


def is_worst(document: dict[str, Any]) -> bool:
    return document["score"]["value"] == "malicious"  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def sandbox() -> InProcess:
    made = InProcess()
    made.server.store.publish_indicators(indicators(1, COUNT, FROM, TO))
    made.server.store.publish_indicators_v2(indicators_v2(1, COUNT, FROM, TO))
    made.server.store.publish_notifications(notifications(1, COUNT, FROM, TO))
    return made


@pytest.mark.parametrize(
    ("row", "filters", "holds"),
    [
        (V2, {"score": "suspicious"}, lambda each: each["score"]["value"] in ("suspicious", "malicious")),
        (V2, {"malware": "demoloader"}, lambda each: "malware:demoloader" in tags(each)),
        (V2, {"malware": ["papercrane", "x"]}, lambda each: "malware:papercrane" in tags(each)),
        (V2, {"actors": ["demo team"]}, lambda each: "actor:demo team" in tags(each)),
        (V2, {"tags": ("actor:demo team",)}, lambda each: "actor:demo team" in tags(each)),
        (V2, {"sources": "flashpoint_detection"}, lambda each: "detection" in each["latest_sighting"]["source"]),
        (V2, {"cidr": "10.0.0.0/28"}, lambda each: each["type"] == "ipv4" and int(each["value"].split(".")[-1]) < 16),
        (V2, {"score": "malicious", "actors": "demo team"}, lambda each: is_worst(each) and len(tags(each)) > 1),
        (ALERTS, {"status": "flagged"}, lambda each: each["status"] == "flagged"),
        (ALERTS, {"origin": "assets"}, lambda each: each["reason"]["origin"] == "assets"),
        (ALERTS, {"sources": ["media", "communities"]}, lambda each: each["source"] in ("media", "communities")),
        (ALERTS, {"tags": "triage"}, lambda each: bool(each["tags"])),
        (V1, {"query": "demoloader"}, lambda each: "demoloader" in str(each)),
        (LEGACY, {"query": "demoloader"}, lambda each: "demoloader" in str(each)),
    ],
    ids=str,
)  # fmt: skip
def test_a_filter_selects(sandbox: InProcess, row: tuple[Api, DataSet], filters: dict[str, Any], holds: Any) -> None:
    """A filter brings the records that meet it, and no others, page by page."""
    everything = read(sandbox.client(row[0]), data_set=row[1])
    found = read(sandbox.client(row[0], page_size=7), data_set=row[1], filters=filters)
    key = "fpid" if row in (V1, LEGACY) else "id"
    assert {each[key] for each in found} == {each[key] for each in everything if holds(each)}
    assert 0 < len(found) < len(everything)


@pytest.mark.parametrize(
    ("row", "filters", "said"),
    [
        (V2, {"query": "x"}, "'query' is not a filter .* allowed are: actors, cidr, malware, mitre_attack_ids, score"),
        (V2, {"min_score": "malicious"}, "'min_score' is not a filter"),
        (V2, {"score": "high"}, "score .* is 'high'; it must be one of informational, suspicious, malicious"),
        (V2, {"score": ["malicious"]}, r"score .* is \['malicious'\]; it must be of type str"),
        (V2, {"tags": "a,b"}, "tags .* it must have no comma: write a list"),
        (V2, {"tags": []}, "tags .* it must not be empty"),
        (V2, {"tags": ["a", " "]}, "tags .* it must not be empty"),
        (V2, {"tags": ["a", 7]}, "tags .* it must be of type str or a list of it"),
        (V1, {"score": "malicious"}, "'score' is not a filter .* allowed are: query"),
        (LEGACY, {"tags": ["a"]}, "'tags' is not a filter .* allowed are: query"),
        (ALERTS, {"status": ["flagged", "archived"]}, "status .* it must be of type str"),
        (ALERTS, {"status": "starred"}, "status .* it must be one of archived, flagged, sent, deleted, none"),
        (ALERTS, {"origin": "searches,assets"}, "origin .* it must be one of searches, assets"),
        ((Api.LEGACY, DataSet.ALERTS), {"status": "flagged"}, "which has no filters"),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_filter(sandbox: InProcess, row: tuple[Api, DataSet], filters: dict[str, Any], said: str) -> None:
    """A filter that the generation does not have, or a value that it does not take, is an error before any request."""
    asked = len(sandbox.queries)
    with pytest.raises(ConfigurationError, match=said):
        sandbox.client(row[0]).source(row[1], filters=filters)
    assert len(sandbox.queries) == asked
