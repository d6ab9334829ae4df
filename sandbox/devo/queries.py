"""The part of Devo's query API that counts the ids in a table, under ``/search/query``.

It accepts one query: the number of events of each id, with or without the pragmas of devo-sdk. It refuses everything
else. A query sees the events that Devo has indexed. A test can make the index late or incomplete with `DevoIndex`.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from hmac import compare_digest
from typing import Any

from sandbox.devo.settings import DevoSettings
from sandbox.devo.tables import DevoTables
from sandbox.http_service.connection import CONTROL
from sandbox.http_service.message import Refusal, Request, Response, encode_json
from sandbox.http_service.server import Route

PATH = "/search/query"

_KEYS = {
    "query", "from", "to", "mode", "limit", "offset", "timeZone", "keepAlive", "ipAsString", "destination",
}  # fmt: skip
_MODES = ("json/simple", "json/simple/compact")
_ENDS = ("now", "now()")
_QUERY = re.compile(
    r"from (?:(?P<plain>[A-Za-z0-9_.]+)|`(?P<quoted>[A-Za-z0-9_.-]+)`) "
    r'select str\(jsonparse\((?P<column>\w+)\)\["(?P<field>\w+)"\]\) as id '
    r"where isnotnull\(id\) group by id select count\(\) as events"
    r'( pragma comment\.\w+:"[^"]*")*'
)


class DevoIndex:
    """The indexed part of the tables, which queries see."""

    def __init__(self, tables: DevoTables) -> None:
        self._tables = tables
        self._lock = threading.Lock()
        self._lost: Counter[str] = Counter()
        self._blind = 0

    def lose(self, *ids: str) -> None:
        """Hide one event of each of these ids for ever, as if it was lost after it was received."""
        with self._lock:
            self._lost.update(ids)

    def lag(self, queries: int) -> None:
        """Show nothing to this number of next queries, as if nothing was indexed yet."""
        with self._lock:
            self._blind = queries

    def clear(self) -> None:
        """Forget the lost events and the lag."""
        with self._lock:
            self._lost.clear()
            self._blind = 0

    def counts(self, tag: str, field: str) -> dict[str, int]:
        """Return the number of visible events by id."""
        with self._lock:
            if self._blind:
                self._blind -= 1
                return {}
            shown = self._tables.ids(tag, field).counts - self._lost
            return dict(shown)


class QueryApi:
    """Answers the queries."""

    def __init__(self, index: DevoIndex, settings: DevoSettings) -> None:
        self._index = index
        self._settings = settings

    def routes(self) -> list[Route]:
        """Return the route of the API, and the routes with which another process scripts the index."""
        place = f"{CONTROL}/index"
        return [
            Route("POST", PATH, self._query, "the events of each id in a table"),
            Route("POST", place, self._post_index, "script what queries see: {lose: [ids], lag: queries}"),
            Route("DELETE", place, self._delete_index, "forget the script"),
        ]

    def _post_index(self, request: Request) -> Response:
        body = request.json()
        lose, lag = (body.get("lose", []), body.get("lag", 0)) if isinstance(body, dict) else (None, None)
        if not isinstance(lose, list) or type(lag) is not int or set(body) - {"lose", "lag"}:
            raise Refusal(400, {"detail": "The script is an object with lose, a list of ids, lag, a number, or both"})
        self._index.lose(*map(str, lose))
        self._index.lag(lag)
        return Response(204)

    def _delete_index(self, request: Request) -> Response:
        self._index.clear()
        return Response(204)

    def _query(self, request: Request) -> Response:
        self._authorize(request)
        body = request.json()
        if not isinstance(body, dict) or (unknown := set(body) - _KEYS):
            raise _bad_request(f"unknown keys: {sorted(unknown)}" if isinstance(body, dict) else "no object")
        start, end = body.get("from"), body.get("to")
        if type(start) is not int or not (end in _ENDS or type(end) is int):
            raise _bad_request("from is seconds since 1970 and to is that or now; without an end there is no answer")
        if type(end) is int and start >= end:
            raise _bad_request("from is not before to")
        mode = body.get("mode")
        if not isinstance(mode, dict) or set(mode) != {"type"} or mode["type"] not in _MODES:
            raise _bad_request(f"mode is an object with a type, one of {_MODES}")
        query = body.get("query")
        match = _QUERY.fullmatch(" ".join(query.split())) if isinstance(query, str) else None
        if match is None or match["column"] != self._settings.message_column:
            raise _query_fault("QUERY_PARSING_ERROR: the query is not understood")
        counts = self._index.counts(match["plain"] or match["quoted"], match["field"])
        return _answer(counts, is_compact=mode["type"] == "json/simple/compact")

    def _authorize(self, request: Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        tokens = (self._settings.api_token, self._settings.read_only_token)
        if scheme != "Bearer" or not any(each and compare_digest(token.encode(), each.encode()) for each in tokens):
            raise Refusal(401, {"error": "The token is missing or unknown."}, {"WWW-Authenticate": "Bearer"})


def _answer(counts: dict[str, int], *, is_compact: bool) -> Response:
    """Return one JSON object per line, ended by CRLF. In the compact form the first one names the columns."""
    rows: list[Any] = [{"id": each, "events": events} for each, events in counts.items()]
    if is_compact:
        columns = {"id": {"type": "str", "index": 0}, "events": {"type": "int8", "index": 1}}
        rows = [{"m": columns}, *({"d": list(row.values())} for row in rows)]
    return Response(200, {"Content-Type": "application/json"}, b"".join(encode_json(row) + b"\r\n" for row in rows))


def _bad_request(reason: str) -> Refusal:
    return Refusal(400, {"msg": "Invalid request", "object": [f"400 : {reason}"]})


def _query_fault(reason: str) -> Refusal:
    """Return the answer of a real Devo to a wrong query: status 500, with the reason second in ``object``."""
    return Refusal(500, {"msg": "Error Launching Query", "object": ["Error Launching Query", reason]})
