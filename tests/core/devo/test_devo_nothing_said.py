"""Answers of Devo without a body: each endpoint says nothing by them, and no endpoint success."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from devo_peers import FakeClock
from requests_mock import ANY, Mocker

from airflow_provider_flashpoint.core.devo.events.http import HttpChannel, ingestion_client
from airflow_provider_flashpoint.core.devo.lookups.api import LookupsClient
from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
from airflow_provider_flashpoint.core.devo.queries import QueryClient
from airflow_provider_flashpoint.core.http.client import HttpClient
from airflow_provider_flashpoint.errors import ServerError, TransientError

BASE = "https://devo.example"
LOOKUP = f"{BASE}/lookup/d/Colors"
NOTHING: list[dict[str, Any]] = [
    {"status_code": 204},
    {"content": b"", "headers": {"Content-Length": "0"}},
    *({"content": content} for content in (b"null", b"{}", b"[]", b'""', b" null\n", codecs.BOM_UTF8 + b"null")),
]
each_nothing = pytest.mark.parametrize("nothing", NOTHING)


@pytest.fixture
def http() -> HttpClient:
    return HttpClient(requests.Session(), base_url=BASE, service="Devo", sleep=lambda _: None)


@pytest.fixture
def lookups(http: HttpClient, clock: FakeClock) -> LookupsClient:
    return LookupsClient(http, domain="d", clock=clock, sleep=clock.sleep)


def deploy(lookups: LookupsClient, operation: Operation = Operation.REPLACE) -> Any:
    return lookups.deploy("Colors", columns=[], key="key", csv_file=io.BytesIO(b"key,_extra\n"), operation=operation)


@each_nothing
def test_list_of_lookups(requests_mock: Mocker, lookups: LookupsClient, nothing: dict[str, Any]) -> None:
    """There are no lookups, and the API is ready."""
    requests_mock.get(f"{BASE}/lookup/d", **nothing)
    assert list(lookups.lookups()) == []
    lookups.check()


@each_nothing
def test_lookup(requests_mock: Mocker, lookups: LookupsClient, nothing: dict[str, Any]) -> None:
    """Whether the lookup exists is not known; only 404 says that it does not."""
    requests_mock.get(LOOKUP, **nothing)
    assert lookups.exists("Colors") is None
    requests_mock.get(LOOKUP, status_code=404)
    assert lookups.exists("Colors") is False


@each_nothing
@pytest.mark.parametrize("accepted", [{"json": {"id": "7"}}, *NOTHING])
def test_list_of_jobs(
    requests_mock: Mocker, lookups: LookupsClient, nothing: dict[str, Any], accepted: dict[str, Any]
) -> None:
    """No job is listed; a change of the content proves the end, whatever the answer to the call."""
    requests_mock.get(LOOKUP, [{"json": {"status": "Available", "rows": rows}} for rows in (1, 2)])
    requests_mock.get(f"{LOOKUP}/job", **nothing)
    requests_mock.get(f"{LOOKUP}/job/7", **nothing)
    requests_mock.put(f"{LOOKUP}/deploy-csv", **accepted)
    assert deploy(lookups).word == "Available"


@each_nothing
def test_no_answer_at_all_is_no_success(requests_mock: Mocker, lookups: LookupsClient, nothing: dict[str, Any]) -> None:
    """Where all endpoints say nothing, a change ends with an error."""
    for method in ("GET", "PUT", "DELETE"):
        requests_mock.register_uri(method, ANY, **nothing)
    with pytest.raises(TransientError):
        deploy(lookups)
    with pytest.raises(TransientError):
        lookups.drop("Colors")


@each_nothing
def test_create_continues_as_replace(requests_mock: Mocker, lookups: LookupsClient, nothing: dict[str, Any]) -> None:
    """A lookup that is not described, and that Devo calls existing, is replaced."""
    requests_mock.get(LOOKUP, **nothing)
    requests_mock.get(f"{LOOKUP}/job", json=[])
    requests_mock.get(f"{LOOKUP}/job/7", json={"status": "COMPLETED"})
    requests_mock.post(f"{LOOKUP}/deploy-csv", status_code=409)
    requests_mock.put(f"{LOOKUP}/deploy-csv", json={"id": "7"})
    assert deploy(lookups, Operation.CREATE).word == "COMPLETED"


@pytest.mark.parametrize("content", [b"", b" \n", codecs.BOM_UTF8])
def test_an_empty_body_that_was_not_announced(requests_mock: Mocker, lookups: LookupsClient, content: bytes) -> None:
    """An empty body that the server did not announce was lost on the way, and is requested again."""
    requests_mock.get(LOOKUP, [{"content": content}, {"json": {"status": "Available"}}])
    assert lookups.exists("Colors") is True
    requests_mock.get(LOOKUP, content=content)
    with pytest.raises(ServerError, match="cut short"):
        lookups.exists("Colors")


@pytest.mark.parametrize("token", [None, "", " ", "\u200b", 0, [], {}, {"a": 1}, False])
def test_list_ends_where_the_token_is_absent(requests_mock: Mocker, lookups: LookupsClient, token: Any) -> None:
    """A value that identifies no page is no token of a next page."""
    requests_mock.get(f"{BASE}/lookup/d", json={"lookups": [{"name": "a"}], "nextPageToken": token})
    assert list(lookups.lookups()) == [{"name": "a"}]


HEADER = b'{"m":{"id":{"type":"str","index":0},"events":{"type":"int8","index":1}}}'
BOM = codecs.BOM_UTF8


def counts(http: HttpClient) -> list[tuple[str, int]]:
    return list(QueryClient(http).id_counts("my.app.a.b", "alert_id", since=datetime(2026, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize("nothing", [*NOTHING, {"content": b""}, {"content": b"\r\n"}, {"content": BOM}])
def test_query(requests_mock: Mocker, http: HttpClient, nothing: dict[str, Any]) -> None:
    """The table holds no such event."""
    requests_mock.post(f"{BASE}/search/query", **nothing)
    assert counts(http) == []


@pytest.mark.parametrize(
    "content",
    [
        BOM + HEADER + b'\n{"d":["a",1]}\n',
        BOM + b"\n" + HEADER + b'\n{"d":["a",1]}\n',
        BOM + HEADER + b"\r\n" + BOM + b'{"d":["a",1]}\r\n' + BOM,
        BOM * 2 + HEADER + b'\n \n{"d":["a",1]}',
        HEADER + b'\n{"d":["a",1]}\n' + BOM + b"\r\n",
        HEADER + b'\n{"d":["a",1]}\nnull\n',
        HEADER + b'\n{}\n{"d":["a",1]}\n',
    ],
)
def test_byte_order_marks_and_empty_lines_of_a_query(requests_mock: Mocker, http: HttpClient, content: bytes) -> None:
    """A byte order mark is skipped in each line of the answer, and so is a line that says nothing."""
    requests_mock.post(f"{BASE}/search/query", content=content)
    assert counts(http) == [("a", 1)]


@pytest.mark.parametrize("value", ['""', '" "', "null", "0", "false", "[]"])
def test_query_counts_no_events_without_an_id(requests_mock: Mocker, http: HttpClient, value: str) -> None:
    """A row whose id identifies nothing counts for no event, not even for one with the id "None"."""
    text = f'{HEADER.decode()}\n{{"d":[{value},3]}}\n{{"d":["a",1]}}\n'
    requests_mock.post(f"{BASE}/search/query", text=text)
    assert counts(http) == [("a", 1)]


@pytest.fixture
def channel() -> Iterator[HttpChannel]:
    http = ingestion_client(BASE, "a-token", sleep=lambda _: None)
    yield HttpChannel(http, domain="d", tag="my.app.a.b", host="h")
    http.close()


@pytest.mark.parametrize("nothing", [*NOTHING, {"content": b""}, {"content": BOM}, {"content": b"OK"}])
def test_ingestion(requests_mock: Mocker, channel: HttpChannel, nothing: dict[str, Any]) -> None:
    """The HTTP ingestion confirms by its status; its body is usually empty."""
    requests_mock.post(ANY, **nothing)
    assert channel.send(channel.frame([b"{}\n"])) is True
    channel.check()
