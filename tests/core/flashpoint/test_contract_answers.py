"""The contract of every row, for odd answers: what ends a walk, what is an error, what is requested again."""

from __future__ import annotations

import json
from itertools import count
from typing import Any, get_args

import pytest
import requests
from requests_mock import Mocker

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
from airflow_provider_flashpoint.core.http.client import HttpClient
from airflow_provider_flashpoint.core.window import epoch_us
from airflow_provider_flashpoint.errors import (
    AuthenticationError,
    DataError,
    FlashpointProviderError,
    ForbiddenError,
    MalformedPageError,
    PagingLoopError,
    RateLimitedError,
    RejectedError,
    ServerError,
)
from sandbox.flashpoint.store import Bounds
from sandbox.flashpoint.versions import iso_us
from tests.core.flashpoint.reading import FROM, read
from tests.core.flashpoint.sandbox_in_process import InProcess, Query
from tests.core.flashpoint.test_contract_properties import ROWS, Row, of_each_row
from tests.core.flashpoint.test_nothing_said import NOTHING

BASE = "https://service.example"
INDICATORS, ALERTS, *_ = (row for row in ROWS if row.is_exact and row.api is Api.IGNITE_V2)
of_each_ignite_row = pytest.mark.parametrize("row", [INDICATORS, ALERTS], ids=lambda row: row.name)
SECOND = 1_000_000


def url_of(row: Row) -> str:
    return BASE + client_of(row).endpoint(row.data_set).path


def client_of(row: Row) -> FlashpointClient:
    http = HttpClient(requests.Session(), base_url=BASE, service="Flashpoint", sleep=lambda _: None)
    return FlashpointClient(http, api=row.api)


def page_of(row: Row, *moments: int, **rest: Any) -> Any:
    documents = [row.document(number, moment) for number, moment in enumerate(moments)]
    key = client_of(row).endpoint(row.data_set).records_key
    page: Any = documents
    for part in reversed(key.split(".") if key else ()):
        page = {part: page}
    return {**page, **rest} if key else page


@of_each_row
@pytest.mark.parametrize("answer", NOTHING, ids=lambda answer: str(answer)[:30])
def test_nothing(requests_mock: Mocker, row: Row, answer: dict[str, Any]) -> None:
    """Every way to say that there are no records is a window without records, and passes the check."""
    requests_mock.get(url_of(row), **answer)
    assert read(client_of(row), data_set=row.data_set) == []
    client_of(row).check(row.data_set)


@of_each_row
@pytest.mark.parametrize("answer", NOTHING, ids=lambda answer: str(answer)[:30])
def test_nothing_after_records(requests_mock: Mocker, row: Row, answer: dict[str, Any]) -> None:
    """After records, too, an answer without content is the end."""
    requests_mock.get(url_of(row), [{"json": page_of(row, 5 * SECOND, 6 * SECOND)}, answer])
    assert len(read(client_of(row), data_set=row.data_set)) == 2


@of_each_row
@pytest.mark.parametrize(
    "odd",
    [
        {"content": b'{"items": [{"id'},
        {"content": b""},
        {"content": b"<html>gateway</html>", "headers": {"Content-Type": "text/html"}},
        {"content": b"not JSON"},
    ],
    ids=["cut", "lost", "HTML", "text"],
)
def test_an_answer_that_is_no_page_is_requested_again(requests_mock: Mocker, row: Row, odd: dict[str, Any]) -> None:
    """A body that was cut or lost, a page of a proxy and other text are requested again, and cost nothing."""
    good = {"json": page_of(row, 5 * SECOND)}
    requests_mock.get(url_of(row), [odd, odd, good, {"status_code": 204}])
    assert len(read(client_of(row), data_set=row.data_set)) == 1
    requests_mock.get(url_of(row), [odd])
    with pytest.raises(ServerError):
        read(client_of(row), data_set=row.data_set)


@of_each_row
@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (400, {"detail": "Invalid datetime: created_after"}, RejectedError, "Invalid datetime: created_after"),
        (400, {"message": "Result window is too large"}, RejectedError, "Result window is too large"),
        (401, {"message": "Invalid signature"}, AuthenticationError, "Invalid signature"),
        (401, {"message": "Bad token; invalid JSON"}, AuthenticationError, "Bad token; invalid JSON"),
        (403, {"message": "Forbidden"}, ForbiddenError, "Forbidden"),
        (521, {}, ForbiddenError, "521"),
        (404, {"detail": "Not Found"}, RejectedError, "Not Found"),
        (
            422,
            {
                "detail": "Validation failed",
                "errors": [{"loc": ["query", "size"], "msg": "too large", "input": "5000"}],
            },
            RejectedError,
            "query.size: too large",
        ),
        (
            422,
            {"detail": [{"loc": ["query", "status"], "msg": "value is not permitted"}]},
            RejectedError,
            "query.status: value is not permitted",
        ),
        (429, {"detail": "Too Many Requests"}, RateLimitedError, "Too Many Requests"),
        (500, {"error": {"code": 500, "message": "Internal error"}}, ServerError, "Internal error"),
        (502, "<html><body><h1>502 Bad Gateway</h1></body></html>", ServerError, "502"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_each_error_body(
    requests_mock: Mocker, row: Row, status: int, body: Any, error: type[FlashpointProviderError], said: str
) -> None:
    """Every error body of the service is the right error, with its reason."""
    text = body if isinstance(body, str) else json.dumps(body)
    requests_mock.get(url_of(row), text=text, status_code=status)
    with pytest.raises(error) as raised:
        read(client_of(row), data_set=row.data_set)
    assert said in str(raised.value)


@of_each_ignite_row
@pytest.mark.parametrize("page_size", [2, 3, 20])
def test_a_next_page_that_is_always_named(row: Row, page_size: int) -> None:
    """Where the last page names a next one too, the walk ends where nothing new comes."""
    sandbox = InProcess()

    def always(body: Any) -> Any:
        if body["pagination"]["next"]:
            return body
        last = iso_us(body["items"][-1]["created_at"]) / SECOND if row is ALERTS and body["items"] else 0
        return {**body, "pagination": {"next": f"http://x/?cursor={last:.6f}"}}

    sandbox.after = always
    published = row.publish_to(sandbox, [second * SECOND for second in range(9)])
    assert sorted(row.ids(sandbox, page_size=page_size)) == sorted(published)


@of_each_ignite_row
def test_the_same_page_for_every_request(row: Row) -> None:
    """A server that always sends the same page, and names a next one, is an error and not an endless walk."""
    sandbox = InProcess()
    kept = ("size", "sort", *client_of(row).endpoint(row.data_set).window_parameters)
    first: Query = {}

    def as_first(query: Query) -> Query:
        first.update({name: query[name] for name in kept if name not in first})
        return first

    sandbox.before = as_first
    row.publish_to(sandbox, [second * SECOND for second in range(9)])
    with pytest.raises((PagingLoopError, ServerError)):
        row.ids(sandbox, page_size=4)
    assert len(sandbox.queries) < 200


def test_empty_pages_that_name_ever_new_pages(requests_mock: Mocker) -> None:
    """Empty pages that name ever new next pages come to an end in an error."""
    cursors = count(1_704_067_200)
    requests_mock.get(
        url_of(ALERTS), json=lambda *_: {"items": [], "pagination": {"next": f"http://x/?cursor={next(cursors)}.0"}}
    )
    with pytest.raises(PagingLoopError):
        read(client_of(ALERTS), data_set=DataSet.ALERTS)
    assert requests_mock.call_count <= 101


def test_an_empty_page_in_the_middle(requests_mock: Mocker) -> None:
    """An empty page of notifications that names another next page is not the end."""
    link = {"pagination": {"next": "http://x/?cursor=1704067200.0"}}
    pages = [{"items": [], **link}, page_of(ALERTS, 5 * SECOND, pagination={"next": None})]
    requests_mock.get(url_of(ALERTS), [{"json": page} for page in pages])
    assert len(read(client_of(ALERTS), data_set=DataSet.ALERTS)) == 1


def test_more_notifications_of_one_microsecond_than_a_page_sends() -> None:
    """Where a server sends fewer records than have one time, the walk is an error, since some would be lost."""
    sandbox = InProcess()
    sandbox.before = lambda query: {**query, "size": "4"}
    ALERTS.publish_to(sandbox, [SECOND] * 6 + [2 * SECOND] * 3)
    with pytest.raises(DataError, match="more records of one time"):
        ALERTS.ids(sandbox)


def naming_a_next_page(body: dict[str, Any]) -> dict[str, Any]:
    """Return a page that names a next one wherever it has records, as a server does that ends with an empty page."""
    if body["items"]:
        last = epoch_us(body["items"][-1]["created_at"]) or 0
        body["pagination"] = {"next": f"http://x/?cursor={last / SECOND:.6f}"}
    return body


@pytest.mark.parametrize("page_size", [2, 4, 500])
@pytest.mark.parametrize(
    "moments",
    [
        [SECOND] * 2,
        [SECOND, SECOND + 400],
        [SECOND] * 7,
        [SECOND // 2, *[SECOND] * 3],
        [*[-5 * SECOND] * 9, *[SECOND] * 8],
    ],
)
def test_notifications_of_one_time_before_an_empty_page(moments: list[int], page_size: int) -> None:
    """A window whose notifications have one time is read, also where a server ends with an empty page."""
    sandbox = InProcess()
    sandbox.after = naming_a_next_page
    published = ALERTS.publish_to(sandbox, moments)
    wanted = [each for each, moment in zip(published, moments, strict=True) if moment > 0]
    assert sorted(ALERTS.ids(sandbox, page_size=page_size)) == sorted(wanted)


@pytest.mark.parametrize("arrives_at", [SECOND, SECOND + 1, 3 * SECOND])
@pytest.mark.parametrize("names_next", [True, False])
def test_a_notification_that_arrives_while_the_end_is_looked_for(names_next: bool, arrives_at: int) -> None:
    """A notification that comes behind the last one is no proof that others of its time were not shown."""
    for number in range(2, 7):
        sandbox = InProcess(pagination=names_next)
        sandbox.after = naming_a_next_page if names_next else None
        published = ALERTS.publish_to(sandbox, [SECOND // 2, SECOND, SECOND])

        def before(query: Query, sandbox: InProcess = sandbox, number: int = number) -> Query:
            if len(sandbox.queries) == number - 1:
                sandbox.server.store.publish_notifications([
                    ALERTS.document(7, round(FROM.timestamp()) * SECOND + arrives_at)
                ])
            return query

        sandbox.before = before
        assert {*published} <= {*ALERTS.ids(sandbox, page_size=2)}


@pytest.mark.parametrize("page_size", [2, 3, 5])
def test_notifications_in_no_order(page_size: int) -> None:
    """Where a server does not sort as requested, its own next pages are followed, and no notification is lost."""
    sandbox = InProcess(notification_order="shuffled")
    published = ALERTS.publish_to(sandbox, [number * 100_003 for number in range(60)])
    assert set(ALERTS.ids(sandbox, page_size=page_size)) == set(published)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_sorted_pages_in_the_opposite_order(order: str, caplog: pytest.LogCaptureFixture) -> None:
    """Pages that are sorted, but not among each other, are followed by cursors that are no times, with a warning."""
    sandbox = InProcess(notification_order=order)
    published = ALERTS.publish_to(sandbox, [number * 100_003 for number in range(60)])
    sandbox.before = lambda query: {name: value.removeprefix("id-") for name, value in query.items()}

    def turned(body: dict[str, Any]) -> dict[str, Any]:
        link = (body["pagination"].get("next") or "").replace("cursor=", "cursor=id-")
        return {**body, "items": body["items"][::-1], "pagination": {"next": link}}

    sandbox.after = turned
    assert sorted(ALERTS.ids(sandbox, page_size=30)) == sorted(published)
    assert "are not sorted by created_at" in caplog.text


def test_indicators_in_no_order() -> None:
    """A server that does not sort indicators as requested is an error, since the walk would lose some."""
    sandbox = InProcess()
    sandbox.before = lambda query: {**query, "sort": "modified_at:desc"}
    INDICATORS.publish_to(sandbox, [second * SECOND for second in range(9)])
    with pytest.raises(MalformedPageError, match="did not sort"):
        INDICATORS.ids(sandbox, page_size=4)


@pytest.mark.parametrize("pagination", ["text", [1], 7])
def test_a_pagination_in_an_unknown_shape(requests_mock: Mocker, pagination: Any) -> None:
    """A pagination in an unknown shape is an error, since stopping there could lose the rest."""
    requests_mock.get(url_of(ALERTS), json=page_of(ALERTS, 5 * SECOND, pagination=pagination))
    with pytest.raises(MalformedPageError, match="unknown shape"):
        read(client_of(ALERTS), data_set=DataSet.ALERTS)


@pytest.mark.parametrize("link", ["http://x/?size=7", "http://[broken", "/relative"])
def test_a_next_link_without_a_cursor(requests_mock: Mocker, link: str) -> None:
    """A next link without a cursor is an error, since stopping there would lose the rest."""
    requests_mock.get(url_of(ALERTS), json=page_of(ALERTS, 5 * SECOND, pagination={"next": link}))
    with pytest.raises(MalformedPageError, match="without a cursor"):
        read(client_of(ALERTS), data_set=DataSet.ALERTS)


@of_each_ignite_row
def test_a_link_is_not_followed(row: Row) -> None:
    """Only the parameters of a next link are used: every request goes to the host and path of the connection."""
    sandbox = InProcess()
    sandbox.after = lambda body: json.loads(json.dumps(body).replace("http://sandbox", "http://evil.example"))
    published = row.publish_to(sandbox, [second * SECOND for second in range(9)])
    assert sorted(row.ids(sandbox, page_size=4)) == sorted(published)


@of_each_row
def test_a_window_is_always_sent(row: Row) -> None:
    """Every request has both ends of the window, as whole seconds with Z, since some servers refuse other forms."""
    sandbox = InProcess()
    row.publish_to(sandbox, [second * SECOND + 1 for second in range(9)])
    row.ids(sandbox, page_size=3)
    for query in sandbox.queries:
        for name in filter(None, client_of(row).endpoint(row.data_set).window_parameters):
            assert query[name].endswith("Z") and "." not in query[name]


@pytest.mark.parametrize("window", [4, 10])
def test_more_indicators_in_a_second_than_can_be_skipped(window: int) -> None:
    """A second with more records than the server skips is read from both ends; one with too many is an error."""
    sandbox = InProcess(result_window_v2=window)
    published = INDICATORS.publish_to(
        sandbox, [SECOND] + [2 * SECOND + 10_000 * number for number in range(window + 2)]
    )
    assert sorted(INDICATORS.ids(sandbox, page_size=2)) == sorted(published)
    crowded = InProcess(result_window_v2=window)
    INDICATORS.publish_to(crowded, [2 * SECOND + 10_000 * number for number in range(3 * window)])
    with pytest.raises(DataError, match="by a type or by filters"):
        INDICATORS.ids(crowded, page_size=2)


def test_one_second_that_never_comes_to_rest() -> None:
    """A second whose records stand elsewhere at each request is an error after some passes."""
    sandbox = InProcess()
    documents = [INDICATORS.document(number, 1_704_067_201_000_000) for number in range(12)]

    def again(query: Query) -> Query:
        documents.append(documents.pop(0))
        sandbox.server.store.publish_indicators_v2(documents)
        return query

    sandbox.before = again
    with pytest.raises(ServerError, match="in another order"):
        INDICATORS.ids(sandbox, page_size=3)


@pytest.mark.parametrize("bounds", get_args(Bounds))
def test_crowded_seconds_in_a_row(bounds: Bounds) -> None:
    """Where two seconds hold more than can be skipped, no record on their border is lost without an error."""
    sandbox = InProcess(result_window_v2=10, bounds=bounds)
    crowd = [second * SECOND + 50_000 * number for second in (2, 3) for number in range(14)]
    published = INDICATORS.publish_to(sandbox, crowd)
    if bounds == "()":
        with pytest.raises(DataError, match="by a type or by filters"):
            INDICATORS.ids(sandbox, page_size=2)
    else:
        assert sorted(INDICATORS.ids(sandbox, page_size=2)) == sorted(published)


@pytest.mark.parametrize("bounds", get_args(Bounds))
def test_equal_times_and_a_later_one_in_a_crowded_second(bounds: Bounds) -> None:
    """A record that came from the end of a second is no proof that those before it came."""
    sandbox = InProcess(result_window_v2=4, bounds=bounds)
    published = INDICATORS.publish_to(sandbox, [SECOND // 2, *[0] * 6])
    try:
        found = INDICATORS.ids(sandbox, page_size=3)
    except DataError:
        return
    assert sorted(found) == sorted(published)


def test_more_notifications_of_one_microsecond_at_the_end_than_a_page_sends() -> None:
    """Where the last time has more records than a server sends in a page, the walk is an error, too."""
    sandbox = InProcess()
    sandbox.before = lambda query: {**query, "size": str(min(6, int(query["size"])))}
    ALERTS.publish_to(sandbox, [SECOND] * 3 + [2 * SECOND] * 9)
    with pytest.raises(DataError, match="more records of one time"):
        ALERTS.ids(sandbox, page_size=3)
