"""The reports of Ignite: ``/finished-intelligence/v1/reports``."""

from __future__ import annotations

from typing import cast

from sandbox.flashpoint.index import Order
from sandbox.flashpoint.query import IgniteParameters, check_result_window
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.flashpoint.store import FlashpointStore
from sandbox.http_service.message import Request, Response
from sandbox.http_service.server import Route

REPORTS = "/finished-intelligence/v1/reports"


class Reports:
    """Answers for the reports. A request has a start, and no end."""

    def __init__(self, store: FlashpointStore, settings: FlashpointSettings) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """Return the routes, without a check of the token."""
        return [Route("GET", REPORTS, self.reports, "reports: since, limit, skip, sort")]

    def reports(self, request: Request) -> Response:
        """Return a page ``{"data", "total", "count", "limit", "skip"}``."""
        allowed = ("since", "limit", "skip", "sort", "embed")
        parameters = IgniteParameters(request, allowed, detail_is_list=False)
        limit = parameters.whole_number("limit", 25, 1, 500)
        skip = parameters.whole_number("skip", 0, 0, 999_999_999)
        order = parameters.choice("sort", "updated_at:desc", ("updated_at:asc", "updated_at:desc"))
        check_result_window(skip + limit)
        index = self._store.reports
        selection = index.select(None, *self._store.bounds_us(parameters.moment("since"), None))
        bodies = [index.body(key) for key in selection.page(cast(Order, order.partition(":")[2]), skip, limit)]
        numbers = b'"total":%d,"count":%d,"limit":%d,"skip":%d' % (len(selection), len(bodies), limit, skip)
        body = b'{"data":[%s],%s}' % (b",".join(bodies), numbers)
        return Response(200, {"Content-Type": "application/json"}, body)
