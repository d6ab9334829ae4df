"""A window ends at an empty page or at the server's count, and what the server counted is compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import chain, cycle, repeat
from random import Random
from typing import Any

import pytest
import requests
from requests_mock import Mocker

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
from airflow_provider_flashpoint.core.http.client import HttpClient
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import ServerError
from tests.core.flashpoint.reading import FROM, WINDOW, read

BASE = "https://service.example"
PATH = f"{BASE}/api/v4/indicators/attribute"
SECOND = Window(FROM, FROM + timedelta(seconds=1))


class Server:
    """Indicators behind offsets and a scroll, whatever the window.

    :param sizes: the most records of each page by offset.
    :param totals: the header of each page by offset, None for no header.
    :param scrolled: how many records a scroll brings; all by default.
    """

    def __init__(
        self,
        mocker: Mocker,
        count: int,
        *,
        sizes: Iterator[int],
        totals: Iterator[str | None],
        scrolled: int | None = None,
    ) -> None:
        self.records = [{"fpid": str(number)} for number in range(count)]
        self.sizes, self.totals = sizes, totals
        self.scroll = self.records[:scrolled]
        self.requests = 0
        mocker.get(PATH, text=self._page)
        mocker.post(f"{BASE}/api/v4/indicators/scroll", json={"results": [], "scroll_id": "b"})
        mocker.delete(f"{BASE}/api/v4/indicators/scroll")

    def _page(self, request: Any, context: Any) -> str:
        self.requests += 1
        if "scroll" in request.qs:
            return json.dumps({"results": self.scroll, "scroll_id": "a"})
        total = next(self.totals)
        if total is not None:
            context.headers["x-fp-total-hits"] = total
        skip, limit = int(request.qs.get("skip", ["0"])[0]), int(request.qs["limit"][0])
        return json.dumps(self.records[skip : skip + min(limit, next(self.sizes))])


def client(page_size: int = 1000) -> FlashpointClient:
    http = HttpClient(requests.Session(), base_url=BASE, service="Flashpoint", sleep=lambda _: None)
    return FlashpointClient(http, api=Api.LEGACY, page_size=page_size)


def ids_of(window: Window = SECOND, **settings: Any) -> set[str]:
    return {record["fpid"] for record in read(client(**settings), window)}


def _random_sizes() -> Iterator[int]:
    random = Random(1)
    return iter(lambda: random.randint(1, 40), None)


@pytest.mark.parametrize("totals", [lambda count: None, str], ids=["no total", "total"])
@pytest.mark.parametrize(
    ("count", "page_size", "sizes"),
    [
        (1300, 1000, lambda: repeat(500)),
        (1000, 1000, lambda: repeat(500)),
        (1001, 1000, lambda: repeat(1000)),
        (7, 1000, lambda: repeat(1)),
        (30, 10, lambda: repeat(2)),
        (2000, 1000, lambda: repeat(999)),
        (500, 100, lambda: chain(range(90, 10, -10), repeat(10))),
        (500, 100, _random_sizes),
        (40, 10, lambda: cycle([10, 1, 3])),
    ],
)
def test_a_short_page_is_no_end(
    requests_mock: Mocker, totals: Callable[[int], str | None], count: int, page_size: int, sizes: Any
) -> None:
    """A server that sends fewer records than requested still gives all of them, with a total or without."""
    server = Server(requests_mock, count, sizes=sizes(), totals=repeat(totals(count)))
    assert len(ids_of(page_size=page_size)) == len(server.records)


@pytest.mark.parametrize(("total", "requests_needed"), [("500", 1), (None, 3)])
def test_the_end_costs_at_most_two_requests(requests_mock: Mocker, total: str | None, requests_needed: int) -> None:
    """A window of one page costs one request where the server counts, and two more where it does not."""
    server = Server(requests_mock, 500, sizes=repeat(1000), totals=repeat(total))
    assert (len(ids_of()), server.requests) == (500, requests_needed)


@pytest.mark.parametrize("window", [WINDOW, SECOND], ids=["an hour", "a second"])
@pytest.mark.parametrize(
    ("counted", "held", "scrolled"),
    [
        (12_000, 1000, 200),
        (12_000, 0, 0),
        (100, 0, 0),
        (100, 99, 99),
        (3, 2, 0),
        (10**10, 10, 10),
        (10**14, 0, 0),
    ],
)
def test_what_was_counted_is_compared(
    requests_mock: Mocker, window: Window, counted: int, held: int, scrolled: int
) -> None:
    """Fewer records than the server counts are an error with both numbers, which a retry may cure."""
    Server(requests_mock, held, sizes=repeat(1000), totals=repeat(str(counted)), scrolled=scrolled)
    with pytest.raises(ServerError, match=rf"sent {scrolled} of the {counted} records"):
        ids_of(window)


def test_the_count_of_a_window_is_compared_with_its_parts(requests_mock: Mocker) -> None:
    """Parts that are empty and uncounted do not hide the count of their window."""
    Server(requests_mock, 0, sizes=repeat(1000), totals=chain(["12000"], repeat(None)))
    with pytest.raises(ServerError, match="sent 0 of the 12000 records"):
        ids_of()


def test_a_scroll_is_compared_with_its_own_count(requests_mock: Mocker) -> None:
    """The count in the first answer of a scroll counts, too."""
    server = Server(requests_mock, 0, sizes=repeat(1000), totals=repeat("5"))
    server.scroll = [{"fpid": "1"}, {"fpid": "2"}]
    with pytest.raises(ServerError, match="sent 2 of the 5 records"):
        ids_of(SECOND)


def test_an_incomplete_scroll_is_restarted(requests_mock: Mocker) -> None:
    """A scroll that ends early once is read again, and the window is complete."""
    server = Server(requests_mock, 5, sizes=repeat(0), totals=repeat("5"))
    shortened = iter([server.records[:2]])
    requests_mock.get(
        f"{PATH}?scroll=True",
        text=lambda *_: json.dumps({"results": next(shortened, server.records), "scroll_id": "a"}),
    )
    assert len(ids_of(SECOND)) == 5


def test_records_that_left_the_window_are_not_missed(requests_mock: Mocker) -> None:
    """A count that has shrunk since is compared as it is now."""
    Server(requests_mock, 5, sizes=repeat(1000), totals=chain(["7"], repeat("5")))
    assert len(ids_of(SECOND)) == 5


@pytest.mark.parametrize(
    "total",
    ["9" * 5000, "9" * 16, "-5", "1e3", "12.5", "1,300", "", "many", "0x10", "²", "7 of 9"],
    ids=lambda text: text[:8],
)
def test_a_header_that_is_no_count(requests_mock: Mocker, total: str) -> None:
    """A header that holds no plausible number is no count; the window is read to its empty page."""
    Server(requests_mock, 700, sizes=repeat(500), totals=repeat(total))
    assert len(ids_of()) == 700


def test_a_huge_count_costs_no_endless_work(requests_mock: Mocker) -> None:
    """A count beyond reason splits the window into a bounded number of parts."""
    server = Server(requests_mock, 10, sizes=repeat(1000), totals=repeat(str(10**14)), scrolled=10)
    with pytest.raises(ServerError):
        list(client().source(DataSet.INDICATORS).pages(Window(FROM, FROM + timedelta(days=365))))
    assert server.requests < 200


@pytest.mark.parametrize(
    ("pages", "warned"),
    [
        ([(2, 2), (1, 1)], None),
        ([(2, 3), (1, 3)], None),
        ([(2, None), (1, "3"), (0, True)], None),
        ([(1, 0), (1, -1), (1, 2.5)], None),
        ([(0, 0)], None),
        ([(2, 5), (1, 5)], (3, 5)),
        ([(100, 100), (0, 100), (3, 104)], (103, 104)),
        ([(0, 1)], (0, 1)),
        ([(1, 10**14)], (1, 10**14)),
    ],
)
def test_the_count_in_the_pages_of_alerts_is_compared(
    requests_mock: Mocker,
    caplog: pytest.LogCaptureFixture,
    pages: list[tuple[int, Any]],
    warned: tuple[int, int] | None,
) -> None:
    """Fewer alerts than a page counts are a warning with both numbers, whether it counts the page or the window."""
    answers: list[dict[str, Any]] = []
    for number, (size, count) in enumerate(pages):
        data = [{"alert_id": f"{number}-{each}"} for each in range(size)]
        following = {"next": {"href": f"/v1/alerts?scroll_id={number}"}} if number + 1 < len(pages) else {}
        answers.append({"json": {"data": data, "count": count, "links": following}})
    requests_mock.get(f"{BASE}/api/alerting/v1/alerts", answers)
    assert len(read(client(), data_set=DataSet.ALERTS)) == sum(size for size, _ in pages)
    messages = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(messages) == (warned is not None)
    if warned:
        assert f"sent {warned[0]} records of {WINDOW}, and counts {warned[1]}." in messages[0]


NO_MORE = [None, 0, 1, 2, "2", "", "many", True, -1, 2.5, [], {}, "9" * 5000]


@pytest.mark.parametrize("total", NO_MORE, ids=lambda total: str(total)[:8])
def test_two_records_where_ignite_counts_no_more(requests_mock: Mocker, total: Any) -> None:
    """A count that is reached, or is none, lets a window of version 2 end."""
    assert len(list(chain.from_iterable(ignite_pages(requests_mock, 2, total)))) == 2


@pytest.mark.parametrize(("held", "total"), [(2, 3), (2, "3"), (2, 100), (2, 10**14), (0, 1), (0, 100), (1, 2)])
def test_the_count_in_an_answer_of_ignite_is_compared(requests_mock: Mocker, held: int, total: Any) -> None:
    """Fewer indicators than an answer of version 2 counts are an error with both numbers, which a retry may cure."""
    with pytest.raises(ServerError, match=rf"sent {held} of the {total} records"):
        list(ignite_pages(requests_mock, held, total))


def ignite_pages(mocker: Mocker, held: int, total: Any) -> Iterator[Any]:
    items = [{"id": str(number), "modified_at": f"{FROM:%Y-%m-%dT%H:%M:%S}Z"} for number in range(held)]
    answer = {"items": items, "total": total, "pagination": {"next": None}}
    mocker.get(f"{BASE}/technical-intelligence/v2/indicators", json=answer)
    http = HttpClient(requests.Session(), base_url=BASE, service="Flashpoint", sleep=lambda _: None)
    return FlashpointClient(http, api=Api.IGNITE_V2).source(DataSet.INDICATORS).pages(WINDOW)
