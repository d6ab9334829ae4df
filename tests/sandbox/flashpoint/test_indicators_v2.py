"""The indicators of version 2 of the sandbox, read by a plain client."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from sandbox.dataset.indicators_v2 import indicators_v2
from sandbox.flashpoint.server import FlashpointServer
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.flashpoint.versions import iso_us
from tests.sandbox.flashpoint.ignite_requests import FROM, TO, Ask, asker, walk

PATH = "/technical-intelligence/v2/indicators"
WINDOW = {"modified_after": "2024-01-01T00:00:00Z", "modified_before": "2024-01-01T06:00:00Z"}
SORTED = WINDOW | {"sort": "modified_at:asc", "size": "7"}
DOCUMENTS = list(indicators_v2(5, 257, FROM, TO))
NETWORK = ip_network("10.0.0.0/25")
EMBEDDED = ("apt_description", "malware_description", "external_references", "mitre_attack_ids", "relationships")


@pytest.fixture(scope="module")
def server() -> Iterator[FlashpointServer]:
    with FlashpointServer() as server:
        server.store.publish_indicators_v2(DOCUMENTS)
        yield server


@pytest.fixture
def ask(server: FlashpointServer) -> Ask:
    return asker(server, PATH)


def plain(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in EMBEDDED}


def test_a_walk_gives_every_document_once(ask: Ask) -> None:
    """The walk by offset returns all documents in order, without the embedded parts."""
    found = walk(ask, SORTED)
    assert {each["id"]: each for each in found} == {each["id"]: plain(each) for each in DOCUMENTS}
    times = [iso_us(each["modified_at"]) for each in found]
    assert times == sorted(times)


def test_embedded_parts(ask: Ask) -> None:
    """Embedded parts come where they are requested: all, or those that are named."""
    found = ask(SORTED | {"embed": "all", "size": "500"}).json()["items"]
    assert {each["id"]: each for each in found} == {each["id"]: each for each in DOCUMENTS}
    named = ask(SORTED | {"embed": "mitre_attack_ids,related_iocs"}).json()["items"][0]
    assert set(EMBEDDED) & set(named) == {"mitre_attack_ids", "relationships"}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("size=1001", "size"),
        ("size=501&embed=all", "size"),
        ("size=0", "size"),
        ("size=ten", "size"),
        ("from=-1", "from"),
        ("sort=value:asc", "sort"),
        ("sort=modified_at", "sort"),
        ("ioc_types=ip-dst", "ioc_types"),
        ("ioc_types=ipv4,,url", "ioc_types"),
        ("embed=everything", "embed"),
        ("min_score=high", "min_score"),
        ("cidr_range=10.0.0.0/99", "cidr_range"),
        ("types=ipv4", "types"),
        ("updated_since=2024-01-01T00:00:00Z", "updated_since"),
        ("include_total_count=maybe", "include_total_count"),
    ],
)
def test_an_invalid_parameter_is_refused_with_its_place(ask: Ask, query: str, name: str) -> None:
    """An unknown name, or a value that is not allowed, is a 422 whose errors have its place."""
    answer = ask(query)
    assert answer.status_code == 422
    assert answer.json()["detail"] == "Validation failed"
    assert [each["loc"] for each in answer.json()["errors"]] == [["query", name]]


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("2024-01-01T00:00:00Z", 200),
        ("2024-01-01", 200),
        ("-30d", 200),
        ("-8h", 200),
        ("-2M", 200),
        ("-5m", 200),
        ("2024-01-01T00:00:00%2B00:00", 400),
        ("2024-01-01T00:00:00", 400),
        ("2024-01-01T00:00:00.5Z", 400),
        ("now-7d", 400),
        ("1704067200", 400),
        ("2024-13-01", 400),
        ("", 400),
    ],
)
def test_times(ask: Ask, value: str, status: int) -> None:
    """Times are whole seconds with Z, dates, or relative ones; every other form is a 400 with the name."""
    answer = ask(f"modified_after={value}")
    assert answer.status_code == status
    assert status == 200 or answer.json() == {"detail": "Invalid datetime: modified_after"}


def test_without_a_date_filter_only_the_last_month_is_searched(server: FlashpointServer, ask: Ask) -> None:
    """A request without a time finds only what was seen in the last 30 days."""
    assert ask("").json()["items"] == []
    assert ask({"created_after": "2000-01-01"}).json()["items"]


def test_the_total_comes_on_request(ask: Ask) -> None:
    """The total is null unless it is requested."""
    assert ask(SORTED).json()["total"] is None
    assert ask(SORTED | {"include_total_count": "true"}).json()["total"] == len(DOCUMENTS)


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ({"ioc_types": "ipv4,url"}, lambda each: each["type"] in ("ipv4", "url")),
        ({"min_score": "suspicious"}, lambda each: each["score"]["value"] in ("suspicious", "malicious")),
        ({"max_score": "suspicious"}, lambda each: each["score"]["value"] in ("suspicious", "informational")),
        ({"malware": "demoloader"}, lambda each: "malware:demoloader" in each["latest_sighting"]["tags"]),
        ({"actors": "demo team"}, lambda each: "actor:demo team" in each["latest_sighting"]["tags"]),
        ({"tags": "actor:demo team"}, lambda each: "actor:demo team" in each["latest_sighting"]["tags"]),
        ({"sources": "flashpoint_detection"}, lambda each: each["latest_sighting"]["source"] == "flashpoint_detection"),
        ({"mitre_attack_ids": "T1071"}, lambda each: bool(each["mitre_attack_ids"])),
        ({"cidr_range": "10.0.0.0/25"}, lambda each: each["type"] == "ipv4" and ip_address(each["value"]) in NETWORK),
        ({"has_extracted_config": "true"}, lambda each: each["type"] == "extracted_config"),
        ({"has_intel_report": "true"}, lambda each: bool(each["external_references"])),
    ],
)
def test_filters(ask: Ask, query: dict[str, str], holds: Any) -> None:
    """A filter returns the documents that meet it, and no others."""
    expected = {each["id"] for each in DOCUMENTS if holds(each)}
    assert {each["id"] for each in walk(ask, SORTED | query)} == expected
    assert 0 < len(expected) < len(DOCUMENTS)


@pytest.mark.parametrize(("window", "status"), [(10_000, 400), (None, 200)])
def test_the_result_window(window: int | None, status: int) -> None:
    """Beyond the result window a request is a 400, unless the setting lifts it."""
    with FlashpointServer(FlashpointSettings(result_window_v2=window)) as server:
        assert asker(server, PATH)(WINDOW | {"from": "9500", "size": "501"}).status_code == status


def test_pagination_may_be_missing() -> None:
    """With the setting, pages have no pagination."""
    with FlashpointServer(FlashpointSettings(pagination=False)) as server:
        assert set(asker(server, PATH)(WINDOW).json()) == {"items", "total"}


@pytest.mark.parametrize("path", [PATH, "/technical-intelligence/v1/attribute", "/api/v4/indicators/attribute"])
def test_data_that_moves_while_it_is_paged(path: str) -> None:
    """With the setting, each page is followed by newer versions of the oldest documents."""
    with FlashpointServer(FlashpointSettings(touched_per_page=3)) as server:
        server.store.publish_indicators_v2(DOCUMENTS)
        legacy = [{"fpid": each["id"], "type": "url", "timestamp": "1704067201"} for each in DOCUMENTS]
        server.store.publish_indicators(legacy)
        pages = [asker(server, path)(SORTED if path == PATH else {"limit": "9"}).json() for _ in range(2)]
        first, second = ([each.get("fpid") or each["id"] for each in _items(page)] for page in pages)
        assert not set(first[:3]) & set(second)


def _items(page: Any) -> list[dict[str, Any]]:
    return page["items"] if isinstance(page, dict) else page  # type: ignore[no-any-return]


def test_one_document(server: FlashpointServer) -> None:
    """A document is found by its id, in full; an unknown one is a 404."""
    assert asker(server, f"{PATH}/{DOCUMENTS[0]['id']}")().json() == DOCUMENTS[0]
    assert asker(server, f"{PATH}/unknown")().status_code == 404


def test_a_touched_document_has_one_version() -> None:
    """A newer version replaces the older one."""
    with FlashpointServer() as own:
        own.store.publish_indicators_v2(DOCUMENTS)
        touched = own.store.touch_indicators_v2(count=3, at=TO)
        found = walk(asker(own, PATH), SORTED)
    assert len({each["id"] for each in found}) == len(found) == len(DOCUMENTS)
    assert [each["id"] for each in found if each["modified_at"] == "2024-01-01T06:00:00Z"] == touched
