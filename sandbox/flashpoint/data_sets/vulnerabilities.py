"""The vulnerabilities of Ignite: ``/vulnerability-intelligence/v1/vulnerabilities``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sandbox.flashpoint.query import IgniteParameters, check_result_window
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.flashpoint.store import FlashpointStore
from sandbox.http_service.message import Refusal, Request, Response, encode_json
from sandbox.http_service.server import Route

VULNERABILITIES = "/vulnerability-intelligence/v1/vulnerabilities"

_PAGING = ("size", "from", "sort")
_SORTS = ("id", "severity", "title", "cvssv3_score", "published_at")
_LISTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "severity": lambda each: {each["scores"]["severity"]},
    "tags": lambda each: set(each["tags"]),
    "products": lambda each: {product["name"] for product in each["products"]},
    "vendors": lambda each: {vendor["name"] for vendor in each["vendors"]},
    "cwe_ids": lambda each: {str(cwe["cwe_id"]) for cwe in each["cwes"]},
    "ransomware_score": lambda each: {each["scores"]["ransomware_score"]},
}
_FILTERS = ("updated_after", "updated_before", *_LISTS)


class Vulnerabilities:
    """Answers for the vulnerabilities, which cannot be sorted by the time at which they were modified."""

    def __init__(self, store: FlashpointStore, settings: FlashpointSettings) -> None:
        self._store = store
        self._settings = settings

    def routes(self) -> list[Route]:
        """Return the routes, without a check of the token. The path with the other end leads to this one."""
        method = "POST" if self._settings.vulnerability_request == "post" else "GET"
        path, other = VULNERABILITIES, f"{VULNERABILITIES}/"
        if self._settings.vulnerability_request == "get_slash":
            path, other = other, path
        return [
            Route(method, path, self.vulnerabilities, "vulnerabilities: updated_after, updated_before, size, from"),
            Route(method, other, lambda _: Response(307, {"Location": path}), "leads to the path"),
        ]

    def vulnerabilities(self, request: Request) -> Response:
        """Return a page ``{"results", "next", "previous", "total", "size", "from"}``."""
        parameters = self._parameters(request)
        size = parameters.whole_number("size", 25, 1, 1000)
        skip = parameters.whole_number("from", 0, 0, 999_999_999)
        sort = parameters.choice("sort", "id", [f"{name}{order}" for name in _SORTS for order in ("", ":desc")])
        check_result_window(skip + size)
        found = self._found(parameters)
        found.sort(key=lambda each: _sort_value(each, sort.partition(":")[0]), reverse=sort.endswith(":desc"))
        answer = {
            "results": found[skip : skip + size], "size": size, "from": skip,
            "next": f"http://elsewhere.example{request.path}?from={skip + size}" if skip + size < len(found) else None,
            "previous": None,
        }  # fmt: skip
        total = {"total": len(found)} if self._settings.sends_total else {}
        return Response(200, {"Content-Type": "application/json"}, encode_json(answer | total))

    def _parameters(self, request: Request) -> IgniteParameters:
        """Return the parameters: of a POST, those of paging stand in the query and the others in the body."""
        allowed = (*_PAGING, *_FILTERS)
        if request.method == "POST":
            body = request.json()
            if not isinstance(body, dict) or not set(body) <= set(_FILTERS) or not set(request.query) <= set(_PAGING):
                raise Refusal(422, {"detail": [{"loc": ["body"], "msg": "extra fields not permitted"}]})
            request = replace(request, query={**request.query, **{name: [str(body[name])] for name in body}})
        return IgniteParameters(request, allowed, detail_is_list=True)

    def _found(self, parameters: IgniteParameters) -> list[dict[str, Any]]:
        index = self._store.vulnerabilities
        window = self._store.bounds_us(parameters.moment("updated_after"), parameters.moment("updated_before"))
        documents = [json.loads(index.body(key)) for key in index.select(None, *window).walk("asc")]
        wanted = {name: set(values) for name in _LISTS if (values := parameters.list(name))}
        return [each for each in documents if all(values & _LISTS[name](each) for name, values in wanted.items())]


def _sort_value(document: dict[str, Any], name: str) -> Any:
    return json.dumps(document.get(name)) if name != "id" else document["id"]
