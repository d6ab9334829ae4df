"""The REST Lookups API of a sandbox Devo, under ``/lookup-api``.

Paths, names and rules are those of the vendor's guide (python-sdk, docs/sender/api_lookup_guide.md).
Where the guide is silent the sandbox is strict. It deploys from CSV, not from queries.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from hmac import compare_digest
from typing import Any, BinaryIO
from urllib.parse import unquote

from sandbox.devo.lookups.deploy import DeployConfig, check_header
from sandbox.devo.lookups.form import read_parts
from sandbox.devo.lookups.jobs import Job
from sandbox.devo.lookups.lookup import Lookup
from sandbox.devo.lookups.store import DevoLookups
from sandbox.devo.settings import DevoSettings
from sandbox.errors import InvalidSettingError, RefusedError
from sandbox.http_service.message import Refusal, Request, Response
from sandbox.http_service.server import Route

BASE = "/lookup-api"

_NAME = re.compile(r"[A-Za-z0-9_]+")
_LIST_PARAMETERS = {"max_length", "pageToken", "owner"}
_DEFAULT_LENGTH = 100
_MAX_LENGTH = 1000
_SHOWN_JOBS = 10
_MAX_CONFIG_BYTES = 1024 * 1024


class LookupsApi:
    """Answers the calls of the Lookups API from a store of lookups."""

    def __init__(self, lookups: DevoLookups, settings: DevoSettings) -> None:
        self._lookups = lookups
        self._settings = settings

    def routes(self) -> list[Route]:
        """Return the routes of the API."""
        domain = f"{BASE}/lookup/(?P<domain>[^/]+)"
        lookup = f"{domain}/(?P<name>[^/]+)"
        return [
            Route("GET", domain, self._list, "the lookups of the domain"),
            Route("GET", lookup, self._metadata, "columns, key and status of a lookup"),
            Route("DELETE", lookup, self._drop, "drop a lookup"),
            Route("GET", f"{lookup}/job", self._jobs, "the ids of its last 10 jobs"),
            Route("GET", f"{lookup}/job/(?P<id>[^/]+)", self._job, "the statuses of a job; moves it on"),
            Route("POST", f"{lookup}/deploy-csv", self._deploy, "create a lookup from CSV"),
            Route("PUT", f"{lookup}/deploy-csv", self._deploy, "replace it, or add or delete rows"),
        ]

    def _list(self, request: Request) -> Response:
        self._authorize(request)
        query = {name: values[-1] for name, values in request.query.items()}
        if unknown := set(query) - _LIST_PARAMETERS:
            raise _bad_request(f"The parameter {min(unknown)!r} is unknown.")
        if query.get("owner", "THIS_DOMAIN") not in ("THIS_DOMAIN", "OTHER_DOMAINS"):
            raise _bad_request("The owner is neither THIS_DOMAIN nor OTHER_DOMAINS.")
        length = _number(query, "max_length", _DEFAULT_LENGTH, 1, _MAX_LENGTH)
        start = _number(query, "pageToken", 0, 0, 2**31 - 1)
        names = [] if query.get("owner") == "OTHER_DOMAINS" else self._lookups.names()
        page = [self._lookups[name] for name in names[start : start + length]]
        answer: dict[str, Any] = {"lookups": [self._describe(each) for each in page]}
        if start + length < len(names):
            answer["pageToken"] = start + length
        return Response.json(answer)

    def _metadata(self, request: Request) -> Response:
        lookup = self._lookup(request)
        self._lookups.poll(lookup.name)
        if not lookup.exists and not lookup.running:
            raise _not_found(lookup.name)
        return Response.json(self._describe(lookup))

    def _jobs(self, request: Request) -> Response:
        lookup = self._lookup(request)
        self._lookups.poll(lookup.name)
        return Response.json({"jobs": [job.id for job in lookup.jobs[-_SHOWN_JOBS:]]})

    def _job(self, request: Request) -> Response:
        lookup = self._lookup(request)
        job = next((each for each in lookup.jobs if each.id == request.groups["id"]), None)
        if job is None:
            raise Refusal(404, {"message": f"The lookup {lookup.name} has no such job."})
        if job is lookup.running:
            self._lookups.poll(lookup.name)
        return Response.json(self._settings.job_answers.statuses(job))

    def _drop(self, request: Request) -> Response:
        self._authorize(request, write=True)
        with _refusals():
            job = self._lookups.drop(self._name(request))
        return self._submitted(job)

    def _deploy(self, request: Request) -> Response:
        self._authorize(request, write=True)
        name = self._name(request)
        # A client that only repeats its call until the running job has ended must succeed.
        self._lookups.poll(name)
        with _refusals(), _Upload() as upload:
            self._lookups.check(name, "create" if request.method == "POST" else "replace")
            config = DeployConfig.from_json(upload.receive(request))
            operation = config.operation(request.method)
            check_header(config, upload.file)
            job = self._lookups.deploy(name, operation, config, upload.file)
            upload.handed_over = True
        return self._submitted(job)

    def _submitted(self, job: Job) -> Response:
        return Response.json(self._settings.job_answers.submitted(job))

    def _lookup(self, request: Request) -> Lookup:
        self._authorize(request)
        name = self._name(request)
        lookup = self._lookups.get(name)
        if lookup is None:
            raise _not_found(name)
        return lookup

    def _describe(self, lookup: Lookup) -> dict[str, Any]:
        doing = {"create": "Creating", "drop": "Deleting"}
        status = doing.get(lookup.running.operation, "Updating") if lookup.running else "Available"
        columns = [{"name": n, "type": t} for n, t in zip(lookup.columns, lookup.types, strict=True)]
        return {
            "name": lookup.name,
            "domain": self._settings.domain,
            "status": status,
            "columns": columns,
            "key": {"type": "column", "column": lookup.key},
            "rows": lookup.count,
            "created": lookup.created_ms,
            "updated": lookup.updated_ms,
        }

    def _authorize(self, request: Request, *, write: bool = False) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        reads = self._settings.read_only_token
        is_known = _same(token, self._settings.api_token)
        if scheme != "Bearer" or not (is_known or (reads and _same(token, reads))):
            challenge = {"WWW-Authenticate": "Bearer"}
            raise Refusal(401, {"message": "The token is missing or unknown."}, challenge)
        if write and not is_known:
            raise Refusal(403, {"message": "The token may not change lookups."})
        if unquote(request.groups["domain"]) != self._settings.domain:
            raise Refusal(403, {"message": "The token belongs to another domain."})

    def _name(self, request: Request) -> str:
        name = request.groups["name"]
        if not _NAME.fullmatch(name):
            raise _bad_request("The name of a lookup has letters, digits and underscores only.")
        return name


class _Upload:
    """The CSV of a call, in a temporary file. It is closed here unless a job takes it over."""

    def __init__(self) -> None:
        self.file: BinaryIO = io.BytesIO()
        self.handed_over = False

    def __enter__(self) -> _Upload:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.handed_over:
            self.file.close()

    def receive(self, request: Request) -> Any:
        """Store the CSV and return the deploy-config, unchecked.

        A JSON body holds the fields of the deploy-config, and the CSV as the text ``csv``; the vendor's
        pages name this kind of body without showing it.
        """
        if request.headers.get_content_type() != "application/json":
            return self._receive_form(request)
        value = request.json()
        if not isinstance(value, dict) or not isinstance(value.get("csv"), str):
            raise _bad_request("The body has no csv.")
        self.file.write(value.pop("csv").encode("utf-8", "surrogatepass"))
        return value

    def _receive_form(self, request: Request) -> Any:
        expected = {"deploy-config": "application/json", "csv": "text/csv"}
        config: Any = None
        for part in read_parts(request.body, request.headers):
            if expected.pop(part.name, None) != part.content_type:
                raise _bad_request(f"The part {part.name!r} is unknown, repeated, or not of its media type.")
            if part.name == "csv":
                self.file = part.keep()
                continue
            try:
                config = json.loads(part.body.read(_MAX_CONFIG_BYTES))
            except ValueError as error:
                raise _bad_request("The deploy-config is not JSON.") from error
        if expected:
            raise _bad_request(f"The part {min(expected)!r} is missing.")
        return config


@contextmanager
def _refusals() -> Generator[None]:
    """Translate errors of the store and of the checks into answers."""
    try:
        yield
    except RefusedError as error:
        raise Refusal(error.status or 400, {"message": str(error)}) from error
    except InvalidSettingError as error:
        raise _bad_request(str(error)) from error


def _number(query: dict[str, str], name: str, default: int, low: int, high: int) -> int:
    text = query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,10}", text) or not low <= int(text) <= high:
        raise _bad_request(f"The parameter {name} is not a number from {low} to {high}.")
    return int(text)


def _same(token: str, known: str) -> bool:
    return compare_digest(token.encode(), known.encode())


def _bad_request(message: str) -> Refusal:
    return Refusal(400, {"message": message})


def _not_found(name: str) -> Refusal:
    return Refusal(404, {"message": f"There is no lookup {name}."})
