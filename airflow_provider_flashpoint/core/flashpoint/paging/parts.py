"""Windows in parts, whose first pages are read in parallel, for walks in which each page follows from the last one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.core.clock import utc_now
from airflow_provider_flashpoint.core.flashpoint.page import Answer, Page
from airflow_provider_flashpoint.core.flashpoint.paging.order import SKEW_US
from airflow_provider_flashpoint.core.flashpoint.paging.paginators import PageReader, Walk, check_count
from airflow_provider_flashpoint.core.flashpoint.paging.plan import Plan
from airflow_provider_flashpoint.core.flashpoint.paging.read_ahead import ReadAhead
from airflow_provider_flashpoint.core.http.client import Request
from airflow_provider_flashpoint.core.window import Window, epoch_us

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.flashpoint.endpoint import Endpoint

MAX_LATENESS = timedelta(minutes=20)
"""How much earlier than now the time of a new version may be; up to 12 minutes were seen."""

_US_PER_S = 1_000_000
_OVERLAP_US = _US_PER_S + SKEW_US
_LEAST_PROGRESS_S = 2  # a new part reads a second again
_MOST_REQUESTS = 2  # of a part beside its full pages; more show that the server does not say where the end is


class Divided(Exception):
    """The rest of a part is to be read in several parts."""

    def __init__(self, rest: Window) -> None:
        self.rest = rest
        super().__init__()


@dataclass(frozen=True, slots=True)
class Parts:
    """Reads a window in parts by a walk, in the order of time.

    The first request is that of the whole window. Where it has more than a page, the rest is cut into parts that are
    expected to hold a little less than a page, by the density so far, and the first pages of the next parts are read
    ahead. A part with more than a page goes on within itself, or is cut again. Where the server does not say which page
    is the last one, each end costs several requests, and the window is not cut any more. Parts overlap by a second, and
    records that came before are left out. Records that are updated meanwhile move to now, so what is younger than
    `MAX_LATENESS` is read in its turn, after all the rest.

    :param walk: reads a part.
    """

    walk: Walk
    _: KW_ONLY
    now: Callable[[], datetime] = utc_now

    def pages(self, window: Window, reader: PageReader) -> Iterator[Page]:
        """Yield pages with each version of a record once; errors as those of the walk."""

        def first_page(part: Window) -> Answer:
            return reader.read(reader.request(part, {}), records_key=reader.endpoint.records_key)

        plan = Plan(
            window,
            page_size=reader.endpoint.page_size,
            moving_from=self.now() - MAX_LATENESS,
            remembered=reader.requests_in_flight,
        )
        with ReadAhead(first_page, reader.requests_in_flight) as ahead:
            yield from _Reading(self.walk, reader, plan, ahead).pages()


@dataclass(slots=True)
class _Reading:
    """One reading of a window.

    ``known`` holds the records that may come again, with their times. ``read`` is the number of records so far,
    ``counted`` the server's count of records in the window.
    """

    walk: Walk
    reader: PageReader
    plan: Plan
    ahead: ReadAhead[Window]
    known: dict[tuple[str | bytes, int | None], int] = field(default_factory=dict)
    read: int = 0
    counted: int = 0

    def pages(self) -> Iterator[Page]:
        while part := self.plan.take():
            self._begin(part)
            yield from self._part(part)
        check_count(self.plan.window, self.reader, self.read, self.counted)
        self.reader.complete_to = self.plan.window.end.replace(microsecond=0)

    def _part(self, part: Window) -> Iterator[Page]:
        records, left = 0, part

        def still_to_read(rest: Window) -> None:
            nonlocal records, left
            self._begin(rest)
            read_s = _seconds(left) - _seconds(rest)
            self.plan.observe(records, read_s, is_rest=True)
            if self.reader.requests_in_flight > 1 and read_s >= _LEAST_PROGRESS_S and self.plan.is_divided(rest):
                raise Divided(rest)
            records, left = 0, rest

        reader = _PartReader(self.reader, lambda: self._first(part))
        try:
            for page in self.walk.pages(part, reader, still_to_read=still_to_read):
                fresh = self._fresh(page, part)
                records += len(fresh)
                self.read += len(fresh)
                if fresh:
                    yield fresh
        except Divided as divided:
            self.plan.add(divided.rest, is_descending=divided.rest.end < part.end)
        else:
            self.plan.observe(records, _seconds(left), is_rest=False)
            if reader.requests > _MOST_REQUESTS + records // self.reader.endpoint.page_size:
                self.plan.is_divisible = False

    def _first(self, part: Window) -> Answer:
        answer = self.ahead.read(part, self.plan.upcoming())
        if part == self.plan.window:
            self.counted = answer.total or 0
        return answer

    def _begin(self, current: Window) -> None:
        """Take note that ``current`` and the plan are still to be read, and forget the records before and after."""
        left = self.plan.around(current)
        self.reader.complete_to = left.start.replace(microsecond=0)
        earliest, latest = _us(left.start) - _OVERLAP_US, _us(left.end) + _OVERLAP_US
        self.known = {key: at for key, at in self.known.items() if earliest <= at <= latest}

    def _fresh(self, page: Page, part: Window) -> Page:
        fresh = []
        for record in page:
            moment = epoch_us(record.get(self.walk.time_field))
            key = (self.reader.endpoint.identity(record), moment)
            if key not in self.known:
                fresh.append(record)
            self.known[key] = _us(part.end) if moment is None else moment
        return fresh


@dataclass(slots=True)
class _PartReader(PageReader):
    """Reads the pages of one part. The first one was requested before."""

    reader: PageReader
    first: Callable[[], Answer] | None
    complete_to: datetime | None = None
    requests: int = 0

    @property
    def endpoint(self) -> Endpoint:  # type: ignore[override]
        return self.reader.endpoint

    @property
    def requests_in_flight(self) -> int:  # type: ignore[override]
        return self.reader.requests_in_flight

    def request(self, window: Window, parameters: Mapping[str, Any]) -> Request:
        return self.reader.request(window, parameters)

    def read(self, request: Request, *, records_key: str | None) -> Answer:
        first, self.first = self.first, None
        self.requests += 1
        return first() if first else self.reader.read(request, records_key=records_key)

    def send(self, request: Request) -> None:
        self.reader.send(request)


def _seconds(window: Window) -> float:
    return (window.end - window.start).total_seconds()


def _us(instant: datetime) -> int:
    return round(instant.timestamp() * _US_PER_S)
