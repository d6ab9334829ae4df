"""The legacy API of Flashpoint: indicators, which Ignite serves too as version 1, and alerts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import quote, urlencode
from uuid import UUID

from sandbox.flashpoint.index import Order, Selection
from sandbox.flashpoint.query import Parameters, check_result_window
from sandbox.flashpoint.scroll import Scrolls, scroll_id_of
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.flashpoint.store import FlashpointStore
from sandbox.http_service.message import Refusal, Request, Response, encode_json
from sandbox.http_service.server import Route

TOTAL_HITS = "x-fp-total-hits"

LEGACY_INDICATORS = "/api/v4/indicators"
INDICATORS_V1 = "/technical-intelligence/v1"
_ALERTS = "/api/alerting/v1/alerts"
_INDICATOR_PARAMETERS = (
    "types", "updated_since", "updated_until", "sort_timestamp", "limit", "skip", "scroll", "query",
)  # fmt: skip
_ALERT_PARAMETERS = ("since", "until", "size", "scroll_id")


class AttributeIndicators:
    """Answers for the documents of attributes.

    :param path: where they are served: `LEGACY_INDICATORS` or `INDICATORS_V1`.
    """

    def __init__(self, store: FlashpointStore, settings: FlashpointSettings, path: str) -> None:
        self._store = store
        self._path = path
        self._settings = settings
        self._scrolls = Scrolls(settings.scroll_lifetime_s)

    def routes(self) -> list[Route]:
        """Return the routes, without a check of the token."""
        path = self._path
        return [
            Route("GET", f"{path}/attribute", self.attributes, "indicators: types, updated_since, limit, skip"),
            Route("GET", f"{path}/simple", self.simple, "the same, in short form"),
            Route("GET", f"{path}/attribute/(?P<fpid>[^/]+)", self.attribute, "one indicator"),
            Route("POST", f"{path}/scroll", self.next_page, "the next page of a scroll"),
            Route("DELETE", f"{path}/scroll", self.close_scroll, "end a scroll"),
        ]

    def attributes(self, request: Request) -> Response:
        """Return a page of full documents: a bare list, or with ``scroll`` an object with list and scroll id."""
        return self._search(request, self._store.indicators.body)

    def simple(self, request: Request) -> Response:
        """Return a page of reduced documents, otherwise like `attributes`."""
        return self._search(request, lambda key: _simple(self._store.indicators.body(key)))

    def attribute(self, request: Request) -> Response:
        """Return the newest version of one document."""
        Parameters(request, ())
        key = self._store.indicators.find(request.groups["fpid"])
        if key is None:
            raise Refusal(404, {"detail": "No record found"})
        return Response(200, _JSON, self._store.indicators.body(key))

    def next_page(self, request: Request) -> Response:
        """Return the next page of a scroll, in full documents."""
        keys, scroll_id = self._scrolls.next_page(scroll_id_of(request))
        return self._scrolled([self._store.indicators.body(key) for key in keys], scroll_id)

    def close_scroll(self, request: Request) -> Response:
        """End a scroll; answer 204."""
        self._scrolls.close(scroll_id_of(request))
        return Response(204)

    def _search(self, request: Request, body: Callable[[int], bytes]) -> Response:
        parameters = Parameters(request, _INDICATOR_PARAMETERS)
        types = parameters.text("types").split(",") if "types" in parameters else None
        if types is not None and not all(types):
            raise Refusal(400, {"detail": "Invalid value: types"})
        limit = parameters.whole_number("limit", self._settings.default_limit, 1, self._settings.max_limit)
        skip = parameters.whole_number("skip", 0, 0, 999_999_999)
        order = self._order(parameters)
        selection = self._store.select_indicators(
            types, parameters.moment("updated_since"), parameters.moment("updated_until")
        )
        if text := parameters.text("query").strip('"').lower().encode():
            # The service reads it as Lucene; here it is a text that a document contains.
            keys = [key for key in selection.walk("asc") if text in self._store.indicators.body(key).lower()]
            selection = Selection([(keys, 0, len(keys))])
        headers = {TOTAL_HITS: str(len(selection))} if self._settings.total_hits_header else {}
        if parameters.choice("scroll", "False", ("True", "true", "False", "false")).lower() == "true":
            if "skip" in parameters:
                raise Refusal(400, {"detail": "Invalid parameter with scroll: skip"})
            keys, scroll_id = self._scrolls.start(selection.walk(order), limit)
            return self._scrolled([body(key) for key in keys], scroll_id, headers)
        check_result_window(skip + limit)
        bodies = [body(key) for key in selection.page(order, skip, limit)]
        if self._settings.touched_per_page:
            self._store.touch_indicators(count=self._settings.touched_per_page)
        return Response(200, _JSON | headers, _list(bodies))

    def _order(self, parameters: Parameters) -> Order:
        direction = parameters.choice("sort_timestamp", "", ("", "asc", "desc"))
        if direction and self._settings.indicator_order != "shuffled":
            return cast(Order, direction)
        return self._settings.indicator_order

    def _scrolled(self, bodies: list[bytes], scroll_id: str, headers: dict[str, str] | None = None) -> Response:
        body = b'{"results":%s,"scroll_id":%s}' % (_list(bodies), encode_json(scroll_id))
        return Response(200, _JSON | (headers or {}), body)


class LegacyAlerts:
    """Answers for ``/api/alerting/v1/alerts``."""

    def __init__(self, store: FlashpointStore, settings: FlashpointSettings) -> None:
        self._store = store
        self._settings = settings

    def routes(self) -> list[Route]:
        """Return the routes, without a check of the token."""
        return [Route("GET", _ALERTS, self.alerts, "alerts: since, until, size, scroll_id")]

    def alerts(self, request: Request) -> Response:
        """Return a page ``{"data", "count", "links"}``. ``links.next`` is absent on the last one.

        The links start at ``/v1/alerts``, below ``/api/alerting``. A ``scroll_id`` names the last alert of the
        page before, ``<its id in 32 hex digits>$<its ts>``. It stays valid while this version of the alert exists.
        """
        parameters = Parameters(request, _ALERT_PARAMETERS)
        size = parameters.whole_number("size", self._settings.default_size, 1, self._settings.max_size)
        selection = self._store.select_alerts(parameters.moment("since"), parameters.moment("until"))
        order = self._settings.alert_order
        if "scroll_id" in parameters:
            keys = selection.page_after(order, self._position(parameters.text("scroll_id")), size + 1)
        else:
            keys = selection.page(order, 0, size + 1)
        page = keys[:size]
        links = {"self": {"href": _href(parameters, parameters.text("scroll_id"), size)}}
        if len(keys) > size:
            links["next"] = {"href": _href(parameters, self._scroll_id(page[-1]), size)}
        bodies = [self._store.alerts.body(key) for key in page]
        body = b'{"data":%s,"count":%d,"links":%s}' % (_list(bodies), len(page), encode_json(links))
        return Response(200, _JSON, body)

    def _scroll_id(self, key: int) -> str:
        ts = json.loads(self._store.alerts.body(key)).get("ts")
        return f"{UUID(self._store.alerts.identity(key)).hex}${'' if ts is None else json.dumps(ts)}"

    def _position(self, scroll_id: str) -> int:
        try:
            key = self._store.alerts.find(str(UUID(scroll_id.partition("$")[0])))
        except ValueError:
            key = None
        if key is None or self._scroll_id(key) != scroll_id:
            raise Refusal(400, {"detail": "Invalid value: scroll_id"})
        return key


_JSON = {"Content-Type": "application/json"}


def _list(bodies: list[bytes]) -> bytes:
    return b"[" + b",".join(bodies) + b"]"


def _href(parameters: Parameters, scroll_id: str, size: int) -> str:
    query = {
        "scroll_id": scroll_id, "since": parameters.text("since"), "size": str(size), "until": parameters.text("until"),
    }  # fmt: skip
    return "/v1/alerts?" + urlencode({name: value for name, value in query.items() if value}, quote_via=quote)


def _simple(body: bytes) -> bytes:
    full: dict[str, Any] = json.loads(body)
    kept = ("category", "fpid", "href", "timestamp", "type", "uuid", "value")
    attribute = {name: full[name] for name in kept if name in full}
    event = full.get("Event")
    if isinstance(event, dict):
        kept = ("attack_ids", "RelatedEvent", "fpid", "href", "info", "reports", "timestamp")
        tags = [tag["name"] for tag in event.get("Tag") or []]
        attribute["Event"] = {"Tags": tags} | {name: event.get(name) for name in kept}
    return encode_json({"Attribute": attribute})
