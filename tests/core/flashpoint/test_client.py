"""The client reads whole windows from the sandbox, whatever the server's habits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
import requests

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
from airflow_provider_flashpoint.core.http.client import BearerAuth, HttpClient
from airflow_provider_flashpoint.core.raw_json import plain
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import (
    AuthenticationError,
    ConfigurationError,
    ForbiddenError,
    MalformedPageError,
)
from sandbox.dataset.documents import alerts, bulk_indicators, indicators
from sandbox.flashpoint.server import FlashpointServer
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.flashpoint.store import Bounds
from sandbox.http_service.faults import Fault

FROM = datetime(2024, 1, 1, tzinfo=UTC)
TO = datetime(2024, 1, 1, 1, tzinfo=UTC)
WINDOW = Window(FROM, TO)
COUNT = 60
CEILING = 10_000

ServerOf = Callable[..., FlashpointServer]


@pytest.fixture
def server_of() -> Iterator[ServerOf]:
    """Make servers with these settings."""
    servers: list[FlashpointServer] = []

    def make(**settings: Any) -> FlashpointServer:
        servers.append(FlashpointServer(FlashpointSettings(**settings)).start())
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


def client_of(server: FlashpointServer, *, token: str | None = None, **settings: Any) -> FlashpointClient:
    session = requests.Session()
    session.auth = BearerAuth(token or server.settings.token)
    http = HttpClient(session, base_url=server.url, service="Flashpoint", sleep=lambda _: None)
    return FlashpointClient(http, **{"api": Api.LEGACY, **settings})


def read(
    client: FlashpointClient, window: Window = WINDOW, data_set: DataSet = DataSet.INDICATORS, **filters: Any
) -> list[dict[str, Any]]:
    return [plain(record) for page in client.source(data_set, **filters).pages(window) for record in page.records]


def fpids(records: Any) -> set[str]:
    return {record["fpid"] for record in records}


@pytest.mark.parametrize("with_total", [True, False])
@pytest.mark.parametrize("bounds", get_args(Bounds))
def test_every_indicator(server_of: ServerOf, bounds: Bounds, with_total: bool) -> None:
    """Every indicator of the window comes as it was sent, whichever ends belong to a window."""
    server = server_of(bounds=bounds, total_hits_header=with_total)
    documents = list(indicators(1, COUNT, FROM, TO))
    server.store.publish_indicators(documents)
    read_by_id = {record["fpid"]: record for record in read(client_of(server, page_size=7))}
    assert read_by_id == {document["fpid"]: document for document in documents}


@pytest.mark.parametrize("bounds", get_args(Bounds))
def test_neighbouring_windows(server_of: ServerOf, bounds: Bounds) -> None:
    """Windows that meet lose nothing at their border, even where a record lies exactly on it."""
    server = server_of(bounds=bounds)
    documents = list(indicators(1, COUNT, FROM, TO))
    server.store.publish_indicators(documents)
    border = datetime.fromtimestamp(documents[COUNT // 2]["header_"]["indexed_at"], UTC)
    client = client_of(server)
    halves = read(client, Window(FROM, border)) + read(client, Window(border, TO))
    assert fpids(halves) == fpids(documents)


@pytest.mark.parametrize("bounds", get_args(Bounds))
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_every_alert(server_of: ServerOf, bounds: Bounds, order: str) -> None:
    """Every alert of the window comes through the links, in either order of the server."""
    server = server_of(bounds=bounds, alert_order=order)
    server.store.publish_alerts(alerts(1, COUNT, FROM, TO))
    found = read(client_of(server, page_size=7), data_set=DataSet.ALERTS)
    assert {alert["alert_id"] for alert in found} == set(server.store.expected_alerts())


def test_one_type(server_of: ServerOf) -> None:
    """With a type only its records come, and all of them."""
    server = server_of()
    documents = list(indicators(1, COUNT, FROM, TO))
    server.store.publish_indicators(documents)
    expected = fpids(each for each in documents if each["type"] == "domain")
    assert fpids(read(client_of(server), record_type="domain")) == expected


@pytest.mark.parametrize("with_total", [True, False])
@pytest.mark.parametrize("end", [FROM + timedelta(seconds=1), TO], ids=["one second", "one hour"])
def test_beyond_the_ceiling(server_of: ServerOf, end: datetime, with_total: bool) -> None:
    """More indicators than can be paged through all come, also where they share one second."""
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
    pages = client_of(server, page_size=7, requests_ahead=1).source(DataSet.INDICATORS).pages(WINDOW)
    for number, page in enumerate(pages):
        found |= fpids(page.records)
        if number < 3:
            moved.update(server.store.touch_indicators(count=3, at=at))
    assert moved
    assert everything - moved <= found


def test_nothing_there(server_of: ServerOf) -> None:
    """A window without records is read without an error."""
    assert read(client_of(server_of())) == []


@pytest.mark.parametrize("kind", ["status", "reset", "cut", "malformed", "html"])
def test_faults_on_the_way(server_of: ServerOf, kind: Any) -> None:
    """Faults in the middle of a window cost no record."""
    server = server_of()
    server.store.publish_indicators(indicators(1, COUNT, FROM, TO))
    server.faults.add(Fault(kind, times=3, skip=2, match="/attribute"))
    assert fpids(read(client_of(server, page_size=7))) == fpids(indicators(1, COUNT, FROM, TO))
    assert server.faults.fired() == 3


def test_lost_answers_of_a_scroll(server_of: ServerOf) -> None:
    """Answers lost in the middle of a scroll cost no record, though no page of it can be asked for twice."""
    server = server_of()
    block = bulk_indicators("domain", CEILING + 500, FROM, FROM + timedelta(seconds=1), columns=6)
    server.store.publish_block(block)
    server.faults.add(Fault("cut", skip=3, match="POST"), Fault("malformed", skip=3, match="POST"))
    assert len(fpids(read(client_of(server)))) == len(block)
    assert server.faults.fired() == 2


@pytest.mark.parametrize("kind", ["status", "reset", "cut", "malformed", "html"])
def test_faults_among_alerts(server_of: ServerOf, kind: Any) -> None:
    """Faults between pages of alerts cost no alert."""
    server = server_of()
    server.store.publish_alerts(alerts(1, COUNT, FROM, TO))
    server.faults.add(Fault(kind, times=3, skip=2, match="/alerts"))
    found = read(client_of(server, page_size=7), data_set=DataSet.ALERTS)
    assert {alert["alert_id"] for alert in found} == set(server.store.expected_alerts())
    assert server.faults.fired() == 3


@pytest.mark.parametrize(
    "following", [{"href": "/v1/alerts?size=7"}, {"href": "http://[broken"}, {"href": None}, "/v1/alerts"]
)
def test_next_link_that_leads_nowhere(server_of: ServerOf, following: Any) -> None:
    """A link to a next page without a scroll id is an error, since stopping there would lose the rest."""
    server = server_of()
    server.faults.add(Fault("status", status=200, body={"data": [], "links": {"next": following}}))
    with pytest.raises(MalformedPageError, match="without a scroll_id"):
        read(client_of(server), data_set=DataSet.ALERTS)


@pytest.mark.parametrize("links", [None, {}, {"next": None}, {"next": {}}])
def test_no_next_link_is_the_end(server_of: ServerOf, links: Any) -> None:
    """Whatever way there is of naming no next page ends the walk."""
    server = server_of()
    server.faults.add(Fault("status", status=200, body={"data": [{"alert_id": "1"}], "links": links}))
    assert read(client_of(server), data_set=DataSet.ALERTS) == [{"alert_id": "1"}]


def test_scroll_without_an_id(server_of: ServerOf) -> None:
    """A scroll that begins with records and no id is an error, since stopping there would lose the rest."""
    server = server_of()
    too_many = {"x-fp-total-hits": str(CEILING + 1)}
    server.faults.add(
        Fault("status", status=200, body=[], headers=too_many, match="skip=0"),
        Fault("status", status=200, body={"results": [{"fpid": "1"}]}, match="scroll=True"),
    )
    with pytest.raises(MalformedPageError, match="scroll_id"):
        read(client_of(server), Window(FROM, FROM + timedelta(seconds=1)))


@pytest.mark.parametrize("data_set", [DataSet.INDICATORS, DataSet.ALERTS])
def test_check(server_of: ServerOf, data_set: DataSet) -> None:
    """The check asks once, and passes where the token is good."""
    server = server_of()
    client_of(server).check(data_set)
    assert server.log.to_json()["count"] == 1


def test_check_with_a_wrong_token(server_of: ServerOf) -> None:
    """The check of a token that is not known says so."""
    with pytest.raises(AuthenticationError, match="401"):
        client_of(server_of(), token="another").check(DataSet.INDICATORS)


def test_check_with_a_token_without_rights(server_of: ServerOf) -> None:
    """The check of a token that lacks the right says so."""
    server = server_of()
    with pytest.raises(ForbiddenError, match="403"):
        client_of(server, token=server.settings.forbidden_token).check(DataSet.INDICATORS)


def test_generation_that_is_not_served() -> None:
    """A generation without this data set is told with those that have it."""
    client = FlashpointClient(HttpClient(requests.Session(), base_url="", service="Flashpoint"), api=Api.IGNITE_V2)
    with pytest.raises(ConfigurationError, match="it can be with: legacy"):
        client.endpoint(DataSet.INDICATORS)


@pytest.mark.parametrize(("asked", "given"), [(None, 1000), (7, 7), (5000, 1000)])
def test_page_size(server_of: ServerOf, asked: int | None, given: int) -> None:
    """The page size is the connection's, within what the endpoint allows."""
    assert client_of(server_of(), page_size=asked).endpoint(DataSet.INDICATORS).page_size == given


def test_page_size_too_small(server_of: ServerOf) -> None:
    """Pages of one record cannot overlap, so they are refused."""
    with pytest.raises(ConfigurationError, match="page_size is 1"):
        client_of(server_of(), page_size=1).endpoint(DataSet.INDICATORS)


def test_own_path(server_of: ServerOf) -> None:
    """A path of the connection's own takes the place of the table's."""
    client = client_of(server_of(), paths={DataSet.ALERTS: "/own"})
    assert client.endpoint(DataSet.ALERTS).path == "/own"
