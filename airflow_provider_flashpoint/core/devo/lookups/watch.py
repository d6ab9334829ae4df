"""One change of a lookup by a job: its start, while no other job runs, and its end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import tenacity

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

BUSY = 409
_FIRST_POLL_S = 0.5
_LONGEST_POLL_S = 10.0
# The longest time without any sign of the change, neither a job nor a change of the metadata.
_UNSEEN_S = 60.0

_UNREAD = object()
Result = TypeVar("Result")

_log = logging.getLogger(__name__)


@dataclass
class LookupWatch:
    """Watches one lookup during one change.

    ``before`` is the lookup's metadata before the change, None where it did not exist.

    :param read: returns the answer to a GET of a path, or None for status 404.
    :param timeout_s: the longest time of the change, including the wait for other jobs.
    """

    read: Callable[[str], Any]
    name: str
    path: str
    _: KW_ONLY
    timeout_s: float
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    before: Any = _UNREAD

    def __post_init__(self) -> None:
        self._deadline = self.clock() + self.timeout_s
        self._known: list[str] = []

    def start(self, call: Callable[[], Result], *, busy: Collection[int] = (BUSY,)) -> Result:
        """Wait until no job runs on the lookup, then return the result of ``call``.

        :param busy: statuses of a RejectedError after which the call is made again, later.
        :raises TransientError: other jobs kept the lookup busy for the whole time.
        """

        def attempt() -> Result:
            self._known = self._job_ids()
            if self._known and is_under_way(job_status(self._job(self._known[-1]))):
                _log.info("Lookup %s: waiting for the end of another job.", self.name)
                raise RejectedError("Its last job has not ended.", status=BUSY)
            if self.before is _UNREAD:  # an earlier attempt may have changed it, though its answer was lost
                self.before = self.read(self.path)
            return call()

        def is_busy(error: BaseException) -> bool:
            return isinstance(error, RejectedError) and error.status in busy

        try:
            return self._polling(tenacity.retry_if_exception(is_busy))(attempt)
        except tenacity.RetryError as error:
            refusal = error.last_attempt.exception()
            raise TransientError(
                f"Lookup {self.name}: another job keeps it busy for {self.timeout_s:.0f} s. {refusal}"
            ) from refusal

    def wait(self, job: str | None, left: str) -> JobStatus:
        """Return the last status of ``job`` once it has ended; without an id, of the jobs that are new.

        Where Devo lists no new job either, the change shows in the metadata of the lookup.

        :param left: the content of the lookup after a failure, for the message.
        :raises RejectedError: the job failed; the message has Devo's reason.
        :raises TransientError: the time is up, or there is no sign of a job; it may still succeed.
        """
        word = "none"
        unseen_until = self.clock() + _UNSEEN_S

        def ended() -> list[JobStatus]:
            nonlocal word
            statuses = self._statuses(job)
            if not statuses and (change := self._change_of_metadata(is_late=self.clock() >= unseen_until)):
                statuses = [change]
            for status in statuses:
                word = status.word
                if status.state is JobState.FAILED:
                    reason = f": {status.reason}" if status.reason else " and gave no reason"
                    raise RejectedError(f"Lookup {self.name}: Devo's job ended with {word}{reason}. {left}")
            return statuses if all(status.state is JobState.DONE for status in statuses) else []

        try:
            status = self._polling(tenacity.retry_if_not_result(bool))(ended)[-1]
        except tenacity.RetryError as error:
            raise TransientError(
                f"Lookup {self.name}: Devo's job has not ended within {self.timeout_s:.0f} s. Its last status is "
                f"{word}. Until it ends: {left}"
            ) from error
        _log.info("Lookup %s: Devo's job ended with %s.", self.name, word)
        return status

    def _statuses(self, job: str | None) -> list[JobStatus]:
        if job and (answer := self._job(job)) is not None:
            return [job_status(answer)]
        # Without an id, or where the id is not that of a job, or of one that is not listed yet.
        answers = [self._job(each) for each in self._job_ids() if each not in self._known]
        return [job_status(answer) for answer in answers if answer is not None]

    def _change_of_metadata(self, *, is_late: bool) -> JobStatus | None:
        """Return the end of the change as the metadata show it, or None while they show none.

        :raises TransientError: it is late, and there is no sign of a change.
        """
        metadata = self.read(self.path)
        status, before = lookup_status(metadata), lookup_status(self.before)
        if status.state is JobState.FAILED and metadata != self.before:
            return status
        is_settled = metadata is None or status.state is JobState.DONE or status.word == before.word
        if is_settled and _content(metadata) != _content(self.before):
            return JobStatus(JobState.DONE, status.word)
        if is_settled and is_late:
            raise TransientError(
                f"Lookup {self.name}: Devo accepted the call, but for {_UNSEEN_S:.0f} s it has listed no job of it, "
                "and the metadata of the lookup have not changed: the job failed, or is not visible."
            )
        return None

    def _job(self, job: str) -> Any:
        return self.read(f"{self.path}/job/{quote(job, safe='')}")

    def _job_ids(self) -> list[str]:
        return job_ids(self.read(f"{self.path}/job"))

    def _polling(self, retry: tenacity.retry_base) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=retry,
            wait=tenacity.wait_exponential(multiplier=_FIRST_POLL_S, max=_LONGEST_POLL_S),
            stop=lambda state: self.clock() + state.upcoming_sleep > self._deadline,
            sleep=self.sleep,
        )


def _content(metadata: Any) -> Any:
    if not isinstance(metadata, Mapping):
        return metadata
    return {name: value for name, value in metadata.items() if name not in LOOKUP_WORD_NAMES}
