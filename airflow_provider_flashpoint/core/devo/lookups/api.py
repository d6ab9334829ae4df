"""Devo's Lookups API: list, deploy and drop lookups.

Devo accepts a call at once, and a job does the work. `LookupsClient` returns when the job has ended, and starts none
while another job runs on the lookup. Until the job ends, and where it fails, the lookup keeps its old content.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_flashpoint.core.devo.connection.api import api_client
from airflow_provider_flashpoint.core.devo.lookups.csv_parts import CsvPart, parts_of
from airflow_provider_flashpoint.core.devo.lookups.form import deploy_config, deploy_form
from airflow_provider_flashpoint.core.devo.lookups.jobs import JobStatus, accepted_job
from airflow_provider_flashpoint.core.devo.lookups.ports import BeforeSending, Operation, check_lookup_name
from airflow_provider_flashpoint.core.devo.lookups.watch import BUSY, LookupWatch
from airflow_provider_flashpoint.core.devo.transport import Transport
from airflow_provider_flashpoint.core.http.client import HttpClient, Request
from airflow_provider_flashpoint.core.http.refusals import error_of, refusal
from airflow_provider_flashpoint.core.identity import Id, id_of
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.errors import FlashpointProviderError, PagingLoopError, RejectedError

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.devo.settings import DevoSettings

_LISTED_AT_ONCE = 1000
_ACCEPTED = (200, 201, 202, 204)
_NOT_FOUND = 404
_MAY_EXIST = (400, 409)

_log = logger(__name__)

_AFTER_FIRST_PART = {Operation.CREATE: Operation.APPEND, Operation.REPLACE: Operation.APPEND}


class LookupsClient:
    """The lookups of one Devo domain over the Lookups API; see `Lookups`.

    All methods raise the errors of `HttpClient.read_json`.

    :param http: sends the token of the APIs, which is not that of the events.
    :param job_timeout_s: the longest time of one call and its job, including the wait for other jobs.
    :param max_csv_bytes: the largest CSV of one call, unless a single row is longer. Devo documents no limit.
    :param clock: seconds; given by tests, like ``sleep``.
    """

    def __init__(
        self,
        http: HttpClient,
        *,
        domain: str,
        job_timeout_s: float = 900.0,
        max_csv_bytes: int = 256 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._base = f"/lookup/{quote(domain, safe='')}"
        self._max_csv_bytes = max_csv_bytes
        self._watch = partial(LookupWatch, self._read, timeout_s=job_timeout_s, clock=clock, sleep=sleep)

    def lookups(self) -> Iterator[Mapping[str, Any]]:
        """Yield the metadata of each lookup of the domain.

        :raises PagingLoopError: a page names one before it as the next.
        """
        params: dict[str, Any] = {"max_length": _LISTED_AT_ONCE}
        seen: set[Id] = set()
        while True:
            listing = self._get(self._base, params)
            listing = listing if isinstance(listing, Mapping) else {"lookups": listing}
            lookups = listing.get("lookups") or ()
            yield from lookups
            token = id_of(listing.get("nextPageToken")) or id_of(listing.get("pageToken"))
            if token is None or (token in seen and not lookups):
                return
            if token in seen:
                raise PagingLoopError(
                    "Devo's list of lookups does not end: a page names one before it as the next. "
                    "The lookups so far may be all. Report it as a fault of Devo, or of the provider."
                )
            seen.add(token)
            params = {**params, "pageToken": token}

    def check(self) -> None:
        """Read one lookup of the domain; see `Lookups`."""
        self._get(self._base, {"max_length": 1})

    def metadata(self, name: str) -> Mapping[str, Any] | None:
        """Return the metadata of the lookup ``name``, or None where it does not exist.

        :raises ConfigurationError: the name is invalid.
        """
        answer = self._read(self._path(name))
        return answer if answer is None or isinstance(answer, Mapping) else {"answer": answer}

    def exists(self, name: str) -> bool | None:
        """Return whether the lookup ``name`` exists; None where Devo says nothing about it."""
        found = self.metadata(name)
        return bool(found) or (False if found is None else None)

    def deploy(
        self,
        name: str,
        *,
        columns: Sequence[str],
        key: str,
        csv_file: IO[bytes],
        operation: Operation,
        types: Mapping[str, str] | None = None,
        before_sending: BeforeSending = lambda failure: None,
    ) -> JobStatus:
        """Deploy rows and return the last status of Devo's job; see `Lookups`.

        The file is streamed, and sent again where an answer was lost. CREATE continues as REPLACE where the lookup
        already exists. A file beyond ``max_csv_bytes`` is sent in parts: the first creates or replaces, the others
        append. If one fails, those before it stay in the lookup, and the same call repeated repairs it.

        :raises RejectedError: Devo refused the call, or the job failed; the message has Devo's reason.
        :raises TransientError: the time is up; the job may still succeed.
        """
        config = deploy_config(columns, key, types or {})
        parts = parts_of(csv_file, self._max_csv_bytes)
        for number, part in enumerate(parts, 1):
            left = "The old content stays." if number == 1 else "The earlier parts are deployed: deploy all again."
            which = f"part {number} of {len(parts)}, " if len(parts) > 1 else ""
            watch = self._watch(name, self._path(name))
            try:
                job = self._submit(name, config, part, operation, watch, before_sending)
                _log.info("Lookup %s: %s%s of %d bytes accepted.", name, which, operation.value, part.size)
                status = watch.wait(job, left)
            except FlashpointProviderError:
                if number > 1:
                    _log.warning("Lookup %s: %s%s failed. %s", name, which, operation.value, left)
                raise
            operation = _AFTER_FIRST_PART.get(operation, operation)
        return status

    def drop(self, name: str) -> bool:
        """Remove the lookup ``name`` with all of its rows, and return whether it existed.

        :raises RejectedError: Devo refused, or the job failed; the lookup stays.
        :raises TransientError: the time is up; the job may still succeed.
        """
        watch = self._watch(name, self._path(name))

        def delete() -> tuple[bool, str | None]:
            if self.exists(name) is False:
                return False, None
            return True, accepted_job(self._http.send(Request("DELETE", self._path(name), accept=_ACCEPTED)).content)

        # 404 may mean that an earlier call, whose answer was lost, removed it: the next attempt reads whether it did.
        is_deleting, job = watch.start(delete, busy=(BUSY, _NOT_FOUND))
        if is_deleting:
            _log.info("Lookup %s: drop accepted.", name)
            watch.wait(job, "The lookup stays.", gone=True)
        return watch.before is not None

    def _submit(
        self,
        name: str,
        config: Mapping[str, Any],
        part: CsvPart,
        operation: Operation,
        watch: LookupWatch,
        before_sending: BeforeSending,
    ) -> str | None:
        """Send a part, and return the id of the job that Devo started, if it names one."""

        def send() -> str | None:
            nonlocal operation
            method, path = "POST" if operation is Operation.CREATE else "PUT", f"{self._path(name)}/deploy-csv"
            form = partial(deploy_form, name, config, part, operation)
            try:
                request = Request(method, path, data=form, accept=_ACCEPTED, before=before_sending)
                return accepted_job(self._http.send(request).content)
            except RejectedError as error:
                if operation is not Operation.CREATE or error.status not in _MAY_EXIST or self.exists(name) is False:
                    raise
                _log.info("Lookup %s exists already: its content is replaced.", name)
                operation = Operation.REPLACE
                return send()

        return watch.start(send)

    def _read(self, path: str) -> Any:
        """Return the answer to a GET, or None for status 404."""
        try:
            return self._get(path)
        except RejectedError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Return the answer to a GET, an empty dictionary where Devo says nothing.

        :raises RejectedError, ServerError: it is an error, although its status is not.
        """
        answer = self._http.read_json(Request("GET", path, params=params))
        if reason := refusal(answer):
            raise error_of(answer, reason, otherwise=500)
        return answer or {}

    def _path(self, name: str) -> str:
        return f"{self._base}/{check_lookup_name(name)}"


def _lookups(settings: DevoSettings, max_attempts: int) -> LookupsClient:
    return LookupsClient(
        api_client(settings, "api_base_url", max_attempts=max_attempts),
        domain=settings.domain,
        job_timeout_s=settings.job_timeout_s,
        max_csv_bytes=settings.max_csv_bytes,
    )


TRANSPORT = Transport(
    make=_lookups,
    needs=("domain", "api_base_url"),
    shown_by="token",
    ready=lambda settings: f"ready in the domain {settings.domain}.",
)
