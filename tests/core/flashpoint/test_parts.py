"""A walk in parts: read in parallel, in the order of time, complete, and with hardly more requests than one by one."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.flashpoint.paging.parts import MAX_LATENESS, Parts
from airflow_provider_flashpoint.core.flashpoint.paging.plan import Plan
from airflow_provider_flashpoint.core.flashpoint.source import HttpSource
from airflow_provider_flashpoint.core.window import Window
from sandbox.dataset.indicators_v2 import instant
from tests.core.flashpoint.reading import FROM
from tests.core.flashpoint.sandbox_in_process import InProcess, Query
from tests.core.flashpoint.test_complete_to import TIME_OF, assert_complete
from tests.core.flashpoint.test_contract_properties import BOUNDS, ROWS, Row

HOUR_S = 3600
HOUR = Window(FROM, FROM + timedelta(seconds=HOUR_S))
YEAR = Window(FROM, FROM + timedelta(days=365))
IN_PARTS = [row for row in ROWS if isinstance(row.endpoint.paginator, Parts)]
of_each_row = pytest.mark.parametrize("row", IN_PARTS, ids=lambda row: row.name)
SECOND = 1_000_000


def even(count: int, seconds: int = HOUR_S) -> list[int]:
    """Return times spread over a window, in microseconds after its start."""
    return [(2 * number + 1) * seconds * SECOND // (2 * count) for number in range(count)]


def source_of(sandbox: InProcess, row: Row, **options: Any) -> HttpSource:
    return sandbox.client(row.api, **{"requests_in_flight": 4, **options}).source(row.data_set)


def records_of(sandbox: InProcess, row: Row, window: Window = HOUR, **options: Any) -> list[dict[str, Any]]:
    return [record for page in source_of(sandbox, row, **options).pages(window) for record in page]


@of_each_row
@pytest.mark.parametrize("habit", [{}, {"notification_order": "desc"}], ids=["asc", "desc"])
def test_the_requests_of_even_data(row: Row, habit: dict[str, Any]) -> None:
    """A walk in parts needs at most 1.3 times the requests of one after another, and brings each record once."""
    needed, page_size = [], 100
    for in_flight in (1, 4):
        sandbox = InProcess(**habit)
        published = row.publish_to(sandbox, even(60 * page_size))
        found = records_of(sandbox, row, page_size=page_size, requests_in_flight=in_flight)
        assert sorted(record[row.id_field] for record in found) == sorted(published)
        needed.append(len(sandbox.queries))
    assert needed[1] <= 1.3 * needed[0]


@of_each_row
def test_the_requests_where_no_page_is_marked_as_the_last(row: Row) -> None:
    """A server that does not say where the pages end costs few requests more than one page after another."""
    needed = []
    for in_flight in (1, 4):
        sandbox = InProcess(pagination=False)
        published = row.publish_to(sandbox, even(4000))
        found = records_of(sandbox, row, page_size=100, requests_in_flight=in_flight)
        assert sorted(record[row.id_field] for record in found) == sorted(published)
        needed.append(len(sandbox.queries))
    assert needed[1] <= needed[0] + 30  # the ends of the parts that were under way


@of_each_row
def test_the_order_of_the_window(row: Row) -> None:
    """The pages of the parts come in the order of time, although they are read in parallel."""
    sandbox = InProcess()
    row.publish_to(sandbox, even(2000))
    times = [TIME_OF[row.publish](record) for record in records_of(sandbox, row, page_size=50)]
    assert times == sorted(times)
    assert len(assert_complete(sandbox, row, HOUR, page_size=50, requests_in_flight=4)) > 20


@of_each_row
@pytest.mark.parametrize("habit", [{}, {"notification_order": "desc"}], ids=["asc", "desc"])
def test_parts_are_read_in_parallel(row: Row, habit: dict[str, Any]) -> None:
    """After the first page, as many requests as allowed are under way at once, and never one more."""
    allowed = 4
    sandbox = InProcess(**habit)
    published = row.publish_to(sandbox, even(2000))
    together = threading.Barrier(allowed)
    under_way, most, requests = 0, 0, 0

    def before(query: Query) -> Query:
        nonlocal under_way, most, requests
        requests += 1
        under_way += 1
        most = max(most, under_way)
        if 1 < requests <= 1 + allowed:
            together.wait(60)
        under_way -= 1
        return query

    sandbox.before = before
    assert len(records_of(sandbox, row, page_size=50, requests_in_flight=allowed)) == len(published)
    assert most <= allowed


@of_each_row
def test_a_window_of_one_page(row: Row) -> None:
    """A window that fits in a page costs one request, as without parts."""
    sandbox = InProcess()
    row.publish_to(sandbox, even(40))
    assert len(records_of(sandbox, row, page_size=50)) == 40
    assert len(sandbox.queries) == 1


@of_each_row
@pytest.mark.parametrize("habit", [{}, {"notification_order": "desc"}], ids=["asc", "desc"])
def test_long_empty_spans(row: Row, habit: dict[str, Any]) -> None:
    """A year in which a day is dense and two others have few records costs hardly more requests than it has pages."""
    day = 86_400
    moments = [at + 40 * day * SECOND for at in even(3000, day)]
    moments += [at + number * day * SECOND for number in (200, 300) for at in even(5, day)]
    sandbox = InProcess(**habit)
    row.publish_to(sandbox, moments)
    assert len(records_of(sandbox, row, YEAR, page_size=100)) == len(moments)
    assert len(sandbox.queries) <= 1.3 * 30 + 20


@of_each_row
@given(st.lists(st.tuples(st.integers(0, 59), st.integers(1, 120)), max_size=12), BOUNDS, st.integers(21, 60))
@settings(max_examples=20, deadline=None)
def test_any_density(row: Row, bursts: list[tuple[int, int]], bounds: Any, page_size: int) -> None:
    """Every record comes, and once, however dense some minutes are, and each is complete in its turn."""
    moments = [minute * 60 * SECOND + at for minute, count in bursts for at in even(count, 1 + 5 * (count % 12))]
    sandbox = InProcess(bounds=bounds)
    published = row.publish_to(sandbox, moments)
    found = records_of(sandbox, row, page_size=page_size)
    assert sorted(record[row.id_field] for record in found) == sorted(published)
    assert_complete(sandbox, row, HOUR, page_size=page_size, requests_in_flight=4)


MOVES = st.lists(st.lists(st.tuples(st.integers(0, 299), st.sampled_from([-1, 3600])), max_size=3), max_size=20)


@pytest.mark.parametrize("row", [IN_PARTS[0]], ids=lambda row: row.name)
@given(st.integers(100, 300), st.integers(5, 30), MOVES)
@settings(max_examples=30, deadline=None)
def test_records_that_move_to_now(row: Row, count: int, page_size: int, moves: list[list[tuple[int, int]]]) -> None:
    """Records that are updated meanwhile hide no others, and come in their newest version, also in parallel."""
    sandbox = InProcess()
    moments = even(count)
    published = row.publish_to(sandbox, moments)
    left = iter(moves)
    moved: dict[str, int] = {}
    lock = threading.Lock()

    def move(query: Query) -> Query:
        with lock:
            for number, seconds in next(left, []):
                at = HOUR.end + timedelta(seconds=seconds)
                if number < count and published[number] not in moved and moments[number] < (HOUR_S + seconds) * SECOND:
                    moved[published[number]] = seconds
                    sandbox.server.store.touch_indicators_v2(id=published[number], at=at)
        return query

    sandbox.before = move
    source = source_of(sandbox, row, page_size=page_size)
    parts = replace(source.endpoint.paginator, now=lambda: HOUR.end)  # type: ignore[type-var]
    source.endpoint = replace(source.endpoint, paginator=parts)
    records = [record for page in source.pages(HOUR) for record in page]
    assert set(published) - moved.keys() <= {record["id"] for record in records}
    last = instant(round((HOUR.end - timedelta(seconds=1)).timestamp() * 1e6))
    newest = {record["id"] for record in records if record["modified_at"] == last}
    assert {each for each, seconds in moved.items() if seconds < 0} <= newest
    versions = [(record["id"], record["modified_at"]) for record in records]
    assert len(set(versions)) == len(versions)


@of_each_row
def test_young_records_are_read_last(row: Row) -> None:
    """What is younger than the latest version can be is read in its turn, when all that is older has come."""
    sandbox = InProcess()
    row.publish_to(sandbox, even(2000))
    source = source_of(sandbox, row, page_size=50)
    parts = replace(source.endpoint.paginator, now=lambda: HOUR.end)  # type: ignore[type-var]
    source.endpoint = replace(source.endpoint, paginator=parts)
    requested: list[datetime] = []
    border = HOUR.end - MAX_LATENESS
    start_name = source.endpoint.window_parameters[0]

    def before(query: Query) -> Query:
        requested.append(datetime.fromisoformat(query[start_name]))
        return query

    sandbox.before = before
    newest = 0
    for page in source.pages(HOUR):
        if not any(start > border for start in requested):
            newest = max(newest, *(TIME_OF[row.publish](record) for record in page))
    assert newest >= (border - timedelta(minutes=5)).timestamp() * SECOND


@of_each_row
def test_records_without_a_readable_time(row: Row) -> None:
    """Records whose time is unreadable come, and once, although neighbouring parts have them both."""
    sandbox = InProcess()
    published = row.publish_to(sandbox, even(1000))
    key, field = row.endpoint.records_key, row.endpoint.paginator.walk.time_field  # type: ignore[attr-defined]
    sandbox.after = lambda body: {**body, key: [_without_time(record, field) for record in body[key]]}
    found = [record[row.id_field] for record in records_of(sandbox, row, page_size=50)]
    assert sorted(found) == sorted(published)


def _without_time(record: dict[str, Any], field: str) -> dict[str, Any]:
    return record if hash(str(record)) % 3 else {**record, field: "soon"}


SPANS = st.lists(st.tuples(st.integers(0, 3000), st.booleans()), max_size=30)


@given(SPANS, st.integers(2, 1000), st.integers(0, 4000), st.integers(0, 2_000_000))
def test_a_plan_covers_its_window(
    densities: list[tuple[int, bool]], page_size: int, moving_s: int, start_us: int
) -> None:
    """Parts follow each other without a gap and meet at whole seconds, whatever densities were seen."""
    window = Window(FROM + timedelta(microseconds=start_us), HOUR.end)
    moving_from = FROM + timedelta(seconds=moving_s)
    plan = Plan(window, page_size=page_size, moving_from=moving_from, remembered=4)
    seen = iter(densities)
    parts = []
    while part := plan.take():
        ahead = []
        for upcoming in plan.upcoming():
            ahead.append(upcoming)
            if len(ahead) == 4:
                break
        assert all(each.end <= moving_from for each in ahead)
        assert all(one.end == other.start for one, other in pairwise([part, *ahead]))
        records, is_rest = next(seen, (page_size, False))
        cut = part.start.replace(microsecond=0) + timedelta(seconds=1)
        if is_rest and cut < part.end:
            plan.observe(records, 1, is_rest=True)
            plan.add(Window(cut, part.end), is_descending=False)
            part = Window(part.start, cut)
        else:
            plan.observe(records, (part.end - part.start).total_seconds(), is_rest=False)
        parts.append(part)
    assert parts[0].start == window.start and parts[-1].end == window.end
    assert all(one.end == other.start and not one.end.microsecond for one, other in pairwise(parts))
