"""The notifications of Ignite: ``/alert-management/v1/notifications``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, cast
from urllib.parse import urlencode

from sandbox.flashpoint.index import Order, time_us
from sandbox.flashpoint.query import IgniteParameters
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.flashpoint.store import FlashpointStore
from sandbox.http_service.message import Request, Response, encode_json
from sandbox.http_service.server import Route

NOTIFICATIONS = "/alert-management/v1/notifications"

_PARAMETERS = (
    "size", "cursor", "sort", "created_after", "created_before", "status", "origin", "sources", "tags", "asset_type",
    "asset_ip", "asset_ids", "query_ids",
)  # fmt: skip
_STATUSES = ("archived", "flagged", "sent", "deleted", "none")
_ORIGINS = ("searches", "assets", "analyst-team", "vuln-alerting")
_SOURCES = (
    "communities", "credentials", "iocs", "marketplaces", "media", "reports", "vulnerabilities", "news",
    "data_exposure__github", "data_exposure__gitlab", "data_exposure__bitbucket",
)  # fmt: skip
_RELATIVE = re.compile(r"now(?:-(?P<number>\d{1,4})(?P<unit>[Mdhm]))?", re.ASCII)
_CURSOR = re.compile(r"(\d{1,11})(?:\.(\d{1,6}))?", re.ASCII)
_MAX_SIZE = 5000
_FIRST_CURSOR = "20000000000.0"


class Notifications:
    """Answers for the notifications.

    A cursor is the time of the last one of a page, so those of the same microsecond on the next page are lost, as with
    the service.
    """

    def __init__(self, store: FlashpointStore, settings: FlashpointSettings) -> None:
        self._store = store
        self._settings = settings

    def routes(self) -> list[Route]:
        """Return the routes, without a check of the token."""
        return [Route("GET", NOTIFICATIONS, self.notifications, "notifications: created_after, sort, size, cursor")]

    def notifications(self, request: Request) -> Response:
        """Return a page ``{"items", "pagination": {"next", "prev" or "first", "total"}}``."""
        parameters = IgniteParameters(request, _PARAMETERS, relative=_RELATIVE, detail_is_list=True)
        size = parameters.whole_number("size", 25, 1, _MAX_SIZE)
        order = parameters.choice("sort", "created_at:desc", ("created_at:asc", "created_at:desc"))
        chosen = self._settings.notification_order or cast(Order, order.partition(":")[2])
        tests, index = _tests(parameters), self._store.notifications
        matching = (
            key
            for key in self._behind_cursor(parameters, chosen)
            if not tests or all(test(json.loads(index.body(key))) for test in tests)
        )
        keys = list(islice(matching, size + 1))
        following = _cursor(time_us(keys[size - 1])) if len(keys) > size else None
        pagination: dict[str, Any] = {"next": _link(request, following) if following else None, "total": None}
        pagination |= {"prev": None} if chosen == "asc" else {"first": _link(request, _FIRST_CURSOR)}
        tail = b',"pagination":%s' % encode_json(pagination) if self._settings.pagination else b""
        body = b'{"items":[%s]%s}' % (b",".join(map(index.body, keys[:size])), tail)
        return Response(200, {"Content-Type": "application/json"}, body)

    def _behind_cursor(self, parameters: IgniteParameters, order: Order) -> Iterator[int]:
        low, high = self._store.bounds_us(parameters.moment("created_after"), parameters.moment("created_before"))
        cursor = _cursor_us(parameters)
        if cursor is not None and order == "asc":
            low = max(low or 0, cursor + 1)
        if cursor is not None and order == "desc":
            high = min(high or cursor, cursor)
        keys = self._store.notifications.select(None, low, high).walk(order)
        if cursor is not None and order == "shuffled":
            shuffled = list(keys)
            places = [place for place, key in enumerate(shuffled) if time_us(key) == cursor]
            return iter(shuffled[places[-1] + 1 :] if places else ())
        return keys


def _cursor(moment_us: int) -> str:
    return f"{moment_us // 1_000_000}.{moment_us % 1_000_000:06}"


def _cursor_us(parameters: IgniteParameters) -> int | None:
    if "cursor" not in parameters:
        return None
    match = _CURSOR.fullmatch(parameters.text("cursor"))
    if match is None:
        raise parameters.refusal("value", "cursor")
    return int(match[1]) * 1_000_000 + int((match[2] or "").ljust(6, "0"))


def _tests(parameters: IgniteParameters) -> list[Any]:
    tests: list[Any] = []
    if status := parameters.choice("status", "", ("", *_STATUSES)):
        tests.append(lambda each: each["status"] == (None if status == "none" else status))
    if origin := parameters.choice("origin", "", ("", *_ORIGINS)):
        tests.append(lambda each: each["reason"]["origin"] == origin)
    if sources := parameters.list("sources", _SOURCES):
        tests.append(lambda each: each["source"] in sources)
    if tags := parameters.list("tags"):
        tests.append(lambda each: set(tags) & set(each["tags"] or ()))
    if query_ids := parameters.list("query_ids"):
        tests.append(lambda each: each["reason"]["id"] in query_ids)
    for name, path in (("asset_type", ("details", "type")), ("asset_ip", ("text",)), ("asset_ids", ("id",))):
        if values := parameters.list(name):
            tests.append(lambda each, path=path, values=values: _at(each["reason"], path) in values)
    return tests


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _link(request: Request, cursor: str) -> str:
    query = {name: values[-1] for name, values in request.query.items()} | {"cursor": cursor}
    return f"http://{request.headers.get('Host', 'localhost')}{request.path}?{urlencode(query)}"
