"""Devo's Lookups API: see what lookups there are, give them their content, and drop them.

A call is accepted at once and a job does the work, so `LookupsClient` returns only when that job has ended, and
begins none while another runs on the lookup. Until the job ends, and where it fails, the lookup keeps its old content.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any
from urllib.parse import quote

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.devo.lookups.csv_parts import CsvPart, parts_of
from airflow_provider_flashpoint.core.devo.lookups.csv_rows import lookup_columns
from airflow_provider_flashpoint.core.devo.lookups.jobs import JobStatus, job_id
from airflow_provider_flashpoint.core.devo.lookups.ports import (
    COLUMN_TYPES,
    Operation,
    check_lookup_name,
    check_types,
)
from airflow_provider_flashpoint.core.devo.lookups.watch import LookupWatch, waits_s
from airflow_provider_flashpoint.core.http.client import HttpClient, Request
from airflow_provider_flashpoint.errors import FlashpointProviderError, RejectedError

DEFAULT_JOB_TIMEOUT_S = 900.0
# Devo documents no limit; what is larger goes in several deployments, which each show as they end.
DEFAULT_MAX_CSV_BYTES = 256 * 1024 * 1024
_LISTED_AT_ONCE = 1000
_ACCEPTED = (200, 201, 202, 204)
_BUSY = 409
_GONE = 404
_PERHAPS_THERE = (400, 409)

_log = logging.getLogger(__name__)

# The method of the call, and what its configuration says beyond the columns.
_CALLS: dict[Operation, tuple[str, dict[str, Any]]] = {
    Operation.CREATE: ("POST", {}),
    Operation.REPLACE: ("PUT", {}),
    Operation.APPEND: ("PUT", {"append": True}),
    Operation.DELETE: ("PUT", {"append": True, "contribution": {"type": "del"}}),
}
_NEXT = {Operation.CREATE: Operation.APPEND, Operation.REPLACE: Operation.APPEND}


class LookupsClient:
    """The lookups of one Devo domain.

    :param http: sends with the token of the API, which is not that of the events.
    :param job_timeout_s: the longest time that one call and its job may take, waiting for other jobs included.
    :param max_csv_bytes: the most that is sent in one call, unless a single row is longer.
    :param clock: seconds; given by tests, as is ``sleep``.
    """

    def __init__(
        self,
        http: HttpClient,
        *,
        domain: str,
        job_timeout_s: float = DEFAULT_JOB_TIMEOUT_S,
        max_csv_bytes: int = DEFAULT_MAX_CSV_BYTES,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._base = f"/lookup/{quote(domain, safe='')}"
        self._job_timeout_s = job_timeout_s
        self._max_csv_bytes = max_csv_bytes
        self._clock = clock
        self._sleep = sleep

    def lookups(self) -> Iterator[Mapping[str, Any]]:
        """Yield what Devo tells about each lookup of the domain.

        :raises: the errors of `HttpClient.read_json`, as all methods here do.
        """
        params: dict[str, Any] = {"max_length": _LISTED_AT_ONCE}
        seen: set[str] = set()
        while True:
            listing = self._http.read_json(Request("GET", self._base, params=params))
            listing = listing if isinstance(listing, Mapping) else {"lookups": listing}
            yield from listing.get("lookups") or ()
            token = listing.get("nextPageToken") or listing.get("pageToken")
            if not token or token in seen:
                return
            seen.add(token)
            params = {**params, "pageToken": token}

    def check(self) -> None:
        """Raise what stands against using the API: network, token, domain or rights."""
        self._http.read_json(Request("GET", self._base, params={"max_length": 1}))

    def metadata(self, name: str) -> Mapping[str, Any] | None:
        """Return what Devo tells about the lookup ``name``, or None where there is none.

        :raises ConfigurationError: the name is none that a lookup can have.
        """
        answer = self._read(self._path(name))
        return answer if answer is None or isinstance(answer, Mapping) else {"answer": answer}

    def exists(self, name: str) -> bool:
        """Return whether there is a lookup ``name``."""
        return self.metadata(name) is not None

    def deploy(
        self,
        name: str,
        *,
        columns: Sequence[str],
        key: str,
        csv_file: IO[bytes],
        operation: Operation,
        types: Mapping[str, str] | None = None,
    ) -> JobStatus:
        """Bring the rows of ``csv_file`` into a lookup, and return the last status of the job that did.

        The file is streamed, and sent again where an answer was lost. That is safe: each operation gives
        the same content when it is done twice with the same rows, since rows are known by their key. For
        the same reason CREATE goes on as REPLACE where the lookup turns out to be there.

        A file beyond ``max_csv_bytes`` goes in parts: the first creates or replaces, the others append. Where one
        fails, those before it are in the lookup, and the same call, done again, mends that.

        :param columns: the columns of the file, as `csv_rows.write_csv` was given them.
        :param csv_file: open for reading and seekable; it is read from its start and not closed.
        :param types: the type of a column, one of `COLUMN_TYPES`; ``str`` where none is named.
        :raises RejectedError: Devo refused the call, or the job failed; the message has Devo's reason.
        :raises TransientError: the time is up; the job may still end well.
        """
        parts = parts_of(csv_file, self._max_csv_bytes)
        types = types or {}
        statuses = []
        for number, part in enumerate(parts, 1):
            left = "The old content stays." if number == 1 else "What was sent before it is there: deploy all again."
            which = f"part {number} of {len(parts)}, " if len(parts) > 1 else ""
            watch = self._watch(name)
            try:
                watch.begin()
                answer = self._submit(name, _deploy_config(columns, key, operation, types), part, operation, watch)
                _log.info("Lookup %s: %s%s of %d bytes accepted.", name, which, operation.value, part.size)
                statuses.append(watch.wait(job_id(answer), left))
            except FlashpointProviderError:
                if number > 1:
                    _log.warning("Lookup %s: %s%s failed. %s", name, which, operation.value, left)
                raise
            operation = _NEXT.get(operation, operation)
        return statuses[-1]

    def drop(self, name: str) -> bool:
        """Remove the lookup ``name`` with all of its rows, and return whether there was one.

        :raises RejectedError: Devo refused, or the job failed; the lookup stays.
        :raises TransientError: the time is up; the job may still end well.
        """
        watch = self._watch(name)
        watch.begin()
        if watch.metadata is None:
            return False
        for wait_s in waits_s():
            try:
                response = self._http.send(Request("DELETE", self._path(name), accept=_ACCEPTED))
            except RejectedError as error:
                if error.status not in (_GONE, _BUSY):
                    raise
                watch.pause_while_busy(wait_s, error)
                watch.begin()
                if watch.metadata is None:
                    return True
            else:
                break
        _log.info("Lookup %s: drop accepted.", name)
        watch.wait(job_id(_decoded(response.content)), "The lookup stays.")
        return True

    def _submit(
        self, name: str, config: Mapping[str, Any], part: CsvPart, operation: Operation, watch: LookupWatch
    ) -> Any:
        def body() -> tuple[Any, Mapping[str, str]]:
            from requests_toolbelt import MultipartEncoder  # type: ignore[import-untyped]

            parts = {
                "deploy-config": (None, json.dumps(config), "application/json"),
                "csv": (f"{name}.csv", part.open(), "text/csv"),
            }
            encoder = MultipartEncoder(parts)
            return encoder, {"Content-Type": encoder.content_type}

        path = f"{self._path(name)}/deploy-csv"
        for wait_s in waits_s():
            try:
                response = self._http.send(Request(_CALLS[operation][0], path, data=body, accept=_ACCEPTED))
            except RejectedError as error:
                if operation is Operation.CREATE and error.status in _PERHAPS_THERE and self.exists(name):
                    _log.info("Lookup %s is there already: its content is replaced.", name)
                    operation = Operation.REPLACE
                elif error.status != _BUSY:
                    raise
                else:
                    watch.pause_while_busy(wait_s, error)
            else:
                break
        return _decoded(response.content)

    def _watch(self, name: str) -> LookupWatch:
        return LookupWatch(
            name,
            self._read,
            self._path(name),
            timeout_s=self._job_timeout_s,
            clock=self._clock,
            sleep=self._sleep,
        )

    def _read(self, path: str) -> Any:
        """Return the answer to a GET, or None where there is nothing of that name."""
        try:
            return self._http.read_json(Request("GET", path))
        except RejectedError as error:
            if error.status == 404:
                return None
            raise

    def _path(self, name: str) -> str:
        return f"{self._base}/{check_lookup_name(name)}"


def _deploy_config(columns: Sequence[str], key: str, operation: Operation, types: Mapping[str, str]) -> dict[str, Any]:
    check_types(types)
    return {
        "columns": [
            {"name": name, "type": COLUMN_TYPES[types.get(name, "str")]} for name in lookup_columns(columns, key)
        ],
        "hasHeader": True,
        "key": {"type": "column", "column": key},
        **_CALLS[operation][1],
    }


def _decoded(content: bytes) -> Any:
    """Return the value of an answer, or None where it is no JSON: the call was accepted all the same."""
    try:
        return codec.decode(content)
    except ValueError:
        return None
