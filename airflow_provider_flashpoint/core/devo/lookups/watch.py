"""Sees one change of a lookup through: when it may begin, and how the job of it ended."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from airflow_provider_flashpoint.core.devo.lookups.jobs import (
    LOOKUP_WORD_NAMES,
    JobState,
    JobStatus,
    is_under_way,
    job_ids,
    job_status,
    lookup_status,
)
from airflow_provider_flashpoint.errors import RejectedError, TransientError

_FIRST_POLL_S = 0.5
_LONGEST_POLL_S = 10.0
# How long the change may show nowhere: neither as a job nor in what Devo tells of the lookup.
_UNSEEN_S = 60.0

_log = logging.getLogger(__name__)


class LookupWatch:
    """Watches one lookup through one change.

    :param read: returns the answer to a GET of a path, or None where there is nothing of that name.
    :param path: the path of the lookup.
    :param timeout_s: the longest time that the change may take, waiting for other jobs included.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[str], Any],
        path: str,
        *,
        timeout_s: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._name = name
        self._read = read
        self._path = path
        self._timeout_s = timeout_s
        self._clock = clock
        self._sleep = sleep
        self._deadline = clock() + timeout_s
        self._known: list[str] = []
        self.metadata: Any = None
        """What Devo told of the lookup before the change, None where there was none."""

    def begin(self) -> None:
        """Return once no job runs on the lookup; what there is then belongs to others.

        :raises TransientError: a job ran for the whole time.
        """
        for wait_s in waits_s():
            self._known = self._job_ids()
            last = self._job(self._known[-1]) if self._known else None
            if not is_under_way(job_status(last)):
                break
            _log.info("Lookup %s: another job is running; waiting for its end.", self._name)
            self.pause_while_busy(wait_s, None)
        self.metadata = self._read(self._path)

    def pause_while_busy(self, wait_s: float, error: Exception | None) -> None:
        """Wait for another job, or raise where the time would be up by then."""
        if not self._pause(wait_s):
            raise TransientError(
                f"Lookup {self._name}: another job keeps it busy for {self._timeout_s:.0f} s."
                + (f" {error}" if error else "")
            ) from error

    def wait(self, job: str | None, left: str) -> JobStatus:
        """Return the last status of ``job``, or of the jobs that are new where it has no id.

        Where Devo lists no job either, what it tells of the lookup decides: it must have changed.

        :param left: what the lookup holds where the change fails, for the message.
        :raises RejectedError: the job failed; the message has Devo's reason.
        :raises TransientError: the time is up, or nothing shows that there is a job; it may still end well.
        """
        said = "none"
        unseen_until = self._clock() + _UNSEEN_S
        for wait_s in waits_s():
            jobs = [job] if job else [each for each in self._job_ids() if each not in self._known]
            answers = [self._job(each) for each in jobs]
            if job and answers == [None]:
                # What the answer called an id was not a job's, or the job is not listed yet.
                job = None
                continue
            statuses = [job_status(answer) for answer in answers if answer is not None]
            if not statuses and (seen := self._seen_in_metadata(self._clock() >= unseen_until)):
                statuses = [seen]
            for status in statuses:
                said = status.word
                if status.state is JobState.FAILED:
                    why = f": {status.reason}" if status.reason else " and gave no reason"
                    raise RejectedError(f"Lookup {self._name}: Devo's job ended with {said}{why}. {left}")
            if statuses and all(status.state is JobState.DONE for status in statuses):
                _log.info("Lookup %s: Devo's job ended with %s.", self._name, said)
                return statuses[-1]
            if not self._pause(wait_s):
                break
        raise TransientError(
            f"Lookup {self._name}: Devo's job has not ended within {self._timeout_s:.0f} s. Its last status is {said}. "
            f"Until it ends: {left}"
        )

    def _seen_in_metadata(self, is_late: bool) -> JobStatus | None:
        """Return how the change ended where only the metadata of the lookup can tell, or None where it goes on.

        :raises TransientError: it is late, and nothing shows that there is a change.
        """
        metadata = self._read(self._path)
        status, before = lookup_status(metadata), lookup_status(self.metadata)
        if status.state is JobState.FAILED and metadata != self.metadata:
            return status
        is_settled = metadata is None or status.state is JobState.DONE or status.word == before.word
        if is_settled and _content(metadata) != _content(self.metadata):
            return JobStatus(JobState.DONE, status.word)
        if is_settled and is_late:
            raise TransientError(
                f"Lookup {self._name}: Devo accepted the call, but for {_UNSEEN_S:.0f} s it has listed no job of it, "
                "and what it tells of the lookup has not changed: the job failed, or cannot be seen."
            )
        return None

    def _job(self, job: str) -> Any:
        return self._read(f"{self._path}/job/{quote(job, safe='')}")

    def _job_ids(self) -> list[str]:
        return job_ids(self._read(f"{self._path}/job"))

    def _pause(self, wait_s: float) -> bool:
        """Wait, and return True; or return False at once where the time would be up by then."""
        if self._clock() + wait_s > self._deadline:
            return False
        self._sleep(wait_s)
        return True


def _content(metadata: Any) -> Any:
    if not isinstance(metadata, Mapping):
        return metadata
    return {name: value for name, value in metadata.items() if name not in LOOKUP_WORD_NAMES}


def waits_s() -> Iterator[float]:
    """Yield the seconds between one look and the next: twice as long each time, up to a limit."""
    wait_s = _FIRST_POLL_S
    while True:
        yield wait_s
        wait_s = min(_LONGEST_POLL_S, wait_s * 2)
