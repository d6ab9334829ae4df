"""Every way in which a service says that there are no more records is understood."""

from __future__ import annotations

import codecs
from typing import Any

import pytest
import requests
from requests_mock import Mocker

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
from airflow_provider_flashpoint.core.http.client import HttpClient
from airflow_provider_flashpoint.errors import FlashpointProviderError, MalformedPageError, ServerError
from tests.core.flashpoint.reading import read

BASE = "https://service.example"
PATHS = {DataSet.INDICATORS: "/api/v4/indicators/attribute", DataSet.ALERTS: "/api/alerting/v1/alerts"}
of_each_data_set = pytest.mark.parametrize("data_set", PATHS)

NOTHING: list[dict[str, Any]] = [
    {"status_code": 204},
    {"content": b"", "headers": {"Content-Length": "0"}},
    {"content": b"null"},
    {"content": b"{}"},
    {"content": b"[]"},
    {"content": b'""'},
    {"content": b" null\n"},
    {"content": codecs.BOM_UTF8 + b"null"},
]


@pytest.fixture
def client() -> FlashpointClient:
    http = HttpClient(requests.Session(), base_url=BASE, service="Flashpoint", sleep=lambda _: None)
    return FlashpointClient(http, api=Api.LEGACY)


@of_each_data_set
@pytest.mark.parametrize("answer", NOTHING)
def test_nothing(requests_mock: Mocker, client: FlashpointClient, data_set: DataSet, answer: dict[str, Any]) -> None:
    """An answer without content is a window without records, and passes the check of the connection."""
    requests_mock.get(BASE + PATHS[data_set], **answer)
    assert read(client, data_set=data_set) == []
    client.check(data_set)


@pytest.mark.parametrize("nothing", [None, [], {}, ""])
def test_nothing_under_the_key(requests_mock: Mocker, client: FlashpointClient, nothing: Any) -> None:
    """The list of records may be null or empty in another way."""
    requests_mock.get(BASE + PATHS[DataSet.ALERTS], json={"data": nothing, "links": {"self": {"href": "/"}}})
    assert read(client, data_set=DataSet.ALERTS) == []


@pytest.mark.parametrize("answer", NOTHING)
def test_nothing_ends_a_walk(requests_mock: Mocker, client: FlashpointClient, answer: dict[str, Any]) -> None:
    """After records, too, an answer without content is the end."""
    linked = {"data": [{"alert_id": "1"}], "links": {"next": {"href": "/v1/alerts?scroll_id=a"}}}
    requests_mock.get(BASE + PATHS[DataSet.ALERTS], [{"json": linked}, answer])
    requests_mock.get(BASE + PATHS[DataSet.INDICATORS], [{"json": [{"fpid": "1"}]}, answer])
    assert read(client, data_set=DataSet.ALERTS) == [{"alert_id": "1"}]
    assert read(client) == [{"fpid": "1"}]


@pytest.mark.parametrize(
    "answer", [*NOTHING, {"json": {"results": None}}, {"json": {"results": {}, "scroll_id": None}}]
)
def test_nothing_ends_a_scroll(requests_mock: Mocker, client: FlashpointClient, answer: dict[str, Any]) -> None:
    """The last page of a scroll may say nothing in any way."""
    scroll = BASE + "/api/v4/indicators/scroll"
    requests_mock.get(BASE + PATHS[DataSet.INDICATORS], json=[], headers={"x-fp-total-hits": "1"})
    requests_mock.get(
        BASE + PATHS[DataSet.INDICATORS] + "?scroll=True", json={"results": [{"fpid": "1"}], "scroll_id": "a"}
    )
    requests_mock.post(scroll, **answer)
    requests_mock.delete(scroll)
    assert read(client) == [{"fpid": "1"}]


def test_an_empty_page_that_names_itself_as_the_next(requests_mock: Mocker, client: FlashpointClient) -> None:
    """An empty page whose next page is itself is the end; one with records is a loop."""
    link = {"links": {"next": {"href": "/v1/alerts?scroll_id=a%24b"}}}
    first = {"json": {"data": [{"alert_id": "1"}], **link}}
    requests_mock.get(BASE + PATHS[DataSet.ALERTS], [first, {"json": {"data": [], **link}}])
    assert read(client, data_set=DataSet.ALERTS) == [{"alert_id": "1"}]
    assert requests_mock.call_count == 2
    requests_mock.get(BASE + PATHS[DataSet.ALERTS], **first)
    with pytest.raises(FlashpointProviderError, match="the same next page"):
        read(client, data_set=DataSet.ALERTS)


@pytest.mark.parametrize(
    "body",
    [{"error": "busy"}, {"data": 0}, {"data": False}, {"data": "text"}, {"data": {"a": 1}}, 7, False, "text", [{}]],
)
def test_something_else_is_not_nothing(requests_mock: Mocker, client: FlashpointClient, body: Any) -> None:
    """A body of another shape is an error, since taking it for the end could lose the rest."""
    requests_mock.get(BASE + PATHS[DataSet.ALERTS], json=body)
    with pytest.raises(MalformedPageError):
        read(client, data_set=DataSet.ALERTS)


ERRORS: list[dict[str, Any]] = [
    {"error": {"code": 503, "message": "overloaded"}},
    {"error": "overloaded"},
    {"errors": ["overloaded"]},
    {"errors": [{"message": "overloaded"}]},
    {"errorMessage": "overloaded", "links": {}},
    {"error": True, "message": "overloaded"},
]


@pytest.mark.parametrize("records", [[], None, [{"alert_id": "1"}]])
@pytest.mark.parametrize("error", ERRORS)
def test_an_error_under_status_200_is_no_end(
    requests_mock: Mocker, client: FlashpointClient, error: dict[str, Any], records: Any
) -> None:
    """A page that reports an error is requested again, and the window does not end there."""
    wrong, good = {"data": records, **error}, {"data": [{"alert_id": "2"}], "error": None, "errors": []}
    requests_mock.get(BASE + PATHS[DataSet.ALERTS], [{"json": wrong}, {"json": good}])
    assert read(client, data_set=DataSet.ALERTS) == [{"alert_id": "2"}]
    requests_mock.get(BASE + PATHS[DataSet.ALERTS], json=wrong)
    with pytest.raises(ServerError, match="answered with an error"):
        read(client, data_set=DataSet.ALERTS)


@pytest.mark.parametrize("content", [b"", b" \n", codecs.BOM_UTF8])
def test_an_empty_body_that_was_not_announced(requests_mock: Mocker, client: FlashpointClient, content: bytes) -> None:
    """An empty body that the server did not announce was lost on the way, and is requested again."""
    requests_mock.get(BASE + PATHS[DataSet.ALERTS], [{"content": content}, {"json": {"data": [{"alert_id": "1"}]}}])
    assert read(client, data_set=DataSet.ALERTS) == [{"alert_id": "1"}]
    requests_mock.get(BASE + PATHS[DataSet.ALERTS], content=content)
    with pytest.raises(ServerError, match="cut short"):
        read(client, data_set=DataSet.ALERTS)


@of_each_data_set
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_byte_order_mark(requests_mock: Mocker, client: FlashpointClient, data_set: DataSet, encoding: str) -> None:
    """A page in any encoding of JSON, with a byte order mark or without, is read at the first attempt."""
    text = '[{"fpid": "é"}]' if data_set is DataSet.INDICATORS else '{"data": [{"alert_id": "é"}]}'
    requests_mock.get(BASE + PATHS[data_set], [{"content": text.encode(encoding)}, {"json": []}])
    assert [list(record.values()) for record in read(client, data_set=data_set)] == [["é"]]


@pytest.mark.parametrize("token", ["", "%20", "+", "%09", "%E2%80%8B", "%EF%BB%BF"])
def test_a_blank_token_names_no_next_page(requests_mock: Mocker, client: FlashpointClient, token: str) -> None:
    """A link whose token is blank or invisible is the end."""
    link = {"next": {"href": f"/v1/alerts?scroll_id={token}"}}
    requests_mock.get(BASE + PATHS[DataSet.ALERTS], json={"data": [{"alert_id": "1"}], "links": link})
    assert read(client, data_set=DataSet.ALERTS) == [{"alert_id": "1"}]


@pytest.mark.parametrize("scroll_id", [None, "", " ", "\u200b", 0, False, [], {}])
def test_a_blank_scroll_id_keeps_the_one_before(
    requests_mock: Mocker, client: FlashpointClient, scroll_id: Any
) -> None:
    """A page of a scroll that names no id is continued with the last one."""
    path, scroll = BASE + PATHS[DataSet.INDICATORS], BASE + "/api/v4/indicators/scroll"
    requests_mock.get(path, json=[], headers={"x-fp-total-hits": "2"})
    requests_mock.get(f"{path}?scroll=True", json={"results": [{"fpid": "1"}], "scroll_id": "a"})
    pages = [{"json": {"results": results, "scroll_id": scroll_id}} for results in ([{"fpid": "2"}], [])]
    posted = requests_mock.post(scroll, pages)
    requests_mock.delete(scroll)
    assert len(read(client)) == 2
    assert [request.json() for request in posted.request_history] == [{"scroll_id": "a"}] * 2
