"""The notifications of the sandbox, read by a plain client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.dataset.notifications import notifications
from sandbox.flashpoint.server import FlashpointServer
from sandbox.flashpoint.settings import FlashpointSettings
from tests.sandbox.flashpoint.ignite_requests import FROM, TO, Ask, asker, walk

PATH = "/alert-management/v1/notifications"
WINDOW = {"created_after": "2024-01-01T00:00:00Z", "created_before": "2024-01-01T06:00:00Z"}
DOCUMENTS = list(notifications(5, 257, FROM, TO))


@pytest.fixture(scope="module")
def server() -> Iterator[FlashpointServer]:
    with FlashpointServer() as server:
        server.store.publish_notifications(DOCUMENTS)
        yield server


@pytest.fixture
def ask(server: FlashpointServer) -> Ask:
    return asker(server, PATH)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_page_of_all(ask: Ask, order: str) -> None:
    """A page that holds all returns the documents as they were published, in the order that was requested."""
    page = ask(WINDOW | {"sort": f"created_at:{order}", "size": "5000"}).json()
    assert {each["id"]: each for each in page["items"]} == {each["id"]: each for each in DOCUMENTS}
    times = [each["created_at"] for each in page["items"]]
    assert times == sorted(times, reverse=order == "desc")
    assert page["pagination"]["next"] is None


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_cursor_loses_equals_at_a_border(ask: Ask, order: str) -> None:
    """A walk by cursor returns all but those of one microsecond that a border divides, as the service would."""
    found = walk(ask, WINDOW | {"sort": f"created_at:{order}", "size": "7"})
    assert {each["created_at"] for each in found} == {each["created_at"] for each in DOCUMENTS}
    assert len(found) < len(DOCUMENTS)
    assert len({each["id"] for each in found}) == len(found)


def test_the_default_order_descends(ask: Ask) -> None:
    """Without a sort the newest come first, and the page names the first cursor."""
    page = ask(WINDOW).json()
    assert len(page["items"]) == 25
    assert page["items"][0]["created_at"] == max(each["created_at"] for each in DOCUMENTS)
    assert "cursor=20000000000.0" in page["pagination"]["first"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("status=flagged,archived", "status"),
        ("status=starred", "status"),
        ("origin=searches,assets", "origin"),
        ("sources=communities,unknown", "sources"),
        ("size=5001", "size"),
        ("size=0", "size"),
        ("sort=created_at", "sort"),
        ("cursor=abc", "cursor"),
        ("since=2024-01-01T00:00:00Z", "since"),
    ],
)
def test_an_invalid_parameter_is_refused_with_its_place(ask: Ask, query: str, name: str) -> None:
    """An unknown name, or a value that is not allowed, is a 422 whose detail is a list with its place."""
    answer = ask(query)
    assert answer.status_code == 422
    assert [each["loc"] for each in answer.json()["detail"]] == [["query", name]]


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("2024-01-01T00:00:00Z", 200),
        ("2024-01-01", 200),
        ("now", 200),
        ("now-7d", 200),
        ("-7d", 400),
        ("2024-01-01T00:00:00%2B00:00", 400),
        ("2024-01-01T00:00:00.123456Z", 400),
        ("2024-01-01T00:00:00", 400),
        ("yesterday", 400),
    ],
)
def test_times(ask: Ask, value: str, status: int) -> None:
    """Times are whole seconds with Z, dates, or relative to ``now``; every other form is a 400 with the name."""
    answer = ask(f"created_after={value}")
    assert answer.status_code == status
    assert status == 200 or answer.json() == {"detail": "Invalid datetime: created_after"}


def test_the_last_of_a_repeated_parameter_counts(ask: Ask) -> None:
    """Of a parameter that is sent twice only the last value counts."""
    page = ask("size=5000&status=archived&status=flagged").json()
    assert {each["status"] for each in page["items"]} == {"flagged"}


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ({"status": "none"}, lambda each: each["status"] is None),
        ({"origin": "assets"}, lambda each: each["reason"]["origin"] == "assets"),
        ({"sources": "communities,media"}, lambda each: each["source"] in ("communities", "media")),
        ({"tags": "triage"}, lambda each: bool(each["tags"])),
        ({"query_ids": DOCUMENTS[0]["reason"]["id"]}, lambda each: each["reason"]["name"] == "watch 0"),
        ({"asset_type": "ipv4s"}, lambda each: each["reason"]["origin"] == "assets"),
    ],
)
def test_filters(ask: Ask, query: dict[str, str], holds: Any) -> None:
    """A filter returns the notifications that meet it, and no others."""
    expected = {each["id"] for each in DOCUMENTS if holds(each)}
    assert {each["id"] for each in ask(WINDOW | query | {"size": "5000"}).json()["items"]} == expected
    assert 0 < len(expected) < len(DOCUMENTS)


def test_an_order_of_the_server_s_own() -> None:
    """With the setting the server ignores the sort, and its next links lead through all that differ in time."""
    with FlashpointServer(FlashpointSettings(notification_order="shuffled")) as server:
        server.store.publish_notifications(DOCUMENTS[:40])
        found = walk(asker(server, PATH), WINDOW | {"sort": "created_at:asc", "size": "9"})
    times = [each["created_at"] for each in found]
    assert times != sorted(times)
    assert len(set(times)) > 20


def test_every_shape_occurs() -> None:
    """Nulls, and lists or objects under one name, occur as in the service's samples."""
    media = {type(each["resource"]["media_v2"]) for each in DOCUMENTS if "media_v2" in each["resource"]}
    assert media == {list, dict}
    for name in ("source", "parent_data_type", "status", "tags"):
        assert len({each[name] is None for each in DOCUMENTS}) == 2, name
    assert len({each["reason"]["entity"] is None for each in DOCUMENTS}) == 2
