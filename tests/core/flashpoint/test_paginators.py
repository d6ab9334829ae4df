"""Paginators read every record, whatever the server holds, sends or does meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.core import codec, raw_json
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoint import Endpoint
from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of
from airflow_provider_flashpoint.core.flashpoint.page import Answer, Page, items_of
from airflow_provider_flashpoint.core.flashpoint.paging.links import Links
from airflow_provider_flashpoint.core.flashpoint.paging.offsets import Offsets
from airflow_provider_flashpoint.core.flashpoint.paging.paginators import Scroll
from airflow_provider_flashpoint.core.flashpoint.paging.read_ahead import BYTES_AHEAD_PER_REQUEST
from airflow_provider_flashpoint.core.http.client import Request
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import (
    MalformedPageError,
    NetworkError,
    PagingLoopError,
    RejectedError,
    ServerError,
)

START = datetime(2024, 1, 1, tzinfo=UTC)
SPAN_S = 16
WINDOW = Window(START, START + timedelta(seconds=SPAN_S))


class Shelf:
    """A server and its reader: records by second of update, with a limit on how many can be skipped.

    :param caps: the most records that the server puts into each page, whatever it is asked for.
    :param excess: how far off its total is.
    """

    def __init__(
        self,
        seconds: list[int],
        *,
        page_size: int,
        ceiling: int,
        with_total: bool,
        excess: int = 0,
        caps: tuple[int, ...] = (1000,),
    ) -> None:
        self.at = dict(enumerate(seconds))
        self.page_size = page_size
        self.ceiling = ceiling
        self.with_total = with_total
        self.caps = cycle(caps)
        self.excess = excess
        self.scrolled: list[Window] = []
        self.requests_in_flight = 1
        self.complete_to: datetime | None = None
        self.answer_bytes = 0
        # Called after each answer, to move records meanwhile.
        self.on_read: Callable[[], None] = lambda: None
        # Orders what was updated in the same second.
        self.among_equals: Callable[[int], float] = float

    def held(self, window: Window) -> list[dict[str, Any]]:
        found = sorted(
            (second, self.among_equals(number), number)
            for number, second in self.at.items()
            if window.start <= START + timedelta(seconds=second) < window.end
        )
        return [{"fpid": number, "at": second} for second, _, number in found]

    @property
    def endpoint(self) -> Endpoint:
        row = endpoint_of(Api.LEGACY, DataSet.INDICATORS)
        offsets = Offsets(parameter="skip", ceiling=self.ceiling, fallback=Fallback("", "", shelf=self))
        return replace(row, page_size=self.page_size, paginator=offsets)

    def request(self, window: Window, parameters: Mapping[str, Any]) -> Request:
        return Request("GET", "/", params=parameters, json=window)

    def read(self, request: Request, *, records_key: str | None) -> Answer:
        assert request.params is not None
        return self.by_offset(request.json, request.params.get("skip", 0))

    def send(self, request: Request) -> None:
        raise AssertionError

    def by_offset(self, window: Window, skip: int) -> Answer:
        assert skip + self.page_size <= self.ceiling, "the server refuses to skip so far"
        held = self.held(window)
        total = max(0, len(held) + self.excess) if self.with_total else None
        answer = Answer(held[skip : skip + min(self.page_size, next(self.caps))], total=total, size=self.answer_bytes)
        self.on_read()
        return answer

    def pages(self, *, ahead: int = 1) -> Iterator[Page]:
        self.requests_in_flight = ahead
        return self.endpoint.paginator.pages(WINDOW, self)

    def walk(self, *, ahead: int = 1) -> list[int]:
        return [record["fpid"] for page in self.pages(ahead=ahead) for record in page]


@dataclass(frozen=True, kw_only=True)
class Fallback(Scroll):
    """Reads a whole window in one page."""

    shelf: Shelf

    def pages(self, window: Window, reader: Any, *, counted: int = 0) -> Iterator[Page]:
        self.shelf.scrolled.append(window)
        yield Page(self.shelf.held(window))


SECONDS = st.lists(st.integers(0, SPAN_S - 1), max_size=60)


@given(SECONDS, st.integers(2, 9), st.integers(0, 30), st.booleans(), st.sampled_from([1, 3]))
def test_every_record(seconds: list[int], page_size: int, room: int, with_total: bool, ahead: int) -> None:
    """Every record comes, for any contents, page size and ceiling, with a total or without."""
    shelf = Shelf(seconds, page_size=page_size, ceiling=page_size + room, with_total=with_total)
    assert set(shelf.walk(ahead=ahead)) == set(range(len(seconds)))


@given(SECONDS, st.integers(2, 9), st.integers(0, 30), st.integers(1, 9), st.integers(-5, 0))
def test_every_record_of_an_odd_server(seconds: list[int], page_size: int, room: int, cap: int, excess: int) -> None:
    """Pages smaller than requested, and a total that is too low, cost no record."""
    shelf = Shelf(
        seconds,
        page_size=page_size,
        ceiling=page_size + room,
        with_total=True,
        caps=(cap,),
        excess=excess * (cap >= page_size),
    )
    assert set(shelf.walk()) == set(range(len(seconds)))


@given(SECONDS, st.integers(2, 9), st.randoms(use_true_random=False))
def test_equals_in_another_order_each_time(seconds: list[int], page_size: int, random: Random) -> None:
    """A server that changes the order of equal records with every request is noticed by its total, and loses none."""
    shelf = Shelf(seconds, page_size=page_size, ceiling=1000, with_total=True)
    shelf.among_equals = lambda _: random.random()
    assert set(shelf.walk()) == set(range(len(seconds)))


def test_wrong_total_costs_one_scroll() -> None:
    """A total that pages cannot reach leads to one scroll, not to ever smaller windows."""
    shelf = Shelf(list(range(SPAN_S)), page_size=5, ceiling=1000, with_total=True, excess=1)
    with pytest.raises(ServerError):
        shelf.walk()
    assert shelf.scrolled == [WINDOW]


@given(st.integers(0, 40), st.integers(2, 9), st.booleans())
def test_in_order_and_once(count: int, page_size: int, with_total: bool) -> None:
    """Below the ceiling each record comes once, in the server's order, also when read ahead."""
    shelf = Shelf([0] * count, page_size=page_size, ceiling=1000, with_total=with_total)
    assert shelf.walk(ahead=4) == list(range(count))


def test_bisection() -> None:
    """More records than can be paged through are read in parts, without a scroll."""
    shelf = Shelf([number % SPAN_S for number in range(160)], page_size=5, ceiling=30, with_total=True)
    assert set(shelf.walk()) == set(range(160))
    assert shelf.scrolled == []


@pytest.mark.parametrize("with_total", [True, False])
def test_scroll_of_one_second(with_total: bool) -> None:
    """Only the second that alone holds more than can be paged through is scrolled."""
    shelf = Shelf([7] * 50 + [3], page_size=5, ceiling=20, with_total=with_total)
    assert set(shelf.walk()) == set(range(51))
    assert shelf.scrolled == [Window(START + timedelta(seconds=7), START + timedelta(seconds=8))]


def test_a_window_of_many_pages_is_complete_part_by_part() -> None:
    """A window of more than ten pages is read in parts, below the ceiling too, so that a pull can keep those it has."""
    shelf = Shelf([number % SPAN_S for number in range(160)], page_size=5, ceiling=1000, with_total=True)
    reached = {shelf.complete_to for _ in shelf.pages()}
    assert len(reached) > 5
    few = Shelf([number % SPAN_S for number in range(40)], page_size=5, ceiling=1000, with_total=True)
    assert {few.complete_to for _ in few.pages()} == {None}


def test_many_pages_of_one_second_are_paged_through() -> None:
    """One second cannot be read in parts; below the ceiling it needs no scroll either."""
    shelf = Shelf([7] * 100, page_size=5, ceiling=1000, with_total=True)
    assert shelf.walk() == list(range(100))
    assert shelf.scrolled == []


CAPS = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
MOVES = st.lists(st.lists(st.tuples(st.integers(0, 20), st.integers(0, SPAN_S)), max_size=4), max_size=6)


@given(st.lists(st.integers(0, SPAN_S - 1), max_size=20), st.integers(2, 4), CAPS, st.booleans(), MOVES)
@example([1, 2, 3, 4, 6], 3, (3,), False, [[(0, SPAN_S), (2, 5)]])  # the border moves, and yet is where it was
@example([1, 2, 3], 3, (2,), False, [[(0, SPAN_S)]])  # the last record moves to the place of one that was read
@example([1, 2], 3, (1,), False, [[(0, SPAN_S)]])
@example([1, 2, 3], 3, (2, 1), False, [])  # the page at the last record holds only that one, yet another one follows
@settings(max_examples=500)
def test_records_moved(
    seconds: list[int], page_size: int, caps: tuple[int, ...], with_total: bool, moves: list[list[tuple[int, int]]]
) -> None:
    """Records that are updated while the window is read, and move, hide no other record."""
    shelf = Shelf(seconds, page_size=page_size, ceiling=200, with_total=with_total, caps=caps)
    left = iter(moves)
    moved: set[int] = set()

    def move() -> None:
        for number, second in next(left, []):
            if number in shelf.at and second > shelf.at[number]:
                moved.add(number)
                shelf.at[number] = second

    shelf.on_read = move
    walked = set(shelf.walk())
    assert set(range(len(seconds))) - moved <= walked


def test_read_ahead_keeps_order() -> None:
    """Pages come in the order of the server although a later one was answered first."""
    shelf = Shelf([0] * 9, page_size=3, ceiling=100, with_total=True)
    later_answered = threading.Event()
    plain = shelf.by_offset

    def read(window: Window, skip: int) -> Answer:
        if skip == 2:
            assert later_answered.wait(60), "nothing was read ahead"
        page = plain(window, skip)
        if skip == 4:
            later_answered.set()
        return page

    shelf.by_offset = read  # type: ignore[method-assign]
    assert shelf.walk(ahead=2) == list(range(9))


def test_read_ahead_stays_within_its_number() -> None:
    """As many requests as allowed are under way at once, and never one more."""
    allowed = 4
    shelf = Shelf([0] * 18, page_size=3, ceiling=100, with_total=True)  # a first page, then eight that are read ahead
    plain = shelf.by_offset
    together = threading.Barrier(allowed)
    lock = threading.Lock()
    under_way = 0
    most = 0

    def read(window: Window, skip: int) -> Answer:
        nonlocal under_way, most
        if skip == 0:
            return plain(window, skip)
        with lock:
            under_way += 1
            most = max(most, under_way)
        together.wait(60)
        with lock:
            under_way -= 1
        return plain(window, skip)

    shelf.by_offset = read  # type: ignore[method-assign]
    assert shelf.walk(ahead=allowed) == list(range(18))
    assert most == allowed


def test_the_parts_of_a_window_are_begun_together() -> None:
    """While the pages of one part are under way, those of the next parts are requested, within the same limit."""
    allowed = 4
    shelf = Shelf([number % SPAN_S for number in range(SPAN_S)], page_size=5, ceiling=5, with_total=True)
    plain = shelf.by_offset
    together = threading.Barrier(allowed)
    whole: list[Window] = []

    def read(window: Window, skip: int) -> Answer:
        if window == WINDOW:
            whole.append(window)
        else:
            together.wait(60)  # of four parts with four records each
        return plain(window, skip)

    shelf.by_offset = read  # type: ignore[method-assign]
    assert shelf.walk(ahead=allowed) == list(range(SPAN_S))
    assert whole == [WINDOW]


def test_pages_are_requested_in_the_order_in_which_they_are_wanted() -> None:
    """The first pages of all later parts do not take the places of the pages that come before them."""
    count = 20 * SPAN_S
    shelf = Shelf([number % SPAN_S for number in range(count)], page_size=7, ceiling=37, with_total=True)
    allowed = 4
    plain = shelf.by_offset
    requested: list[tuple[Window, int]] = []

    def read(window: Window, skip: int) -> Answer:
        requested.append((window, skip))
        return plain(window, skip)

    shelf.by_offset = read  # type: ignore[method-assign]
    assert sorted(shelf.walk(ahead=allowed)) == list(range(count))
    places = [(window, skip) for window, skip in requested if window != WINDOW]
    wanted = sorted(places, key=lambda place: (place[0].start, place[1]))
    assert len({window for window, _ in places}) > 2 * allowed
    assert max(turn - places.index(place) for turn, place in enumerate(wanted)) <= 2 * allowed


@given(SECONDS, st.integers(2, 5))
def test_pages_that_were_guessed_in_vain_cost_no_record(seconds: list[int], page_size: int) -> None:
    """Parts may hold fewer or more pages than the part before them, from which their number was guessed."""
    uneven = [*[0] * 30, *seconds]
    shelf = Shelf(uneven, page_size=page_size, ceiling=5 * page_size, with_total=True)
    assert set(shelf.walk(ahead=4)) == set(range(len(uneven)))


def test_pages_are_not_read_far_ahead_of_a_slow_consumer() -> None:
    """The number of pages that wait for the consumer is bounded."""
    allowed = 4
    shelf = Shelf([0] * 20, page_size=3, ceiling=100, with_total=True)
    plain = shelf.by_offset
    asked = 0

    def read(window: Window, skip: int) -> Answer:
        nonlocal asked
        asked += 1
        return plain(window, skip)

    shelf.by_offset = read  # type: ignore[method-assign]
    pages = shelf.pages(ahead=allowed)
    for taken, _ in enumerate(pages, start=1):
        assert asked <= taken + 2 * allowed


def test_large_pages_are_read_less_far_ahead() -> None:
    """The bytes of pages that are kept or under way are bounded by the number of requests."""
    shelf = Shelf([0] * 20, page_size=3, ceiling=100, with_total=True)
    max_bytes = 8 * BYTES_AHEAD_PER_REQUEST
    shelf.answer_bytes = max_bytes // 4
    plain = shelf.by_offset
    requested = 0

    def read(window: Window, skip: int) -> Answer:
        nonlocal requested
        requested += 1
        return plain(window, skip)

    shelf.by_offset = read  # type: ignore[method-assign]
    for taken, _ in enumerate(shelf.pages(ahead=8), start=1):
        assert (requested - taken + 1) * shelf.answer_bytes <= max_bytes


def test_a_record_that_moves_into_a_part_that_was_read_ahead_comes_all_the_same() -> None:
    """Pages that were read ahead are read again where a record has moved."""
    shelf = Shelf([0, 1, 2, 3, 4, 5, 6, 9], page_size=4, ceiling=8, with_total=True)  # seven are in reach
    plain = shelf.by_offset
    read_ahead = threading.Event()

    def read(window: Window, skip: int) -> Answer:
        if window.end < WINDOW.end and skip:
            assert read_ahead.wait(60), "the second part was not read ahead"
            shelf.at[5] = 10  # from the first part into the second
        page = plain(window, skip)
        if window.start > START:
            read_ahead.set()
        return page

    shelf.by_offset = read  # type: ignore[method-assign]
    assert set(shelf.walk(ahead=4)) == set(range(8))


def test_read_ahead_raises() -> None:
    """An error of a page that was read ahead is raised in its turn."""
    shelf = Shelf([0] * 20, page_size=3, ceiling=100, with_total=True)
    plain = shelf.by_offset

    def read(window: Window, skip: int) -> Answer:
        if skip:
            raise MalformedPageError("broken")
        return plain(window, skip)

    shelf.by_offset = read  # type: ignore[method-assign]
    with pytest.raises(MalformedPageError, match="broken"):
        shelf.walk(ahead=4)


class Script:
    """Replies with answers or errors one after another, and keeps the tokens of the requests."""

    endpoint = endpoint_of(Api.LEGACY, DataSet.ALERTS)
    requests_in_flight = 1
    complete_to: datetime | None = None

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = iter(answers)
        self.requested: list[str | None] = []
        self.closed: list[str] = []

    def request(self, window: Window, parameters: Mapping[str, Any]) -> Request:
        return Request("GET", "/", params=parameters)

    def read(self, request: Request, *, records_key: str | None) -> Answer:
        self.requested.append((request.json or request.params or {}).get("scroll_id"))
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def send(self, request: Request) -> None:
        assert request.method == "DELETE"
        self.closed.append(request.json["scroll_id"])

    def links(self) -> Iterator[Page]:
        return Links(parameter="scroll_id").pages(WINDOW, self)

    def scroll(self) -> Iterator[Page]:
        return Scroll(path="/scroll", records_key="results").pages(WINDOW, self)


def page(*ids: int, next: str | None = None) -> Answer:
    link = {"href": f"/v1/alerts?scroll_id={next}"} if next else None
    return Answer([{"fpid": each} for each in ids], body={"links": {"next": link}, "scroll_id": next})


def ids_of(pages: Iterator[Page]) -> list[int]:
    return [record["fpid"] for each in pages for record in each]


def test_links_through_an_empty_page() -> None:
    """An empty page that names a next one is not the end."""
    script = Script(page(1, next="a"), page(next="b"), page(2))
    assert ids_of(script.links()) == [1, 2]
    assert script.requested == [None, "a", "b"]


@pytest.mark.parametrize(
    "contents",
    [[()], [(1,)], [(1, 2), (2, 1)], [(), (1,)], [(1,), (2,), (3,)], [(1, 2), (2, 3), (3, 1)], [(1, 1)]],
    ids=str,
)
def test_links_to_ever_new_pages_without_a_new_record(contents: list[tuple[int, ...]]) -> None:
    """Pages that name ever new next pages, and bring nothing new, come to an end in an error."""
    answers = (page(*ids, next=str(number)) for number, ids in enumerate(cycle(contents)))
    with pytest.raises(PagingLoopError, match=r"100 pages .* without a new record"):
        ids_of(Script(*islice(answers, 200)).links())


def test_links_with_a_new_record_now_and_then() -> None:
    """Pages without a new record are no loop as long as new ones follow."""
    answers = [page(*([number] if number % 90 == 0 else []), next=str(number)) for number in range(1, 1000)]
    assert ids_of(Script(*answers, page()).links()) == list(range(90, 1000, 90))


@pytest.mark.parametrize("is_descending", [False, True])
def test_alerts_that_are_selected_by_another_time(is_descending: bool) -> None:
    """Legacy alerts whose selection time is later than the time they are sorted by lose none."""
    random = Random(1)
    alerts = [{"alert_id": number, "ts": random.randrange(24 * 3600)} for number in range(3000)]
    selected_at = {alert["alert_id"]: alert["ts"] + random.randrange(1800) for alert in alerts}
    alerts.sort(key=lambda alert: alert["ts"], reverse=is_descending)
    epoch = round(START.timestamp())
    script = Script()
    script.requests_in_flight = 4

    def request(window: Window, parameters: Mapping[str, Any]) -> Request:
        return Request("GET", "/", params=parameters, json=window)

    def read(request: Request, *, records_key: str | None) -> Answer:
        start, end = (round(each.timestamp()) - epoch for each in request.json.request_bounds())
        held = [{**each, "ts": epoch + each["ts"]} for each in alerts if start <= selected_at[each["alert_id"]] < end]
        skip = int((request.params or {}).get("scroll_id", 0))
        following = {"next": f"/?scroll_id={skip + 100}"} if skip + 100 < len(held) else {}
        return Answer(held[skip : skip + 100], body={"count": len(held), "links": following})

    script.request, script.read = request, read  # type: ignore[method-assign]
    pages = script.endpoint.paginator.pages(Window(START, START + timedelta(days=1)), script)
    found = {record["alert_id"] for page in pages for record in page}
    assert {each for each, at in selected_at.items() if at < 24 * 3600} <= found


def test_links_loop() -> None:
    """A next page that was read before is an error, not an endless loop."""
    script = Script(page(1, next="a"), page(2, next="b"), page(3, next="a"))
    with pytest.raises(PagingLoopError, match="after 2 pages"):
        ids_of(script.links())


def test_scroll_uses_latest_id() -> None:
    """Each request of a scroll carries the id of the latest answer, and an answer without one keeps it."""
    script = Script(page(1, next="a"), page(2), page(3, next="b"), page())
    assert ids_of(script.scroll()) == [1, 2, 3]
    assert (script.requested, script.closed) == ([None, "a", "a", "b"], ["b"])


def test_scroll_that_breaks_each_time() -> None:
    """A scroll that never completes raises the error that broke it."""
    broken = [page(1, next="a"), NetworkError("cut short")]
    script = Script(*broken * 5)
    with pytest.raises(NetworkError, match="cut short"):
        ids_of(script.scroll())
    assert script.closed == ["a"] * 5


def test_refused_scroll_is_not_restarted() -> None:
    """A refusal would come again."""
    script = Script(page(1, next="a"), RejectedError("no such scroll"))
    with pytest.raises(RejectedError):
        ids_of(script.scroll())
    assert script.requested == [None, "a"]


def test_scroll_loop_is_closed() -> None:
    """A page that comes twice is an error, and the scroll is closed all the same."""
    script = Script(page(1, next="a"), page(1, next="a"))
    with pytest.raises(PagingLoopError):
        ids_of(script.scroll())
    assert script.closed == ["a"]


def test_abandoned_scroll_is_closed() -> None:
    """A scroll that is not read to its end is closed."""
    script = Script(page(1, next="a"), page(2, next="b"))
    walk = script.scroll()
    next(walk)
    walk.close()  # type: ignore[attr-defined]
    assert script.closed == ["a"]


@pytest.mark.parametrize(
    ("body", "key"),
    [({"detail": "top-secret"}, None), ("top-secret", None), (["top-secret"], None), ({"data": "top-secret"}, "data")],
)
def test_malformed_page(body: Any, key: str | None) -> None:
    """The error of a body of another shape has its shape, without its content."""
    with pytest.raises(MalformedPageError) as raised:
        Answer(items_of(raw_json.split(codec.encode(body)), key=key, path="/path")).record(0)
    assert "top-secret" not in str(raised.value)


def test_pages_smaller_than_requested_are_not_the_end() -> None:
    """A server that caps its pages below the requested page size still gives all of its records."""
    shelf = Shelf([0] * 23, page_size=10, ceiling=100, with_total=True, caps=(5,))
    assert shelf.walk() == list(range(23))


def test_a_scroll_whose_answer_was_lost_is_restarted() -> None:
    """No page is skipped where an answer was lost, since no page of a scroll can be requested twice."""
    lost = NetworkError("the answer was cut short.")
    script = Script(page(1, next="a"), lost, page(1, next="a"), page(2, next="b"), page(next="c"))
    assert ids_of(script.scroll()) == [1, 1, 2]
    assert script.closed == ["a", "c"]
