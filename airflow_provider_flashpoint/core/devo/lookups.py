"""Devo's Lookups API: see what lookups there are, and give them their content.

A deployment is asynchronous: the call is accepted at once and a job does the work, so `LookupsClient.deploy`
returns only when that job has ended. Until then, and where it fails, the lookup keeps its old content.
"""

from __future__ import annotations

import enum
import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any
from urllib.parse import quote

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.devo.csv_rows import lookup_columns
from airflow_provider_flashpoint.core.devo.lookup_jobs import JobState, JobStatus, job_id, job_ids, job_status
from airflow_provider_flashpoint.core.http import HttpClient
from airflow_provider_flashpoint.errors import ConfigurationError, RejectedError, TransientError

DEFAULT_JOB_TIMEOUT_S = 900.0
_FIRST_POLL_S = 0.5
_LONGEST_POLL_S = 10.0
_LISTED_AT_ONCE = 1000
_ACCEPTED = (200, 201, 202)
_BUSY = 409
_PERHAPS_THERE = (400, 409)

_log = logging.getLogger(__name__)


class Operation(enum.Enum):
    """What a deployment does to a lookup. APPEND adds rows, and changes those whose key is there."""

    CREATE = "create"
    REPLACE = "replace"
    APPEND = "append"


# The method of the call, and what its configuration says beyond the columns.
_CALLS: dict[Operation, tuple[str, dict[str, Any]]] = {
    Operation.CREATE: ("POST", {}),
    Operation.REPLACE: ("PUT", {}),
    Operation.APPEND: ("PUT", {"append": True}),
}


class LookupsClient:
    """The lookups of one Devo domain.

    :param http: sends with the token of the API, which is not that of the events.
    :param job_timeout_s: the longest time that a deployment may take, waiting for other jobs included.
    :param clock: seconds; given by tests, as is ``sleep``.
    """

    def __init__(
        self,
        http: HttpClient,
        *,
        domain: str,
        job_timeout_s: float = DEFAULT_JOB_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        log: logging.Logger | Any = _log,
    ) -> None:
        self._http = http
        self._base = f"/lookup/{quote(domain, safe='')}"
        self._job_timeout_s = job_timeout_s
        self._clock = clock
        self._sleep = sleep
        self._log = log

    def lookups(self) -> Iterator[Mapping[str, Any]]:
        """Yield what Devo tells about each lookup of the domain.

        :raises: the errors of `HttpClient.read_json`, as all methods here do.
        """
        params: dict[str, Any] = {"max_length": _LISTED_AT_ONCE}
        seen: set[str] = set()
        while True:
            listing, _ = self._http.read_json("GET", self._base, params=params)
            listing = listing if isinstance(listing, Mapping) else {"lookups": listing}
            yield from listing.get("lookups") or ()
            token = listing.get("nextPageToken") or listing.get("pageToken")
            if not token or token in seen:
                return
            seen.add(token)
            params = {**params, "pageToken": token}

    def check(self) -> None:
        """Raise what stands against using the API: network, token, domain or rights."""
        self._http.read_json("GET", self._base, params={"max_length": 1})

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
        self, name: str, *, columns: Sequence[str], key: str, csv_file: IO[bytes], operation: Operation
    ) -> JobStatus:
        """Bring the rows of ``csv_file`` into a lookup, and return the last status of the job that did.

        The file is streamed, and sent again where an answer was lost. That is safe: each operation gives
        the same content when it is done twice with the same rows, since rows are known by their key. For
        the same reason CREATE goes on as REPLACE where the lookup turns out to be there.

        :param columns: the columns of the file, as `csv_rows.write_csv` was given them; all are STRING.
        :param csv_file: open for reading and seekable; it is read from its start and not closed.
        :raises RejectedError: Devo refused the call, or the job failed; the message has Devo's reason.
        :raises TransientError: the time is up; the job may still end well.
        """
        deadline = self._clock() + self._job_timeout_s
        known = set(self._job_ids(name))
        answer = self._submit(name, _deploy_config(columns, key, operation), csv_file, operation, deadline)
        self._log.info("Lookup %s: %s of %d bytes accepted.", name, operation.value, csv_file.tell())
        return self._wait(name, job_id(answer), known, deadline)

    def _submit(
        self, name: str, config: Mapping[str, Any], csv_file: IO[bytes], operation: Operation, deadline: float
    ) -> Any:
        def body() -> tuple[Any, Mapping[str, str]]:
            from requests_toolbelt import MultipartEncoder  # type: ignore[import-untyped]

            csv_file.seek(0)
            parts = {
                "deploy-config": (None, json.dumps(config), "application/json"),
                "csv": (f"{name}.csv", csv_file, "text/csv"),
            }
            encoder = MultipartEncoder(parts)
            return encoder, {"Content-Type": encoder.content_type}

        path = f"{self._path(name)}/deploy-csv"
        for wait_s in _waits_s():
            try:
                response = self._http.send(_CALLS[operation][0], path, data=body, accept=_ACCEPTED)
            except RejectedError as error:
                if operation is Operation.CREATE and error.status in _PERHAPS_THERE and self.exists(name):
                    self._log.info("Lookup %s is there already: its content is replaced.", name)
                    operation = Operation.REPLACE
                elif error.status != _BUSY:
                    raise
                elif not self._pause(wait_s, deadline):
                    raise TransientError(
                        f"Lookup {name}: another job keeps it busy for {self._job_timeout_s:.0f} s. {error}"
                    ) from error
            else:
                break
        try:
            return codec.decode(response.content)
        except ValueError:
            return None

    def _wait(self, name: str, job: str | None, known: set[str], deadline: float) -> JobStatus:
        """Return the last status of ``job``, or of the jobs that were not ``known`` where it has no id."""
        said = "none"
        for wait_s in _waits_s():
            jobs = [job] if job else [each for each in self._job_ids(name) if each not in known]
            answers = [self._read(f"{self._path(name)}/job/{quote(each, safe='')}") for each in jobs]
            if job and answers == [None]:
                # What the answer called an id was not a job's, or the job is not listed yet.
                job = None
            statuses = [job_status(answer) for answer in answers if answer is not None]
            for status in statuses:
                said = status.word
                if status.state is JobState.FAILED:
                    why = f": {status.reason}" if status.reason else " and gave no reason"
                    raise RejectedError(f"Lookup {name}: Devo's job ended with {said}{why}. The old content stays.")
            if statuses and all(status.state is JobState.DONE for status in statuses):
                self._log.info("Lookup %s: Devo's job ended with %s.", name, said)
                return statuses[-1]
            if not self._pause(wait_s, deadline):
                break
        raise TransientError(
            f"Lookup {name}: Devo's job has not ended within {self._job_timeout_s:.0f} s. Its last status is "
            f"{said}; the old content stays until it ends."
        )

    def _job_ids(self, name: str) -> list[str]:
        return job_ids(self._read(f"{self._path(name)}/job"))

    def _read(self, path: str) -> Any:
        """Return the answer to a GET, or None where there is nothing of that name."""
        try:
            answer, _ = self._http.read_json("GET", path)
        except RejectedError as error:
            if error.status == 404:
                return None
            raise
        return answer

    def _pause(self, wait_s: float, deadline: float) -> bool:
        """Wait, and return True; or return False at once where the time would be up by then."""
        if self._clock() + wait_s > deadline:
            return False
        self._sleep(wait_s)
        return True

    def _path(self, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_]+", name):
            raise ConfigurationError(f"The lookup name {name!r} is not allowed: use letters, digits and _ only.")
        return f"{self._base}/{name}"


def _deploy_config(columns: Sequence[str], key: str, operation: Operation) -> dict[str, Any]:
    return {
        "columns": [{"name": name, "type": "STRING"} for name in lookup_columns(columns, key)],
        "hasHeader": True,
        "key": {"type": "column", "column": key},
        **_CALLS[operation][1],
    }


def _waits_s() -> Iterator[float]:
    wait_s = _FIRST_POLL_S
    while True:
        yield wait_s
        wait_s = min(_LONGEST_POLL_S, wait_s * 2)
