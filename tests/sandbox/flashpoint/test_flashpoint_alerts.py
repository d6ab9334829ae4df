"""The legacy alerts of the sandbox, read by a plain client."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from sandbox.dataset.documents import alerts
from sandbox.flashpoint.server import FlashpointServer
from sandbox.flashpoint.settings import FlashpointSettings

TIMEOUT_S = 120
FROM = datetime(2024, 1, 1, tzinfo=UTC)
TO = datetime(2024, 1, 1, 6, tzinfo=UTC)
WINDOW = {"since": "2024-01-01T00:00:00Z", "until": "2024-01-01T06:00:00Z"}

Ask = Callable[..., requests.Response]
AskOf = Callable[..., Ask]


@pytest.fixture
def ask_of() -> Iterator[AskOf]:
    """Return functions that read alerts from servers with these settings."""
    servers: list[FlashpointServer] = []

    def make(documents: Any, **settings: Any) -> Ask:
        server = FlashpointServer(FlashpointSettings(**settings)).start()
        servers.append(server)
        server.store.publish_alerts(documents)

        def ask(**query: Any) -> requests.Response:
            headers = {"Authorization": f"Bearer {server.settings.token}"}
            url = f"{server.url}/api/alerting/v1/alerts"
            return requests.get(url, params=query, headers=headers, timeout=TIMEOUT_S)

        return ask

    yield make
    for server in servers:
        server.stop()


def alert(number: int, ts: float | None) -> dict[str, Any]:
    document = {"alert_id": f"11111111-0000-4000-8000-{number:012}", "source": {}}
    return document if ts is None else document | {"ts": ts}


def walk(ask: Ask, **query: Any) -> list[dict[str, Any]]:
    """Walk like real clients: parse the next link and send its parameters again."""
    found: list[dict[str, Any]] = []
    while True:
        answer = ask(**query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["count"] == len(page["data"])
        found += page["data"]
        if "next" not in page["links"]:
            return found
        query = {name: values[0] for name, values in parse_qs(urlsplit(page["links"]["next"]["href"]).query).items()}


@pytest.mark.parametrize("order", ["asc", "desc", "shuffled"])
def test_a_walk_gives_every_alert_once(ask_of: AskOf, order: str) -> None:
    """The walk by next links returns all alerts unchanged, even if several share one ``ts``."""
    documents = list(alerts(5, 257, FROM, TO))
    found = walk(ask_of(documents, alert_order=order), size=7, **WINDOW)
    assert len(found) == 257
    assert {each["alert_id"]: each for each in found} == {each["alert_id"]: each for each in documents}


@pytest.mark.parametrize(("order", "falling"), [("asc", False), ("desc", True)])
def test_order_is_by_ts(ask_of: AskOf, order: str, falling: bool) -> None:
    """The walk ascends or descends by ``ts``, depending on the setting."""
    times = [each["ts"] for each in walk(ask_of(alerts(5, 60, FROM, TO), alert_order=order), size=9)]
    assert times == sorted(times, reverse=falling)


def test_links_are_relative_and_encoded(ask_of: AskOf) -> None:
    """Links start below ``/api/alerting`` and contain the query, and a position that ends in a ``ts``."""
    start = FROM.timestamp()
    page = ask_of([alert(n, start + n + 0.5) for n in range(3)])(size=2, **WINDOW).json()
    since, until = "2024-01-01T00%3A00%3A00Z", "2024-01-01T06%3A00%3A00Z"
    assert page["links"]["self"]["href"] == f"/v1/alerts?since={since}&size=2&until={until}"
    assert re.fullmatch(
        rf"/v1/alerts\?scroll_id=[0-9a-f]{{32}}%24{start + 1.5}&since={since}&size=2&until={until}",
        page["links"]["next"]["href"],
    )


def test_next_is_absent_on_a_last_page_that_is_full(ask_of: AskOf) -> None:
    """A full last page has no next link."""
    page = ask_of([alert(n, FROM.timestamp() + n) for n in range(4)])(size=4).json()
    assert (page["count"], list(page["links"])) == (4, ["self"])


def test_an_empty_window_is_an_empty_page(ask_of: AskOf) -> None:
    """A window without alerts has no data, a count of 0 and no next link."""
    page = ask_of([])(**WINDOW).json()
    assert (page["data"], page["count"], list(page["links"])) == ([], 0, ["self"])


@pytest.mark.parametrize(
    ("bounds", "expected"), [("[]", [10, 10.5, 20]), ("[)", [10, 10.5]), ("(]", [10.5, 20]), ("()", [10.5])]
)
def test_the_bounds_of_a_window_are_a_setting(ask_of: AskOf, bounds: str, expected: list[float]) -> None:
    """A window contains the alerts between its ends; a setting says whether it contains its ends."""
    start = FROM.timestamp()
    documents = [alert(n, start + second) for n, second in enumerate((9.999999, 10, 10.5, 20, 20.000001))]
    ask = ask_of(documents, bounds=bounds, alert_order="asc")
    page = ask(since="2024-01-01T00:00:10Z", until="2024-01-01T00:00:20Z").json()
    assert [each["ts"] - start for each in page["data"]] == expected


def test_the_size_of_a_page_is_50_by_default(ask_of: AskOf) -> None:
    """Without a size a page has 50 alerts."""
    assert ask_of([alert(n, FROM.timestamp() + n) for n in range(70)])().json()["count"] == 50


@pytest.mark.parametrize(
    "query",
    [
        {"size": "0"},
        {"size": "101"},
        {"since": "2024-01-01T00:00:00+00:00"},
        {"until": "2024-01-01T00:00:00.5Z"},
        {"limit": "5"},
        {"scroll_id": "0123456789abcdef0123456789abcdef$1700000150"},
        {"scroll_id": "nonsense"},
    ],
)
def test_unknown_or_invalid_parameters_are_refused(ask_of: AskOf, query: dict[str, str]) -> None:
    """An unknown or invalid parameter is a 400 with a detail that names it."""
    answer = ask_of([alert(1, FROM.timestamp())])(**query)
    assert answer.status_code == 400
    assert next(iter(query)) in answer.json()["detail"]


def test_a_position_must_name_its_ts(ask_of: AskOf) -> None:
    """A ``scroll_id`` without its second half, as when it is cut at ``%24``, is refused."""
    assert ask_of([alert(1, FROM.timestamp())])(scroll_id="11111111000040008000000000000001").status_code == 400


def test_an_alert_without_ts_is_served(ask_of: AskOf) -> None:
    """An alert without ``ts`` is in the window of its first observation, and a walk continues after it."""
    documents = list(alerts(6, 6, FROM, TO, without_ts=True))
    found = walk(ask_of(documents), size=1, **WINDOW)
    assert sum("ts" not in each for each in found) == 1
    assert len(found) == 6
