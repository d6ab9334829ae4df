"""The data of a sandbox Devo, and its inspection: JSON under ``/__sandbox__``.

On these paths the HTTP server needs no credentials, applies no faults, and answers only this machine.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from sandbox.devo.lookups.jobs import JobPlan
from sandbox.devo.lookups.lines import LookupLines
from sandbox.devo.lookups.store import DevoLookups
from sandbox.devo.settings import DevoSettings
from sandbox.devo.syslog_faults import SyslogFault, SyslogFaultScript
from sandbox.devo.tables import DevoTables
from sandbox.errors import InvalidSettingError
from sandbox.http_service.connection import CONTROL
from sandbox.http_service.message import Refusal, Request, Response
from sandbox.http_service.server import Route

_DEFAULT_LIMIT = 1000


class DevoStore:
    """The tables, the lookups, and the script of the syslog listeners' faults."""

    def __init__(self, settings: DevoSettings) -> None:
        self.tables = DevoTables(settings.memory_bytes)
        self.lookups = DevoLookups(settings.job_polls, keeps_cells=settings.keeps_cells)
        self.lookup_lines = LookupLines(self.lookups)
        self.tables.on_lookup_line = self.lookup_lines.take
        self.lookups.before_look = self.tables.refresh
        self.syslog_faults = SyslogFaultScript()

    def routes(self) -> list[Route]:
        """Return the routes of the inspection."""
        tables, lookups, faults = f"{CONTROL}/tables", f"{CONTROL}/lookups", f"{CONTROL}/syslog-faults"
        return [
            Route("GET", tables, self._get_tables, "events, bytes, torn lines per tag; ?id=NAME counts ids"),
            Route("DELETE", tables, self._delete_tables, "forget the events"),
            Route("GET", f"{tables}/(?P<tag>[^/]+)", self._get_table, "messages; ?offset=&limit="),
            Route("GET", lookups, self._get_lookups, "all lookups without their rows"),
            Route("DELETE", lookups, self._delete_lookups, "forget the lookups"),
            Route("GET", f"{lookups}/(?P<name>[^/]+)", self._get_lookup, "a lookup; ?offset=&limit= of rows"),
            Route("POST", f"{CONTROL}/lookup-jobs", self._post_jobs, "plan jobs: [{polls, failure}]"),
            Route("POST", f"{CONTROL}/lookup-jobs/finish", self._finish_jobs, "finish the jobs under way"),
            Route("GET", faults, self._get_faults, "the faults of syslog connections"),
            Route("POST", faults, self._post_faults, "add faults, one for each next connection, or null"),
            Route("DELETE", faults, self._delete_faults, "forget the faults and release those that hold"),
            Route("POST", f"{faults}/release", self._release_faults, "release the faults that hold"),
        ]

    def _get_tables(self, request: Request) -> Response:
        return Response.json(self.tables.to_json(request.query.get("id", [None])[-1]))

    def _get_table(self, request: Request) -> Response:
        tag = unquote(request.groups["tag"])
        offset, limit = _slice(request)
        events = self.tables.events(tag, offset, limit)
        return Response.json({
            "tag": tag,
            "events": self.tables.count(tag),
            "offset": offset,
            "messages": [event.text for event in events],
            "connections": [event.connection for event in events],
        })

    def _delete_tables(self, request: Request) -> Response:
        self.tables.clear()
        return Response(204)

    def _get_lookups(self, request: Request) -> Response:
        return Response.json({"lookups": {each.name: each.to_json() for each in self.lookups.all()}})

    def _get_lookup(self, request: Request) -> Response:
        lookup = self.lookups.get(request.groups["name"])
        if lookup is None:
            raise Refusal(404, {"detail": "There never was such a lookup"})
        return Response.json(lookup.to_json(*_slice(request)))

    def _delete_lookups(self, request: Request) -> Response:
        self.lookups.clear()
        return Response(204)

    def _post_jobs(self, request: Request) -> Response:
        try:
            plans = [JobPlan(**each) for each in _listed(request)]
        except TypeError as error:
            raise Refusal(400, {"detail": "A plan is an object with polls, failure or both"}) from error
        self.lookups.plan_jobs(*plans)
        return Response.json({"added": len(plans)}, status=201)

    def _finish_jobs(self, request: Request) -> Response:
        self.lookups.finish_jobs()
        return Response(204)

    def _get_faults(self, request: Request) -> Response:
        return Response.json(self.syslog_faults.to_json())

    def _post_faults(self, request: Request) -> Response:
        try:
            faults = [SyslogFault.from_json(each) for each in _listed(request)]
        except (InvalidSettingError, TypeError) as error:
            raise Refusal(400, {"detail": str(error)}) from error
        self.syslog_faults.add(*faults)
        return Response.json({"added": len(faults)}, status=201)

    def _delete_faults(self, request: Request) -> Response:
        self.syslog_faults.clear()
        return Response(204)

    def _release_faults(self, request: Request) -> Response:
        self.syslog_faults.release()
        return Response(204)


def _listed(request: Request) -> list[Any]:
    value = request.json()
    return value if isinstance(value, list) else [value]


def _slice(request: Request) -> tuple[int, int]:
    """Return offset and limit of the query."""
    texts = [request.query.get(name, [default])[-1] for name, default in (("offset", "0"), ("limit", ""))]
    offset, limit = (text or str(_DEFAULT_LIMIT) for text in texts)
    if not re.fullmatch(r"[0-9]{1,12}", offset) or not re.fullmatch(r"[0-9]{1,12}", limit):
        raise Refusal(400, {"detail": "offset and limit are numbers"})
    return int(offset), int(limit)
