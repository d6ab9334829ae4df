"""The client beyond the contract: paginators against the sandbox, types, filters, and settings of the connection."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from requests_mock import Mocker

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
from airflow_provider_flashpoint.core.http.client import HttpClient
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import ConfigurationError, MalformedPageError
from sandbox.dataset.documents import bulk_indicators, indicators
from sandbox.http_service.faults import Fault
from tests.core.flashpoint.reading import COUNT, FROM, TO, WINDOW, ServerOf, client_of, read

CEILING = 10_000


def fpids(records: Any) -> set[str]:
    return {record["fpid"] for record in records}


def test_one_type(server_of: ServerOf) -> None:
    """With a record type, all of its records come, and no others."""
    server = server_of()
    documents = list(indicators(1, COUNT, FROM, TO))
    server.store.publish_indicators(documents)
    expected = fpids(each for each in documents if each["type"] == "domain")
    assert fpids(read(client_of(server), record_type="domain")) == expected


@pytest.mark.parametrize("with_total", [True, False])
@pytest.mark.parametrize("end", [FROM + timedelta(seconds=1), TO], ids=["one second", "one hour"])
def test_beyond_the_ceiling(server_of: ServerOf, end: datetime, with_total: bool) -> None:
    """All indicators come where there are more than can be paged through, even within one second."""
    server = server_of(total_hits_header=with_total)
    block = bulk_indicators("domain", CEILING + 500, FROM, end, columns=6)
    server.store.publish_block(block)
    assert len(fpids(read(client_of(server)))) == len(block)


@pytest.mark.parametrize("with_total", [True, False])
@pytest.mark.parametrize("at", [TO - timedelta(seconds=1), TO + timedelta(hours=1)], ids=["to the end", "out"])
def test_touched_while_read(server_of: ServerOf, at: datetime, with_total: bool) -> None:
    """Indicators that are updated while the window is read hide none of the others."""
    server = server_of(total_hits_header=with_total)
    server.store.publish_indicators(indicators(1, COUNT, FROM, TO))
    everything = fpids(indicators(1, COUNT, FROM, TO))
    found: set[str] = set()
    moved: set[str] = set()
    pages = client_of(server, page_size=7, requests_in_flight=1).source(DataSet.INDICATORS).pages(WINDOW)
    for number, page in enumerate(pages):
        found |= fpids(page)
        if number < 3:
            moved.update(server.store.touch_indicators(count=3, at=at))
    assert moved
    assert everything - moved <= found


def test_lost_answers_of_a_scroll(server_of: ServerOf) -> None:
    """Answers lost in the middle of a scroll cost no record, although no page of it can be requested twice."""
    server = server_of()
    block = bulk_indicators("domain", CEILING + 500, FROM, FROM + timedelta(seconds=1), columns=6)
    server.store.publish_block(block)
    server.faults.add(Fault("cut", skip=3, match="POST"), Fault("malformed", skip=3, match="POST"))
    assert len(fpids(read(client_of(server)))) == len(block)
    assert server.faults.fired() == 2


@pytest.mark.parametrize(
    "following", [{"href": "/v1/alerts?size=7"}, {"href": "http://[broken"}, {"rel": "next"}, "/v1/alerts"]
)
def test_next_link_that_leads_nowhere(server_of: ServerOf, following: Any) -> None:
    """A link to a next page without a scroll id is an error, since stopping there would lose the rest."""
    server = server_of()
    server.faults.add(Fault("status", status=200, body={"data": [], "links": {"next": following}}))
    with pytest.raises(MalformedPageError, match="without a scroll_id"):
        read(client_of(server), data_set=DataSet.ALERTS)


@pytest.mark.parametrize(
    "links",
    [
        None,
        {},
        [],
        "",
        {"next": None},
        {"next": {}},
        {"next": ""},
        {"next": False},
        {"next": {"href": None}},
        {"next": {"href": ""}},
        {"next": {"href": "/v1/alerts?scroll_id=&size=7"}},
        {"self": {"href": "/v1/alerts?size=7"}},
    ],
)
def test_no_next_link_is_the_end(server_of: ServerOf, links: Any) -> None:
    """Every way to send no next page is the end."""
    server = server_of()
    server.faults.add(Fault("status", status=200, body={"data": [{"alert_id": "1"}], "links": links}))
    assert read(client_of(server), data_set=DataSet.ALERTS) == [{"alert_id": "1"}]


@pytest.mark.parametrize("links", [[{"rel": "next", "href": "/v1/alerts?scroll_id=a"}], "/v1/alerts?scroll_id=a", 7])
def test_links_in_an_unknown_shape(server_of: ServerOf, links: Any) -> None:
    """Links in an unknown shape are an error, since stopping there could lose the rest."""
    server = server_of()
    server.faults.add(Fault("status", status=200, body={"data": [], "links": links}))
    with pytest.raises(MalformedPageError, match="unknown shape"):
        read(client_of(server), data_set=DataSet.ALERTS)


def test_scroll_without_an_id(server_of: ServerOf) -> None:
    """A scroll that starts with records and no id is an error, since stopping there would lose the rest."""
    server = server_of()
    too_many = {"x-fp-total-hits": str(CEILING + 1)}
    server.faults.add(
        Fault("status", status=200, body=[], headers=too_many, match="skip=0"),
        Fault("status", status=200, body={"results": [{"fpid": "1"}]}, match="scroll=True"),
    )
    with pytest.raises(MalformedPageError, match="scroll_id"):
        read(client_of(server), Window(FROM, FROM + timedelta(seconds=1)))


def test_generation_that_is_not_served() -> None:
    """The error of an API generation without this data set names those that serve it."""
    client = FlashpointClient(HttpClient(requests.Session(), base_url="", service="Flashpoint"), api=Api.IGNITE_V2)
    with pytest.raises(ConfigurationError, match="it can be with: legacy"):
        client.endpoint(DataSet.KEYWORDS)


def test_page_size_too_small(server_of: ServerOf) -> None:
    """Pages of one record cannot overlap, so they are refused."""
    with pytest.raises(ConfigurationError, match="page_size is 1"):
        client_of(server_of(), page_size=1).endpoint(DataSet.INDICATORS)


def test_own_path(server_of: ServerOf) -> None:
    """A path of the connection replaces that of the table."""
    client = client_of(server_of(), paths={DataSet.ALERTS: "/own"})
    assert client.endpoint(DataSet.ALERTS).path == "/own"


def test_path_of_a_source(server_of: ServerOf) -> None:
    """A path given for one source replaces that of the connection."""
    client = client_of(server_of(), paths={DataSet.ALERTS: "/own"})
    assert client.source(DataSet.ALERTS, path="/nearer").endpoint.path == "/nearer"


def test_filter(requests_mock: Mocker) -> None:
    """A filter of the row becomes its request parameter."""
    requests_mock.get("https://service.example/api/v4/indicators/attribute", json=[])
    http = HttpClient(requests.Session(), base_url="https://service.example", service="Flashpoint")
    source = FlashpointClient(http, api=Api.LEGACY).source(DataSet.INDICATORS, filters={"query": "made up"})
    assert list(source.pages(WINDOW)) == []
    assert requests_mock.last_request.qs["query"] == ["made up"]


@pytest.mark.parametrize(
    ("data_set", "filters", "said"),
    [
        (DataSet.INDICATORS, {"querry": "x"}, "'querry' is not a filter .* allowed are: query"),
        (DataSet.INDICATORS, {"query": 7}, "query .* is 7; it must be of type str"),
        (DataSet.ALERTS, {"query": "x"}, "which has no filters"),
    ],
)
def test_wrong_filter(server_of: ServerOf, data_set: DataSet, filters: dict[str, Any], said: str) -> None:
    """A filter that the row does not accept is an error that names those it accepts."""
    with pytest.raises(ConfigurationError, match=said):
        client_of(server_of()).source(data_set, filters=filters)
