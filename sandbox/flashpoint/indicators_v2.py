"""Version 2 of the indicators: ``/technical-intelligence/v2/indicators``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any, cast
from urllib.parse import urlencode

from sandbox.dataset.indicators_v2 import INDICATOR_TYPES_V2
from sandbox.flashpoint.index import Order, Selection, time_us
from sandbox.flashpoint.query import IgniteParameters, check_result_window
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.flashpoint.store import FlashpointStore
from sandbox.flashpoint.versions import iso_us
from sandbox.http_service.message import Refusal, Request, Response, encode_json
from sandbox.http_service.server import Route

INDICATORS_V2 = "/technical-intelligence/v2/indicators"

_SCORES = ("informational", "suspicious", "malicious")
_TIMES = ("created_at", "last_seen_at", "modified_at")
_EMBEDDED = {
    "apt_description": "apt_description", "external_references": "external_references",
    "malware_description": "malware_description", "mitre_attack_ids": "mitre_attack_ids",
    "related_iocs": "relationships",
}  # fmt: skip
_LISTS = ("tags", "sources", "actors", "malware", "mitre_attack_ids")
_PARAMETERS = (
    "size", "from", "sort", "ioc_types", "ioc_value", "cidr_range", "min_score", "max_score", "has_intel_report",
    "has_extracted_config", "embed", "include_total_count", *_LISTS,
    *(f"{name.removesuffix('_at')}_{side}" for name in _TIMES for side in ("after", "before")),
)  # fmt: skip
_RELATIVE = re.compile(r"-(?P<number>\d{1,4})(?P<unit>[Mdhm])", re.ASCII)
_MAX_SIZE = 1000
_MAX_SIZE_EMBEDDED = 500

Document = dict[str, Any]


class IndicatorsV2:
    """Answers for the indicators of version 2."""

    def __init__(self, store: FlashpointStore, settings: FlashpointSettings) -> None:
        self._store = store
        self._settings = settings

    def routes(self) -> list[Route]:
        """Return the routes, without a check of the token."""
        return [
            Route("GET", INDICATORS_V2, self.indicators, "indicators of version 2: modified_after, ioc_types, from"),
            Route("GET", f"{INDICATORS_V2}/(?P<id>[^/]+)", self.indicator, "one indicator of version 2"),
        ]

    def indicators(self, request: Request) -> Response:
        """Return a page ``{"items", "total", "pagination"}``; ``total`` is null unless ``include_total_count``."""
        parameters = _parameters(request, _PARAMETERS)
        embedded = set(parameters.list("embed", ("all", *_EMBEDDED)) or ())
        most = _MAX_SIZE_EMBEDDED if embedded else _MAX_SIZE
        size = parameters.whole_number("size", 10, 1, most)
        skip = parameters.whole_number("from", 0, 0, 999_999_999)
        check_result_window(skip + size, self._settings.result_window_v2)
        keys, total = self._found(parameters, skip, size + 1)
        bodies = [self._item(key, embedded) for key in keys[:size]]
        pagination = {
            "next": _link(request, skip + size, size) if len(keys) > size else None,
            "prev": _link(request, max(0, skip - size), size) if skip else None,
        }
        counted = total() if parameters.flag("include_total_count") else None
        tail = b',"pagination":%s' % encode_json(pagination) if self._settings.pagination else b""
        body = b'{"items":[%s],"total":%s%s}' % (b",".join(bodies), encode_json(counted), tail)
        if self._settings.touched_per_page:
            self._store.touch_indicators_v2(count=self._settings.touched_per_page)
        return Response(200, {"Content-Type": "application/json"}, body)

    def indicator(self, request: Request) -> Response:
        """Return the newest version of one document, in full."""
        _parameters(request, ())
        key = self._store.indicators_v2.find(request.groups["id"])
        if key is None:
            raise Refusal(404, {"detail": "Not Found"})
        return Response(200, {"Content-Type": "application/json"}, self._store.indicators_v2.body(key))

    def _found(self, parameters: IgniteParameters, skip: int, count: int) -> tuple[list[int], Callable[[], int]]:
        """Return ``count`` keys after the first ``skip``, and the number of all."""
        sorts = [f"{name}:{order}" for name in _TIMES for order in ("asc", "desc")]
        field, _, order = parameters.choice("sort", "last_seen_at:desc", sorts).partition(":")
        types = parameters.list("ioc_types", INDICATOR_TYPES_V2)
        after, before = parameters.moment("modified_after"), parameters.moment("modified_before")
        selection = self._store.select_indicators_v2(types, after, before)
        tests = self._tests(parameters, is_dated=bool(after or before))
        if field == "modified_at" and not tests:
            return selection.page(cast(Order, order), skip, count), lambda: len(selection)
        passed = self._passed(selection, field, tests)
        passed.sort(reverse=order == "desc")
        return [key for _, key in passed[skip : skip + count]], lambda: len(passed)

    def _passed(
        self, selection: Selection, field: str, tests: list[Callable[[Document], bool]]
    ) -> list[tuple[int, int]]:
        found = []
        for key in selection.walk("asc"):
            document = json.loads(self._store.indicators_v2.body(key))
            if all(test(document) for test in tests):
                found.append((time_us(key) if field == "modified_at" else iso_us(document[field]), key))
        return found

    def _tests(self, parameters: IgniteParameters, *, is_dated: bool) -> list[Callable[[Document], bool]]:
        """Return what documents must meet besides type and time of modification."""
        tests = [_list_test(name, values) for name in _LISTS if (values := parameters.list(name))]
        for name in ("created", "last_seen"):
            after, before = parameters.moment(f"{name}_after"), parameters.moment(f"{name}_before")
            if after or before:
                is_dated = True
                tests.append(_within(f"{name}_at", *self._store.bounds_us(after, before)))
        if not is_dated:
            month_ago = datetime.now(UTC) - timedelta(days=30)
            tests.append(_within("last_seen_at", *self._store.bounds_us(month_ago, None)))
        low = parameters.choice("min_score", "", ("", *_SCORES))
        high = parameters.choice("max_score", "", ("", *_SCORES))
        if low or high:
            allowed = _SCORES[_SCORES.index(low or _SCORES[0]) : _SCORES.index(high or _SCORES[-1]) + 1]
            tests.append(lambda document: document["score"]["value"] in allowed)
        if value := parameters.text("ioc_value"):
            exact = value.strip('"') if value.startswith('"') else None
            tests.append(lambda document: document["value"] == exact if exact else value in document["value"])
        if "cidr_range" in parameters:
            tests.append(_address_test(parameters))
        if parameters.flag("has_intel_report"):
            tests.append(lambda document: bool(document.get("external_references")))
        if parameters.flag("has_extracted_config"):
            tests.append(lambda document: document["type"] == "extracted_config")
        return tests

    def _item(self, key: int, embedded: set[str]) -> bytes:
        body = self._store.indicators_v2.body(key)
        if "all" in embedded or b'"malware_description"' not in body:
            return body
        document = json.loads(body)
        for name, field in _EMBEDDED.items():
            if name not in embedded:
                document.pop(field, None)
        return encode_json(document)


def _parameters(request: Request, allowed: tuple[str, ...]) -> IgniteParameters:
    return IgniteParameters(request, allowed, relative=_RELATIVE, detail_is_list=False)


def _link(request: Request, skip: int, size: int) -> str:
    query = {name: values[-1] for name, values in request.query.items()} | {"from": str(skip), "size": str(size)}
    return f"http://{request.headers.get('Host', 'localhost')}{request.path}?{urlencode(query)}"


def _within(field: str, low: int | None, high: int | None) -> Callable[[Document], bool]:
    def test(document: Document) -> bool:
        at = iso_us(document[field])
        return (low is None or at >= low) and (high is None or at < high)

    return test


def _list_test(name: str, values: list[str]) -> Callable[[Document], bool]:
    prefix = {"actors": "actor:", "malware": "malware:"}.get(name, "")

    def test(document: Document) -> bool:
        latest = document.get("latest_sighting") or {}
        if name == "sources":
            return latest.get("source") in values
        if name == "mitre_attack_ids":
            return any(each["id"] in values for each in document.get(name) or ())
        return any(f"{prefix}{value}" in latest.get("tags", ()) for value in values)

    return test


def _address_test(parameters: IgniteParameters) -> Callable[[Document], bool]:
    try:
        network = ip_network(parameters.text("cidr_range"))
    except ValueError as error:
        raise parameters.refusal("value", "cidr_range") from error
    return lambda document: document["type"] in ("ipv4", "ipv6") and ip_address(document["value"]) in network
