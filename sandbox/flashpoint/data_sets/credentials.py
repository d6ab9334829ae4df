"""The search of Ignite for compromised credentials: ``/sources/v1/noncommunities``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.flashpoint.query import IgniteParameters, check_result_window
from sandbox.flashpoint.scroll import Scrolls, scroll_id_of
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.flashpoint.store import FlashpointStore
from sandbox.http_service.message import Refusal, Request, Response, encode_json
from sandbox.http_service.server import Route

NONCOMMUNITIES = "/sources/v1/noncommunities"

_PARAMETERS = ("query", "limit", "skip", "sort", "scroll")
_BASE = "+basetypes:(credential-sighting)"
_TIMES = re.compile(r" \+header_\.indexed_at:\[(\d{1,11}) TO (\d{1,11})\]", re.ASCII)
_FLAG = re.compile(r" \+is_fresh:(true|false)")
_TERM = r'"(?:[^"\\]|\\.)+"'
_DOMAINS = re.compile(rf" \+((?:affected_)?domain)\.keyword:\(({_TERM}(?: OR {_TERM})*)\)")
_MAX_LIMIT = 1000
_LATEST_US = 1 << 60

Test = Callable[[dict[str, Any]], bool]


class Credentials:
    """Answers for the search, sorted by ``header_.indexed_at``; of Lucene it knows the clauses that clients send."""

    def __init__(self, store: FlashpointStore, settings: FlashpointSettings) -> None:
        self._index = store.credentials
        self._scrolls = Scrolls(settings.scroll_lifetime_s)

    def routes(self) -> list[Route]:
        """Return the routes, without a check of the token."""
        scroll = f"{NONCOMMUNITIES}/scroll"
        return [
            Route("GET", f"{NONCOMMUNITIES}/search", self.search, "credentials: query, limit, skip, sort, scroll"),
            Route("POST", scroll, self.next_page, "the next page of a scroll: scroll in the query"),
            Route("DELETE", scroll, self.close_scroll, "end a scroll"),
        ]

    def search(self, request: Request) -> Response:
        """Return a page ``{"hits": {"hits", "total", "max_score"}, "took", "timed_out"}``; a scroll has its id too."""
        parameters = IgniteParameters(request, _PARAMETERS, detail_is_list=True)
        limit = parameters.whole_number("limit", 25, 1, _MAX_LIMIT)
        skip = parameters.whole_number("skip", 0, 0, 999_999_999)
        order = parameters.choice("sort", "", ("", "header_.indexed_at:asc", "header_.indexed_at:desc"))
        keys = list(self._found(parameters))
        if order.endswith("desc"):
            keys.reverse()
        if "scroll" in parameters:
            parameters.choice("scroll", "", ("2m",))
            page, scroll_id = self._scrolls.start(iter(keys), limit)
            return self._answer(page, {"value": len(keys), "relation": "eq"}, scroll_id)
        check_result_window(skip + limit)
        return self._answer(keys[skip : skip + limit], len(keys))

    def next_page(self, request: Request) -> Response:
        """Return the next page of a scroll."""
        if request.query != {"scroll": ["2m"]}:
            raise Refusal(422, {"detail": [{"loc": ["query", "scroll"], "msg": "field required"}]})
        keys, scroll_id = self._scrolls.next_page(scroll_id_of(request))
        return self._answer(keys, {"value": 10_000, "relation": "gte"}, scroll_id)

    def close_scroll(self, request: Request) -> Response:
        """End a scroll; answer 204."""
        self._scrolls.close(scroll_id_of(request))
        return Response(204)

    def _found(self, parameters: IgniteParameters) -> Iterator[int]:
        query = parameters.text("query")
        if not query.startswith(_BASE):
            raise parameters.refusal("value", "query")
        rest, bounds = query.removeprefix(_BASE), (0, _LATEST_US)
        tests: list[Test] = []
        while rest:
            times, flag, domains = (pattern.match(rest) for pattern in (_TIMES, _FLAG, _DOMAINS))
            if times:
                bounds = int(times[1]) * 1_000_000, int(times[2]) * 1_000_000 + 1
            if flag:
                tests.append(_one_of("is_fresh", {flag[1] == "true"}))
            if domains:
                tests.append(_one_of(domains[1], {json.loads(each) for each in re.findall(_TERM, domains[2])}))
            match = times or flag or domains
            if match is None:
                raise parameters.refusal("value", "query")
            rest = rest[match.end() :]
        for key in self._index.select(None, *bounds).walk("asc"):
            if not tests or all(test(json.loads(self._index.body(key))["_source"]) for test in tests):
                yield key

    def _answer(self, keys: list[int], total: Any, scroll_id: str = "") -> Response:
        tail = b',"_scroll_id":%s' % encode_json(scroll_id) if scroll_id else b""
        hits = b",".join(self._index.body(key) for key in keys)
        body = b'{"took":7,"timed_out":false,"hits":{"total":%s,"max_score":null,"hits":[%s]}%s}' % (
            encode_json(total), hits, tail,
        )  # fmt: skip
        return Response(200, {"Content-Type": "application/json"}, body)


def _one_of(name: str, values: set[Any]) -> Test:
    return lambda source: source.get(name) in values
