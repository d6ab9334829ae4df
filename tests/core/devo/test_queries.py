"""The query client against the sandbox Devo: its queries, answers and refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import requests_mock
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.connections import read_settings
from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
from airflow_provider_flashpoint.core.devo.queries import QueryClient, ids_query, query_client
from airflow_provider_flashpoint.core.devo.settings import DevoSettings as ConnectionSettings
from airflow_provider_flashpoint.core.devo.transports import event_channel
from airflow_provider_flashpoint.core.http.client import HttpClient, Request
from airflow_provider_flashpoint.core.http.reason import error_reason
from airflow_provider_flashpoint.errors import (
    AuthenticationError,
    ConfigurationError,
    NetworkError,
    RejectedError,
    ServerError,
)
from sandbox.devo.server import DevoServer
from sandbox.devo.settings import DevoSettings

TAG = "my.app.flashpoint.queries"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
URL = "https://devo.invalid"


@pytest.fixture(scope="module")
def devo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevoServer]:
    with DevoServer(DevoSettings(directory=tmp_path_factory.mktemp("certificates"))) as server:
        yield server


def settings_of(devo: DevoServer, **changes: Any) -> ConnectionSettings:
    fields = {
        "host": "127.0.0.1",
        "port": devo.plain_port,
        "password": devo.settings.api_token,
        "extra": {"insecure": True, "query_base_url": devo.url},
        "conn_id": "devo_test",
    }
    fields |= changes
    return read_settings(ConnectionSettings, fields.pop("extra"), **fields)


def client_of(settings: ConnectionSettings) -> QueryClient:
    return query_client(settings)


def test_ids_of_a_table_are_counted(devo: DevoServer) -> None:
    """Each id comes once with its number of events; events without an id are ignored."""
    ids = ["a", "b", "b", "ü", 'quo"te', "new\nline", ""]
    with EventWriter(event_channel(settings_of(devo), TAG)) as writer:
        writer.write([writer.encode({"alert_id": each}) for each in ids] + [writer.encode({"other": 1})])
        writer.write(writer.encode({"alert_id": 7}))
    found = dict(client_of(settings_of(devo)).id_counts(TAG, "alert_id", since=SINCE))
    assert found == {"a": 1, "b": 2, "ü": 1, 'quo"te': 1, "new\nline": 1, "7": 1}


def test_form_of_dates_is_no_part_of_the_table(devo: DevoServer) -> None:
    """A prefix for dated events is not part of the table's name."""
    client = client_of(settings_of(devo))
    plain = list(client.id_counts(TAG, "alert_id", since=SINCE))
    assert list(client.id_counts(f"(usd){TAG}", "alert_id", since=SINCE)) == plain


def test_table_that_is_empty(devo: DevoServer) -> None:
    """A table without events shows no ids."""
    assert list(client_of(settings_of(devo)).id_counts("my.app.empty", "alert_id", since=SINCE)) == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"password": "guess-of-a-token"}, AuthenticationError),
        ({"extra": {"insecure": True, "query_base_url": URL, "message_column": "message"}}, RejectedError),
        ({"extra": {"insecure": True}}, ConfigurationError),
    ],
    ids=["token", "column", "address"],
)
def test_refusals(devo: DevoServer, changes: dict[str, Any], error: type[Exception]) -> None:
    """A wrong token, a missing column and a missing base URL raise errors of their groups, without secrets."""
    if changes.get("extra", {}).get("query_base_url"):
        changes["extra"]["query_base_url"] = devo.url
    with pytest.raises(error) as raised:
        list(client_of(settings_of(devo, **changes)).id_counts(TAG, "alert_id", since=SINCE))
    assert "guess-of-a-token" not in str(raised.value)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("collector-us.devo.io", "https://apiv2-us.devo.com"),
        ("collector-eu.devo.io", "https://apiv2-eu.devo.com"),
        ("collector-ap.devo.io", "https://api-apac.devo.com"),
        ("relay.example.com", ""),
    ],
)
def test_address_follows_from_the_host(host: str, url: str) -> None:
    """The base URL of the query API follows from a host of Devo's cloud."""
    settings = read_settings(ConnectionSettings, {}, conn_id="c", host=host, password="x")
    assert settings.query_base_url == url


NAMES = st.text(st.sampled_from("ab.-_()\"' \n;/*"), max_size=8)


@given(NAMES, NAMES, NAMES)
def test_no_name_says_something_else_in_a_query(tag: str, id_field: str, message_column: str) -> None:
    """For any names, the query has the right shape, or is refused."""
    try:
        query = ids_query(tag, id_field, message_column=message_column)
    except ConfigurationError:
        return
    quoted = query.partition("\n")[0].removeprefix("from ")
    table = quoted.removeprefix("`").removesuffix("`")
    assert tag.endswith(table)
    assert query == (
        f'from {quoted}\nselect str(jsonparse({message_column})["{id_field}"]) as id\n'
        "where isnotnull(id)\ngroup by id\nselect count() as events"
    )
    assert not set(table + id_field + message_column) & set("()\"' \n;/*")
    assert "--" not in table


META = '{"m":{"events":{"type":"int8","index":1},"id":{"type":"str","index":0}}}\r\n'


def http_client() -> HttpClient:
    return HttpClient(requests.Session(), base_url=URL, service="Devo", sleep=lambda seconds: None)


def answered(body: str, **options: Any) -> list[tuple[str, int]]:
    with requests_mock.Mocker() as mock:
        mock.post(f"{URL}/search/query", text=body, **options)
        return list(QueryClient(http_client()).id_counts(TAG, "alert_id", since=SINCE))


def test_columns_are_found_by_their_index() -> None:
    """The first line names the columns; lines that only keep the connection alive are ignored."""
    assert answered(META + '\r\n  \r\n{"d":["a",3]}\r\n') == [("a", 3)]


@pytest.mark.parametrize(
    "body",
    [
        META + '{"error":{"message":"out of memory"}}',
        META + '{"d":["a"]}',
        META + '{"d":["a",',
        '{"d":["a",3]}',
        META + '{"d":["a",null]}',
        "[1]",
    ],
)
def test_answer_that_is_not_one(body: str) -> None:
    """An answer that breaks off or has another shape raises a transient server error."""
    with pytest.raises(ServerError):
        answered(body)


@pytest.mark.parametrize(
    ("tag", "table"),
    [
        ("my.app.acme-corp.alerts", "`my.app.acme-corp.alerts`"),
        ("my.app.a.b-c-d", "`my.app.a.b-c-d`"),
        ("(usd)my.app.eu-west.x", "`my.app.eu-west.x`"),
        ("my-app", "`my-app`"),
        ("my.app.acme_corp.alerts", "my.app.acme_corp.alerts"),
        ("my.app.Acme.Alerts", "my.app.Acme.Alerts"),
    ],
)
def test_table_with_a_hyphen_is_quoted(devo: DevoServer, tag: str, table: str) -> None:
    """A table whose name has a hyphen is quoted with backticks, and Devo accepts the query."""
    assert ids_query(tag, "id").startswith(f"from {table}\n")
    assert list(client_of(settings_of(devo)).id_counts(tag, "id", since=SINCE)) == []


def test_query_ends_at_devos_now() -> None:
    """The end of a query is the function ``now()``, which Devo evaluates by its own clock."""
    with requests_mock.Mocker() as mock:
        mock.post(f"{URL}/search/query", text=META)
        list(QueryClient(http_client()).id_counts(TAG, "id", since=SINCE))
        assert mock.last_request.json()["to"] == "now()"


def launching(reason: str) -> dict[str, Any]:
    """Return the body with which Devo refuses to start a query."""
    return {"msg": "Error Launching Query", "status": 500, "object": ["Error Launching Query", reason]}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, launching("MISSING_RESOURCE: no table my.app.x"), "no table my.app.x"),
        (500, launching("QUERY_PARSING_ERROR: line 2"), "QUERY_PARSING_ERROR: line 2"),
        (500, launching("QUERY_SEMANTIC_ERROR: no column rawMessage"), "no column rawMessage"),
        (500, launching("com.devo.ParseException: at line 2"), "at line 2"),
        (502, launching("MISSING_RESOURCE: no function jsonparse"), "no function jsonparse"),
        (500, {"object": ["x" * 500, "MISSING_RESOURCE: no table"]}, "no table"),
        (500, {"error": {"message": "QUERY_PARSING_ERROR: line 3"}}, "line 3"),
        (400, {"object": ["400 : from is after to"]}, "from is after to"),
        (200, launching("MISSING_RESOURCE: no table"), "no table"),
    ],
)
def test_query_that_cannot_succeed_is_not_retried(status: int, body: dict[str, Any], reason: str) -> None:
    """A fault of the query is sent once and raised for good, with Devo's reason and the remedy."""
    with requests_mock.Mocker() as mock:
        mock.post(f"{URL}/search/query", json=body, status_code=status)
        with pytest.raises(RejectedError, match=rf"{reason}.*Check the tag, `message_column`"):
            list(QueryClient(http_client()).id_counts(TAG, "id", since=SINCE))
        assert mock.call_count == 1


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, launching("QUERY_TIMEOUT: try later"), "try later"),
        (500, launching("too many queries"), "too many queries"),
        (500, {}, "status 500"),
        (503, {"msg": "overloaded"}, "overloaded"),
        (503, {"object": "overloaded"}, "overloaded"),
        (200, {"msg": "out of memory", "object": []}, "out of memory"),
    ],
)
def test_failure_of_devo_may_pass(status: int, body: dict[str, Any], reason: str) -> None:
    """A failure for another reason is a transient error with Devo's reason."""
    with pytest.raises(ServerError, match=reason):
        answered(json.dumps(body), status_code=status)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"code": 5, "msg": "Token invalid or expired"}, "Token invalid or expired"),
        ({"object": ["500 : a reason"]}, "500 : a reason"),
        ({"object": ["a text", "a reason"]}, "a reason; a text"),
        ({"object": [{"msg": "a reason"}]}, "a reason"),
        ({"error": {"msg": "a reason"}}, "a reason"),
        ({"error": {"object": ["a text", "a reason"]}}, "a reason; a text"),
        ({"errors": [{"message": "a reason"}, "and one more"]}, "a reason; and one more"),
        ({"detail": [{"loc": ["body", 0], "msg": "a reason"}]}, "body.0: a reason"),
        ({"errors": [], "object": [], "msg": "", "error": "a reason"}, "a reason"),
        ({"object": {"msg": None}, "status": 500}, ""),
        (["no object"], ""),
    ],
)
def test_reason_is_found_under_each_name(body: Any, reason: str) -> None:
    """The reason of an error body is found in ``msg`` and ``object`` too, at any place where a reason can stand."""
    assert error_reason(body) == reason


def test_connection_that_breaks_on_the_way(devo: DevoServer, tmp_path: Path) -> None:
    """An answer whose connection breaks raises a network error."""

    class Broken:
        parts = iter([META.encode() + b"\n"])

        @property
        def raw(self) -> Any:
            return self

        def read(self, size: int, decode_content: bool) -> bytes:
            for part in self.parts:
                return part
            raise urllib3.exceptions.ProtocolError("Connection broken: IncompleteRead")

        read1 = read

        def close(self) -> None: ...

    class Http:
        def send(self, request: Request) -> Any:
            assert request.stream
            return Broken()

        def named(self, request: Request) -> str:
            return f"Devo {request.method} {request.path}"

    with pytest.raises(NetworkError):
        list(QueryClient(Http()).id_counts(TAG, "alert_id", since=SINCE))
