"""The legacy indicators of the sandbox, read by a plain client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from sandbox.dataset.documents import bulk_indicators, indicators
from sandbox.flashpoint.scroll import Scrolls
from sandbox.flashpoint.server import FlashpointServer
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.http_service.message import Refusal

TIMEOUT_S = 120
FROM = datetime(2024, 1, 1, tzinfo=UTC)
TO = datetime(2024, 1, 1, 6, tzinfo=UTC)
ATTRIBUTE = "/api/v4/indicators/attribute"
SCROLL = "/api/v4/indicators/scroll"


class Client:
    """Calls one server with its token."""

    def __init__(self, server: FlashpointServer) -> None:
        self.url = server.url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {server.settings.token}"

    def __call__(self, path: str = ATTRIBUTE, method: str = "GET", json: Any = None, **query: Any) -> requests.Response:
        return self.session.request(method, self.url + path, params=query, json=json, timeout=TIMEOUT_S)


ClientOf = Callable[..., Client]


@pytest.fixture
def client_of() -> Iterator[ClientOf]:
    """Return clients of servers with these settings and documents."""
    servers: list[FlashpointServer] = []

    def make(documents: Any = (), **settings: Any) -> Client:
        server = FlashpointServer(FlashpointSettings(**settings)).start()
        servers.append(server)
        server.store.publish_indicators(documents)
        client = Client(server)
        client.store = server.store  # type: ignore[attr-defined]
        return client

    yield make
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def large_server() -> Iterator[FlashpointServer]:
    with FlashpointServer() as server:
        server.store.publish_block(bulk_indicators("domain", 200_000, FROM, TO))
        server.store.publish_block(bulk_indicators("md5", 50, FROM, TO))
        yield server


@pytest.fixture
def large(large_server: FlashpointServer) -> Client:
    return Client(large_server)


def at(second: int, fpid: str = "", kind: str = "domain") -> dict[str, Any]:
    """Return an indicator that was updated ``second`` seconds after the start."""
    moment = int((FROM + timedelta(seconds=second)).timestamp())
    return {
        "type": kind,
        "fpid": fpid or f"at{second}",
        "value": {kind: f"{second}"},
        "header_": {"indexed_at": moment},
    }


def fpids(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["fpid"] for each in answer.json()]


def test_a_page_is_a_bare_list_with_its_total_in_a_header(client_of: ClientOf) -> None:
    """Without a scroll the body is a list, and ``x-fp-total-hits`` counts the window, not the page."""
    answer = client_of([at(n) for n in range(5)])(limit=2)
    assert (fpids(answer), answer.headers["x-fp-total-hits"]) == (["at0", "at1"], "5")


def test_the_total_can_be_missing(client_of: ClientOf) -> None:
    """A setting removes the header, as on old servers."""
    assert "x-fp-total-hits" not in client_of([at(1)], total_hits_header=False)().headers


def test_documents_arrive_as_they_were_published(client_of: ClientOf) -> None:
    """Hostile values, odd keys and large texts reach a client unchanged."""
    documents = list(indicators(3, 400, FROM, TO, with_large_value=True))
    served = client_of(documents)(limit=1000).json()
    assert {each["fpid"]: each for each in served} == {each["fpid"]: each for each in documents}


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [("[]", [10, 11, 20]), ("[)", [10, 11]), ("(]", [11, 20]), ("()", [11])],
)
def test_the_bounds_of_a_window_are_a_setting(client_of: ClientOf, bounds: str, expected: list[int]) -> None:
    """A window contains updates between its ends; a setting says whether it contains its ends."""
    client = client_of([at(n) for n in (9, 10, 11, 20, 21)], bounds=bounds)
    answer = client(updated_since="2024-01-01T00:00:10Z", updated_until="2024-01-01T00:00:20Z")
    assert fpids(answer) == [f"at{second}" for second in expected]
    assert answer.headers["x-fp-total-hits"] == str(len(expected))


def test_types_are_a_list_of_names(client_of: ClientOf) -> None:
    """``types`` accepts several names, with pipes and in any case; an unknown name finds nothing."""
    client = client_of([at(1), at(2, kind="ip-dst|port"), at(3, kind="AS")])
    found = [fpids(client(types=types)) for types in ("domain,ip-dst|port", "as", "mutex")]
    assert found == [["at1", "at2"], ["at3"], []]


@pytest.mark.parametrize(
    "query",
    [
        {"updated_since": "2024-01-01T00:00:00+00:00"},
        {"updated_since": "2024-01-01T00:00:00"},
        {"updated_since": "2024-01-01T00:00:00.000000Z"},
        {"updated_since": "2024-01-01"},
        {"updated_since": "1h"},
        {"updated_until": "2024-02-30T00:00:00Z"},
        {"updated_until": ""},
        {"limit": "0"},
        {"limit": "1001"},
        {"limit": "ten"},
        {"skip": "-1"},
        {"sort_timestamp": "up"},
        {"types": ""},
        {"types": "domain,,url"},
        {"scroll": "maybe"},
        {"scroll": "True", "skip": "1"},
        {"page": "2"},
        {"types": ["domain", "url"]},
    ],
)
def test_unknown_or_invalid_parameters_are_refused(client_of: ClientOf, query: dict[str, Any]) -> None:
    """An unknown, repeated or invalid parameter is a 400 with a detail that names it."""
    answer = client_of([at(1)])(**query)
    assert answer.status_code == 400
    assert any(name in answer.json()["detail"] for name in query)


@pytest.mark.parametrize(
    ("settings", "query", "expected"),
    [
        ({}, {}, [1, 2, 3]),
        ({}, {"sort_timestamp": "desc"}, [3, 2, 1]),
        ({"indicator_order": "desc"}, {}, [3, 2, 1]),
        ({"indicator_order": "desc"}, {"sort_timestamp": "asc"}, [1, 2, 3]),
    ],
)
def test_order_is_by_update(
    client_of: ClientOf, settings: dict[str, Any], query: dict[str, Any], expected: list[int]
) -> None:
    """The order is by update time, as requested, else as set."""
    answer = client_of([at(n) for n in (2, 3, 1)], **settings)(**query)
    assert fpids(answer) == [f"at{second}" for second in expected]


def test_shuffled_order_ignores_the_request_and_is_stable(client_of: ClientOf) -> None:
    """A shuffling server has no order of time, but the same order in each request, and pages add up."""
    client = client_of([at(n) for n in range(60)], indicator_order="shuffled")
    whole = fpids(client(sort_timestamp="asc", limit=60))
    pages = [each for skip in range(0, 60, 20) for each in fpids(client(limit=20, skip=skip))]
    assert whole == pages
    assert whole != [f"at{second}" for second in range(60)]
    assert sorted(whole) == sorted(f"at{second}" for second in range(60))


def test_pages_reach_to_the_result_window(large: Client) -> None:
    """Offsets work up to 10,000 records of a window; one more is refused."""
    last = large(types="domain", limit=1000, skip=9000)
    beyond = large(types="domain", limit=1000, skip=9001)
    assert (len(fpids(last)), last.headers["x-fp-total-hits"]) == (1000, "200000")
    assert (beyond.status_code, beyond.json()) == (400, {"message": "Result window is too large"})


def test_a_request_costs_its_page(large_server: FlashpointServer, large: Client) -> None:
    """Over 200,000 indicators a request makes only the documents of its page."""
    before = large_server.store.indicators.bodies_read
    large(types="domain", limit=500, skip=9000)
    large(limit=500, skip=100)
    assert large_server.store.indicators.bodies_read - before == 1000


def test_one_indicator_is_found_by_its_id(client_of: ClientOf) -> None:
    """The newest version is found by its id; an unknown id is a 404."""
    client = client_of([at(1, "known"), at(2, "known")])
    assert client(f"{ATTRIBUTE}/known").json() == at(2, "known")
    assert client(f"{ATTRIBUTE}/unknown").status_code == 404


def test_simple_documents_are_wrapped_and_reduced(client_of: ClientOf) -> None:
    """The short form wraps each document in ``Attribute`` and has tags as texts."""
    (document,) = indicators(4, 1, FROM, TO, types=("domain",))
    document["Event"]["Tag"] = [{"name": "malware:demo"}]
    (simple,) = client_of([document])("/api/v4/indicators/simple").json()
    assert list(simple) == ["Attribute"]
    assert simple["Attribute"]["value"] == document["value"]
    assert simple["Attribute"]["Event"]["Tags"] == ["malware:demo"]
    assert "header_" not in simple["Attribute"]


def test_a_newer_version_moves_and_replaces(client_of: ClientOf) -> None:
    """A touched indicator leaves the window of its old update and comes last, changed."""
    client = client_of([at(1, "a"), at(2, "b")])
    client("/__sandbox__/indicators/touch", "POST", {"fpid": "a", "at": "2024-01-01T00:00:09Z"})
    (newer,) = client(updated_since="2024-01-01T00:00:03Z").json()
    assert fpids(client(updated_until="2024-01-01T00:00:05Z")) == ["b"]
    assert (newer["fpid"], newer["last_seen"], newer["value"]) == (
        "a",
        "2024-01-01T00:00:09Z",
        {"domain": "1"},
    )


def test_touching_several_takes_the_oldest_of_the_types(client_of: ClientOf) -> None:
    """Without an id the least recently updated indicators of the types are touched."""
    client = client_of([at(3, "c"), at(1, "a"), at(2, "b"), at(0, "url", "url")])
    touched = client(
        "/__sandbox__/indicators/touch", "POST", {"count": 2, "types": "domain", "at": "2024-01-01T01:00:00Z"}
    )
    assert touched.json() == {"count": 2, "fpids": ["a", "b"]}
    assert fpids(client()) == ["url", "c", "a", "b"]


def test_scroll_walks_everything_under_changing_ids(large: Client) -> None:
    """A scroll returns every record of a window once, far beyond 10,000, with a new id for each page."""
    answer = large(types="domain", updated_until="2024-01-01T00:30:00Z", scroll="True", limit=1000)
    expected = int(answer.headers["x-fp-total-hits"])
    page, seen, ids = answer.json(), [], set()
    while page["results"]:
        seen += [each["fpid"] for each in page["results"]]
        ids.add(page["scroll_id"])
        page = large(SCROLL, "POST", {"scroll_id": page["scroll_id"]}).json()
    assert 10_000 < expected == len(seen) == len(set(seen))
    assert len(ids) == expected // 1000 + 1


def test_scroll_does_not_see_later_updates(client_of: ClientOf) -> None:
    """A scroll returns the records as they were when it started."""
    client = client_of([at(n) for n in range(4)])
    page = client(scroll="True", limit=2).json()
    client("/__sandbox__/indicators/touch", "POST", {"fpid": "at3", "at": "2024-01-02T00:00:00Z"})
    rest = client(SCROLL, "POST", {"scroll_id": page["scroll_id"]}).json()["results"]
    assert rest == [at(2), at(3)]


def test_a_used_scroll_id_is_gone(client_of: ClientOf) -> None:
    """Each id is valid for one page, so a client cannot reuse its first."""
    client = client_of([at(n) for n in range(4)])
    body = {"scroll_id": client(scroll="True", limit=2).json()["scroll_id"]}
    assert [client(SCROLL, "POST", body).status_code for _ in range(2)] == [200, 404]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_closed_scroll_is_gone(client_of: ClientOf, method: str) -> None:
    """DELETE ends a scroll; later requests for it are a 404."""
    client = client_of([at(n) for n in range(4)])
    body = {"scroll_id": client(scroll="True", limit=2).json()["scroll_id"]}
    assert client(SCROLL, "DELETE", body).status_code == 204
    assert client(SCROLL, method, body).status_code == 404


@pytest.mark.parametrize("body", [None, [], {}, {"scroll_id": 5}, {"scroll_id": "x", "scroll": "2m"}])
def test_a_scroll_needs_its_id_and_nothing_else(client_of: ClientOf, body: Any) -> None:
    """A scroll request whose body is not exactly a ``scroll_id`` is a 400."""
    assert client_of()(SCROLL, "POST", body).status_code == 400


def test_scrolls_expire() -> None:
    """A scroll expires after its lifetime; each page restarts the lifetime."""
    now = [0.0]
    scrolls = Scrolls(60.0, clock=lambda: now[0])
    _, scroll_id = scrolls.start(iter(range(9)), 3)
    now[0] = 60.0
    page, scroll_id = scrolls.next_page(scroll_id)
    assert page == [3, 4, 5]
    now[0] = 120.1
    with pytest.raises(Refusal):
        scrolls.next_page(scroll_id)
    assert len(scrolls) == 0


def test_expected_is_the_newest_record_of_each_value(client_of: ClientOf) -> None:
    """Of records with the same value the newest counts; those without the key are counted separately."""
    older, newer = at(5, "older"), at(9, "newer") | {"value": {"domain": "5"}}
    client = client_of([newer, older, at(7), {**at(8), "value": {}}, at(6, kind="url")])
    expected = client("/__sandbox__/expected/indicators", type="domain", key="value.domain").json()
    start = int(FROM.timestamp())
    assert expected == {
        "records": 4,
        "without_key": 1,
        "keys": 2,
        "newest": {
            "5": {"fpid": "newer", "indexed_at": start + 9},
            "7": {"fpid": "at7", "indexed_at": start + 7},
        },
    }


def test_expected_keeps_to_the_window_and_its_bounds(client_of: ClientOf) -> None:
    """The expected result of a window matches the records that the API serves for it, bounds included."""
    client = client_of([at(n) for n in (9, 10, 20)], bounds="(]")
    window = {"from": "2024-01-01T00:00:09Z", "to": "2024-01-01T00:00:20Z"}
    expected = client("/__sandbox__/expected/indicators", type="domain", **window).json()
    assert list(expected["newest"]) == ["10", "20"]
