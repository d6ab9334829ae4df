"""The contract of every row of the endpoint table that a sandbox serves: all records of a window, whatever happens.

A further row of the table is a further `Row` here. Tests of one paginator alone are in `test_client`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
from airflow_provider_flashpoint.core.flashpoint.endpoint import Endpoint
from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of, endpoints_of
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import AuthenticationError, ForbiddenError
from sandbox.dataset.documents import alerts, indicators
from sandbox.dataset.events.credentials import credentials
from sandbox.dataset.events.reports import reports
from sandbox.dataset.events.vulnerabilities import vulnerabilities
from sandbox.dataset.indicators_v2 import indicators_v2
from sandbox.dataset.notifications import notifications
from sandbox.flashpoint.server import FlashpointServer
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.flashpoint.store import Bounds
from sandbox.flashpoint.versions import at_path, iso_us
from sandbox.http_service.faults import Fault
from tests.core.flashpoint.reading import COUNT, FROM, TO, WINDOW, ServerOf, client_of, read

Document = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A row of the table and its sandbox. ``habits`` are settings of the server that may not matter."""

    api: Api
    data_set: DataSet
    documents: Callable[..., Any]
    publish: str
    time_of: Callable[[Document], float]
    habits: tuple[dict[str, Any], ...]
    page_sizes: tuple[int, int]

    @property
    def endpoint(self) -> Endpoint:
        return endpoint_of(self.api, self.data_set)

    def published(self, server: FlashpointServer) -> dict[str, Document]:
        """Publish documents over the window and return them by their identity."""
        documents = list(self.documents(1, COUNT, FROM, TO))
        getattr(server.store, self.publish)(documents)
        return {document[self.endpoint.id_field]: document for document in documents}

    def client(self, server: FlashpointServer, **settings: Any) -> FlashpointClient:
        return client_of(server, api=self.api, **settings)

    def read(self, client: FlashpointClient, window: Window = WINDOW) -> dict[str, Document]:
        """Return the records of a window by their identity."""
        records = read(client, window, self.data_set, include_secrets=True)
        return {record[self.endpoint.id_field]: record for record in records}


EMBEDDED = ("apt_description", "malware_description", "external_references", "mitre_attack_ids", "relationships")


def plain_indicators_v2(*arguments: Any) -> list[Document]:
    """Return indicators of version 2 without the parts that a server embeds on request only."""
    documents = indicators_v2(*arguments)
    return [{name: value for name, value in each.items() if name not in EMBEDDED} for each in documents]


def attributes(api: Api) -> Row:
    return Row(
        api,
        DataSet.INDICATORS,
        indicators,
        "publish_indicators",
        lambda document: document["header_"]["indexed_at"],
        habits=({"total_hits_header": True}, {"total_hits_header": False}),
        page_sizes=(1000, 1000),
    )


def notices(api: Api) -> Row:
    return Row(
        api,
        DataSet.ALERTS,
        notifications,
        "publish_notifications",
        lambda document: iso_us(document["created_at"]) / 1e6,
        habits=({}, {"notification_order": "desc"}, {"pagination": False}),
        page_sizes=(500, 5000),
    )


def of_ignite(data_set: DataSet, documents: Callable[..., Any], time: str, **more: Any) -> list[Row]:
    """Return the rows of a data set that both generations of Ignite serve; ``time`` is the path of the time."""

    def time_of(document: Document) -> float:
        found = at_path(document, time)
        return iso_us(found) / 1e6 if isinstance(found, str) else float(found)

    publish = f"publish_{data_set}"
    return [Row(api, data_set, documents, publish, time_of, **more) for api in (Api.IGNITE_V1, Api.IGNITE_V2)]


ROWS = [
    attributes(Api.LEGACY),
    attributes(Api.IGNITE_V1),
    Row(
        Api.IGNITE_V2,
        DataSet.INDICATORS,
        plain_indicators_v2,
        "publish_indicators_v2",
        lambda document: iso_us(document["modified_at"]) / 1e6,
        habits=({}, {"pagination": False}, {"result_window_v2": None}),
        page_sizes=(1000, 1000),
    ),
    Row(
        Api.LEGACY,
        DataSet.ALERTS,
        alerts,
        "publish_alerts",
        lambda document: document["ts"],
        habits=({"alert_order": "asc"}, {"alert_order": "desc"}),
        page_sizes=(100, 100),
    ),
    notices(Api.IGNITE_V1),
    notices(Api.IGNITE_V2),
    *of_ignite(DataSet.CREDENTIALS, credentials, "_source.header_.indexed_at", habits=({},), page_sizes=(1000, 1000)),
    *of_ignite(
        DataSet.VULNERABILITIES,
        vulnerabilities,
        "timelines.last_modified_at",
        habits=({}, {"sends_total": False}),
        page_sizes=(200, 1000),
    ),
    *of_ignite(DataSet.REPORTS, reports, "updated_at", habits=({},), page_sizes=(50, 500)),
]
of_each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.api}-{row.data_set}")


def test_each_row_with_a_path_is_here() -> None:
    """No row of the table escapes the contract."""
    public = [endpoint for data_set in DataSet for endpoint in endpoints_of(data_set) if endpoint.path]
    assert [row.endpoint for row in ROWS] == public


@pytest.mark.parametrize("bounds", get_args(Bounds))
@pytest.mark.parametrize(("row", "habit"), [(row, habit) for row in ROWS for habit in row.habits])
def test_every_record(server_of: ServerOf, row: Row, habit: dict[str, Any], bounds: Bounds) -> None:
    """Every record of the window comes as it was sent, whichever bounds belong to a window."""
    server = server_of(bounds=bounds, **habit)
    published = row.published(server)
    assert row.read(row.client(server, page_size=7)) == published


@of_each_row
@pytest.mark.parametrize("bounds", get_args(Bounds))
def test_neighbouring_windows(server_of: ServerOf, row: Row, bounds: Bounds) -> None:
    """Neighbouring windows lose nothing at their border, even where a record lies exactly on it."""
    server = server_of(bounds=bounds)
    published = row.published(server)
    border = datetime.fromtimestamp(row.time_of(list(published.values())[COUNT // 2]), UTC)
    client = row.client(server)
    halves = row.read(client, Window(FROM, border)).keys() | row.read(client, Window(border, TO)).keys()
    assert halves == published.keys()


@of_each_row
def test_nothing_there(server_of: ServerOf, row: Row) -> None:
    """A window without records is read without an error."""
    assert row.read(row.client(server_of())) == {}


@of_each_row
@pytest.mark.parametrize("kind", ["status", "reset", "cut", "malformed", "html"])
def test_faults_on_the_way(server_of: ServerOf, row: Row, kind: Any) -> None:
    """Faults in the middle of a window cost no record."""
    server = server_of()
    published = row.published(server)
    server.faults.add(Fault(kind, times=3, skip=2, match=row.endpoint.path))
    assert row.read(row.client(server, page_size=7)) == published
    assert server.faults.fired() == 3


@of_each_row
def test_counts(server_of: ServerOf, row: Row) -> None:
    """A source counts its requests, and keeps the first URL and the total of the server, where it sends one."""
    server = server_of()
    published = row.published(server)
    source = row.client(server, page_size=7).source(row.data_set)
    assert (source.requests, source.first_url, source.total) == (0, None, None)
    list(source.pages(WINDOW))
    assert source.requests == server.log.to_json()["count"]
    assert str(source.first_url).startswith(f"{server.url}{row.endpoint.path}?")
    assert source.total in (None, len(published))


@of_each_row
def test_check(server_of: ServerOf, row: Row) -> None:
    """The check sends one request, and passes where the token is good."""
    server = server_of()
    row.client(server).check(row.data_set)
    assert server.log.to_json()["count"] == 1


@of_each_row
def test_check_with_a_wrong_token(server_of: ServerOf, row: Row) -> None:
    """The check fails with an unknown token."""
    with pytest.raises(AuthenticationError, match="401"):
        row.client(server_of(), token="another").check(row.data_set)


@of_each_row
def test_check_with_a_token_without_rights(server_of: ServerOf, row: Row) -> None:
    """The check fails with a token that lacks the right."""
    with pytest.raises(ForbiddenError, match="403"):
        row.client(server_of(), token=FlashpointSettings().forbidden_token).check(row.data_set)


@of_each_row
def test_page_size(server_of: ServerOf, row: Row) -> None:
    """The page size is that of the connection, up to the maximum of the endpoint."""
    server = server_of()
    default, most = row.page_sizes
    sizes = [row.client(server, page_size=size).endpoint(row.data_set).page_size for size in (None, 7, 5001)]
    assert sizes == [default, 7, most]
