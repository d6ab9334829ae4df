"""One change of a lookup by a job: its start, while no other job runs, and its end."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import tenacity

from airflow_provider_flashpoint.core.devo.lookups.jobs import (
    LOOKUP_WORD_NAMES,
    JobStatus,
    is_under_way,
    job_ids,
    job_status,
    lookup_status,
)
from airflow_provider_flashpoint.core.devo.lookups.words import JobState, state_of_word
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.errors import RejectedError, TransientError

BUSY = 409
_FIRST_POLL_S = 0.5
_LONGEST_POLL_S = 10.0
# The longest time in which neither a job nor the metadata show the state of the change.
_UNCLEAR_S = 60.0
# Names in the metadata that describe the content of a lookup.
_CONTENT = re.compile(r"row|column|entries|hash|checksum|^(key|size)$", re.IGNORECASE)

_UNREAD = object()
Result = TypeVar("Result")

_log = logger(__name__)


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
        self._unclear_since: float | None = None
        self._was_under_way = False

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

    def wait(self, job: str | None, left: str, *, gone: bool = False) -> JobStatus:
        """Return the last status of ``job`` once it has ended; without an id, of the jobs that are new.

        Where Devo lists no new job, or its status is unknown, the metadata of the lookup may prove the end.

        :param left: the content of the lookup after a failure, for the message.
        :param gone: the change removes the lookup.
        :raises RejectedError: the job failed; the message has Devo's reason.
        :raises TransientError: the time is up, or nothing shows whether the job has ended; it may still succeed.
        """
        word = "none"

        def ended() -> list[JobStatus]:
            nonlocal word
            statuses = self._statuses(job)
            if statuses and all(status.known for status in statuses):
                self._unclear_since = None
            elif not any(status.state is JobState.FAILED for status in statuses):
                statuses = self._judge_by_metadata(statuses, left, gone=gone)
            for status in statuses:
                word = status.word
                if status.state is JobState.FAILED:
                    reason = f": {status.reason}" if status.reason else " and gave no reason"
                    is_partial = state_of_word(word) is JobState.DONE
                    content = "The rows without an error may be in the lookup." if is_partial else left
                    raise RejectedError(f"Lookup {self.name}: Devo's job ended with {word}{reason}. {content}")
            return statuses if all(status.state is JobState.DONE for status in statuses) else []

        def log_wait(state: tenacity.RetryCallState) -> None:
            if state.upcoming_sleep >= _LONGEST_POLL_S:  # after the short ones
                waited_s = self.clock() + self.timeout_s - self._deadline
                _log.info("Lookup %s: Devo's job has the status %s after %.0f s.", self.name, word, waited_s)

        try:
            status = self._polling(tenacity.retry_if_not_result(bool), log_wait)(ended)[-1]
        except tenacity.RetryError as error:
            raise TransientError(
                f"Lookup {self.name}: Devo's job has not ended within {self.timeout_s:.0f} s. Its last status is "
                f"{word}. Until it ends: {left}"
            ) from error
        _log.info("Lookup %s: Devo's job ended with %s.", self.name, word)
        return status

    def _statuses(self, job: str | None) -> list[JobStatus]:
        if job and (answer := self._job(job)) is not None:
            return [job_status(answer, job)]
        # Without an id, or where the id is not that of a job, or of one that is not listed yet.
        answers = [(each, self._job(each)) for each in self._job_ids() if each not in self._known]
        return [job_status(answer, each) for each, answer in answers if answer is not None]

    def _judge_by_metadata(self, statuses: list[JobStatus], left: str, *, gone: bool) -> list[JobStatus]:
        """Return the end of the change as the metadata show it, or ``statuses`` while they show none.

        :raises TransientError: nothing has shown the state of the change for a while.
        """
        metadata = self.read(self.path)
        status = lookup_status(metadata)
        if status.state is JobState.FAILED and metadata != self.before:
            return [status]
        if is_under_way(status):
            self._was_under_way, self._unclear_since = True, None
            return statuses
        if self._is_proof(metadata, status, gone=gone):
            return [JobStatus(JobState.DONE, status.word)]
        now = self.clock()
        if self._unclear_since is None:
            self._unclear_since = now
            for each in statuses:
                _log.warning("Lookup %s: Devo's job has an unknown status: %s", self.name, each.word)
        if now - self._unclear_since >= _UNCLEAR_S:
            shown = "; ".join(each.word for each in statuses)
            reason = (
                f"the status of its job is unknown ({shown}), and the metadata of the lookup do not show its end: "
                "the job runs, or has ended. Report this answer as a fault of the provider."
                if statuses
                else "it has listed no job of it, and the metadata of the lookup have not changed accordingly: "
                "the job failed, or is not visible."
            )
            raise TransientError(
                f"Lookup {self.name}: Devo accepted the call, but for {_UNCLEAR_S:.0f} s {reason} {left}"
            )
        return statuses

    def _is_proof(self, metadata: Any, status: JobStatus, *, gone: bool) -> bool:
        """Return whether the metadata prove that this change has ended well.

        They may change for other reasons, such as a new description. A proof is a lookup that has come or gone as
        intended, rows or columns that have changed, or any change after the lookup was under way.
        """
        if gone or metadata is None:
            return gone and metadata is None
        is_settled = status.state is JobState.DONE or status.word == lookup_status(self.before).word
        if not is_settled:
            return False
        if self.before is None:
            return True
        if not self.before:  # Devo said nothing about the lookup then
            return self._was_under_way
        changed = _changed_names(self.before, metadata) - set(LOOKUP_WORD_NAMES)
        return bool(changed) if self._was_under_way else any(map(_CONTENT.search, changed))

    def _job(self, job: str) -> Any:
        return self.read(f"{self.path}/job/{quote(job, safe='')}")

    def _job_ids(self) -> list[str]:
        return job_ids(self.read(f"{self.path}/job"))

    def _polling(
        self, retry: tenacity.retry_base, before_sleep: Callable[[tenacity.RetryCallState], None] | None = None
    ) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=retry,
            before_sleep=before_sleep,
            wait=tenacity.wait_exponential(multiplier=_FIRST_POLL_S, max=_LONGEST_POLL_S),
            stop=lambda state: self.clock() + state.upcoming_sleep > self._deadline,
            sleep=self.sleep,
        )


def _changed_names(before: Any, after: Any) -> set[str]:
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return set()
    names = {*before, *after}
    return {name for name in names if before.get(name) != after.get(name)}
