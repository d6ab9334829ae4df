"""The contract of every row, for any times, page size, split, tie, order, and for updates in the middle of a walk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoints import Endpoint, endpoint_of
from airflow_provider_flashpoint.core.window import Window
from sandbox.dataset.indicators_v2 import instant
from sandbox.flashpoint.store import Bounds
from tests.core.flashpoint.reading import FROM, read
from tests.core.flashpoint.sandbox_in_process import InProcess, Query

Document = dict[str, Any]
SPAN_S = 12
WINDOW = Window(FROM, FROM + timedelta(seconds=SPAN_S))
_START_US = round(FROM.timestamp()) * 1_000_000


@dataclass(frozen=True)
class Row:
    """A row of the table, and how to make the smallest document of it from a number and microseconds since 1970.

    :param is_exact: no record comes twice; the other rows may read a window again in parts.
    :param habits: settings of the server that may not matter.
    """

    api: Api
    data_set: DataSet
    publish: str
    document: Callable[[int, int], Document]
    id_field: str
    is_exact: bool
    habits: tuple[dict[str, Any], ...] = ({},)

    @property
    def name(self) -> str:
        return f"{self.api}-{self.data_set}"

    @property
    def endpoint(self) -> Endpoint:
        return endpoint_of(self.api, self.data_set)

    def publish_to(self, sandbox: InProcess, moments: list[int]) -> list[str]:
        documents = [self.document(number, _START_US + moment) for number, moment in enumerate(moments)]
        getattr(sandbox.server.store, self.publish)(documents)
        return [document[self.id_field] for document in documents]

    def ids(self, sandbox: InProcess, window: Window = WINDOW, **settings: Any) -> list[str]:
        return [each[self.id_field] for each in read(sandbox.client(self.api, **settings), window, self.data_set)]


def attribute(number: int, moment: int) -> Document:
    header = {"indexed_at": moment // 1_000_000}
    return {"fpid": f"f{number}", "type": "url", "value": {"url": str(number)}, "header_": header}


def alert(number: int, moment: int) -> Document:
    return {"alert_id": str(UUID(int=number)), "ts": moment / 1e6, "source": {}}


def indicator_v2(number: int, moment: int) -> Document:
    return {"id": f"i{number}", "type": "url", "value": str(number), "modified_at": instant(moment)}


def notification(number: int, moment: int) -> Document:
    return {"id": f"n{number}", "created_at": instant(moment)}


def credential(number: int, moment: int) -> Document:
    return {"_id": f"c{number}", "_source": {"header_": {"indexed_at": moment // 1_000_000}}}


def vulnerability(number: int, moment: int) -> Document:
    return {"id": number + 1, "timelines": {"last_modified_at": instant(moment)}}


def report(number: int, moment: int) -> Document:
    return {"id": f"r{number}", "updated_at": instant(moment)}


OF_IGNITE = ({}, {"pagination": False})
ROWS = [
    Row(Api.LEGACY, DataSet.INDICATORS, "publish_indicators", attribute, "fpid", is_exact=False),
    Row(Api.IGNITE_V1, DataSet.INDICATORS, "publish_indicators", attribute, "fpid", is_exact=False),
    Row(Api.IGNITE_V2, DataSet.INDICATORS, "publish_indicators_v2", indicator_v2, "id", True, OF_IGNITE),
    Row(Api.LEGACY, DataSet.ALERTS, "publish_alerts", alert, "alert_id", is_exact=True),
    Row(
        Api.IGNITE_V2,
        DataSet.ALERTS,
        "publish_notifications",
        notification,
        "id",
        True,
        (*OF_IGNITE, {"notification_order": "desc"}, {"notification_order": "desc", "pagination": False}),
    ),
    Row(Api.IGNITE_V2, DataSet.CREDENTIALS, "publish_credentials", credential, "_id", is_exact=False),
    Row(
        Api.IGNITE_V2,
        DataSet.VULNERABILITIES,
        "publish_vulnerabilities",
        vulnerability,
        "id",
        is_exact=False,
        habits=({}, {"sends_total": False}),
    ),
    Row(Api.IGNITE_V2, DataSet.REPORTS, "publish_reports", report, "id", is_exact=True),
]
of_each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
of_each_habit = pytest.mark.parametrize(
    ("row", "habit"),
    [(row, habit) for row in ROWS for habit in row.habits],
    ids=lambda each: getattr(each, "name", None),
)

# Whole seconds, neighbours within a microsecond, within a millisecond, and both sides of a second.
_FRACTIONS = st.sampled_from([0, 0, 1, 2, 999, 1_000, 500_000, 999_999])
MOMENT = st.builds(lambda second, fraction: second * 1_000_000 + fraction, st.integers(0, SPAN_S - 1), _FRACTIONS)
MOMENTS = st.lists(MOMENT, max_size=30)
MANY_MOMENTS = st.lists(MOMENT, min_size=60, max_size=120)
TIES = st.builds(lambda moment, count: [moment] * count, MOMENT, st.integers(0, 30))
PAGE_SIZES = st.one_of(st.integers(2, 9), st.integers(21, 40))
IN_FLIGHT = st.sampled_from([1, 4])
BOUNDS = st.sampled_from(get_args(Bounds))


@of_each_habit
@given(st.one_of(MOMENTS, MANY_MOMENTS), TIES, PAGE_SIZES, BOUNDS, IN_FLIGHT)
@settings(max_examples=30, deadline=None)
def test_every_record(
    row: Row, habit: dict[str, Any], moments: list[int], ties: list[int], page_size: int, bounds: Bounds, in_flight: int
) -> None:
    """Every record comes, and once, for any times and page size, with more equal ones than a page holds."""
    sandbox = InProcess(bounds=bounds, **habit)
    published = row.publish_to(sandbox, moments + ties)
    found = row.ids(sandbox, page_size=page_size, requests_in_flight=in_flight)
    assert sorted(found if row.is_exact else set(found)) == sorted(published)


@of_each_row
@given(MOMENTS, PAGE_SIZES, BOUNDS, st.integers(1, SPAN_S * 10 - 1))
@settings(max_examples=20, deadline=None)
def test_a_split_anywhere(row: Row, moments: list[int], page_size: int, bounds: Bounds, tenths: int) -> None:
    """Two windows that meet anywhere have all records together."""
    sandbox = InProcess(bounds=bounds)
    published = row.publish_to(sandbox, moments)
    border = FROM + timedelta(seconds=tenths / 10)
    halves = (Window(WINDOW.start, border), Window(border, WINDOW.end))
    assert {each for half in halves for each in row.ids(sandbox, half, page_size=page_size)} == set(published)


@of_each_row
@given(MOMENTS, PAGE_SIZES, st.integers(2, 5), st.sampled_from(get_args(Bounds)))
@settings(max_examples=20, deadline=None)
def test_pages_smaller_than_requested(row: Row, moments: list[int], page_size: int, cap: int, bounds: Bounds) -> None:
    """A server that sends fewer records in a page than requested still gives all, if not more are equal than that."""
    sandbox = InProcess(bounds=bounds)
    size = sandbox.client(row.api).endpoint(row.data_set).size_parameter
    sandbox.before = lambda query: {**query, size: str(min(cap, int(query[size])))}
    apart = [moment // 1_000_000 * 1_000_000 + 10_000 * number for number, moment in enumerate(moments)]
    published = row.publish_to(sandbox, apart)
    found = row.ids(sandbox, page_size=page_size)
    assert sorted(found if row.is_exact else set(found)) == sorted(published)


MOVES = st.lists(st.lists(st.tuples(st.integers(0, 49), st.sampled_from([-1, 3600])), max_size=3), max_size=8)


@pytest.mark.parametrize("row", [row for row in ROWS if row.data_set is not DataSet.ALERTS], ids=lambda row: row.name)
@given(MOMENTS, TIES, PAGE_SIZES, MOVES)
@example([0, 1_000_000, 2_000_000, 3_000_000], [], 2, [[], [(0, -1)]])
@example([], [0, 0], 2, [[], [], [(0, -1)]])
@settings(max_examples=40, deadline=None)
def test_updates_in_the_middle_of_a_walk(
    row: Row, moments: list[int], ties: list[int], page_size: int, moves: list[list[tuple[int, int]]]
) -> None:
    """Records that are updated while the window is read hide no others, and come in their newest version."""
    sandbox = InProcess()
    published = row.publish_to(sandbox, moments + ties)
    left = iter(moves)
    moved: dict[str, Document | None] = {}

    def move(query: Query) -> Query:
        for number, seconds in next(left, []):
            if number < len(published) and published[number] not in moved:
                at = WINDOW.end + timedelta(seconds=seconds)
                if (moments + ties)[number] >= (SPAN_S + seconds) * 1_000_000:
                    continue  # no update moves a record back in time
                newer = row.document(number, round(at.timestamp()) * 1_000_000)
                moved[published[number]] = newer if seconds < 0 else None
                getattr(sandbox.server.store, row.publish)([newer])
        return query

    sandbox.before = move
    records = read(sandbox.client(row.api, page_size=page_size), WINDOW, row.data_set)
    assert set(published) - moved.keys() <= {record[row.id_field] for record in records}
    if row.is_exact:
        assert all(newer in records for newer in moved.values() if newer)
        assert len(set(map(str, records))) == len(records)
