"""The jobs of a sandbox Devo. A job changes a lookup some polls after the call that made it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from time import time
from typing import Any, Literal, NamedTuple

from sandbox.devo.lookups.deploy import Operation
from sandbox.errors import InvalidRowsError

State = Literal["pending", "running", "completed", "failed"]

# How long the last poll waits for the rows to be read before it answers that the job still runs.
_PATIENCE_S = 5.0
_SHOWN_STATUSES = 50


class JobStatus(NamedTuple):
    """A state of a job: its time in milliseconds, and the reason of a failure."""

    state: State
    at_ms: int
    reason: str | None = None


@dataclass(frozen=True)
class JobPlan:
    """The scripted course of one job: it takes ``polls`` polls (None: the usual number), and fails with ``failure``."""

    polls: int | None = None
    failure: str | None = None


@dataclass(frozen=True)
class JobAnswers:
    """The form of the API's answers about jobs. The vendor's public pages do not show all of it.

    :param words: the status word for each state; ``{verb}`` is create, update or delete.
    :param shape: ``statuses``: an object with ``statuses``, a list of objects; ``list``: only this list;
        ``words``: a list of words; ``latest``: the last status as an object; ``jobs``: an object with ``jobs``, a list
        of objects with ``code`` and ``msg``, as clients of the real API read it; ``messages``: this without ``code``.
    :param with_id: whether the call that makes a job answers with its id.
    """

    words: tuple[str, str, str, str] = ("PENDING", "RUNNING", "COMPLETED", "FAILED")
    shape: Literal["statuses", "list", "words", "latest", "jobs", "messages"] = "statuses"
    with_id: bool = True

    @classmethod
    def dotted(cls) -> JobAnswers:
        """Return the answers with the words that an old version of the vendor's page starts to list.

        That page (devodocs 556892170) names create.start, create.ok and create.err.
        """
        return cls(("{verb}.start", "{verb}.start", "{verb}.ok", "{verb}.err"))

    def submitted(self, job: Job) -> dict[str, Any]:
        """Return the answer to the call that made ``job``."""
        message = {"message": "The request was submitted to the Lookups Manager."}
        return message | ({"jobId": job.id} if self.with_id else {})

    def statuses(self, job: Job) -> Any:
        """Return the answer to a poll of ``job``: its last 50 statuses, oldest first."""
        listed = [self._status(job, each) for each in job.statuses[-_SHOWN_STATUSES:]]
        if self.shape in ("jobs", "messages"):
            last = {"code": listed[-1]["status"], "msg": _sentence(job)}
            return {"jobs": [last if self.shape == "jobs" else {"msg": last["msg"]}]}
        if self.shape == "list":
            return listed
        if self.shape == "words":
            return [each["status"] for each in listed]
        if self.shape == "latest":
            return {"jobId": job.id} | listed[-1]
        return {"jobId": job.id, "statuses": listed}

    def _status(self, job: Job, status: JobStatus) -> dict[str, Any]:
        word = dict(zip(("pending", "running", "completed", "failed"), self.words, strict=True))[status.state]
        shown = {"status": word.format(verb=job.verb), "timestamp": status.at_ms}
        return shown | ({"message": status.reason} if status.reason else {})


def _sentence(job: Job) -> str:
    """Return the last status of ``job`` in words."""
    if job.state == "completed":
        return f"Lookup successfully {job.verb}d"
    if job.state == "failed":
        return f"The {job.verb} of the lookup failed: {job.reason}"
    return f"The {job.verb} of the lookup was submitted"


class Reading(NamedTuple):
    """The result of a job's reading: the number of rows, and the function that puts them into the lookup."""

    rows: int
    apply: Callable[[], None]


@dataclass(eq=False)
class Job:
    """A change of a lookup, running or finished.

    A thread reads the rows at once. They take effect when the job has been polled often enough.

    :param read: reads the rows; raises InvalidRowsError.
    """

    operation: Operation
    read: Callable[[], Reading] = field(repr=False)
    polls: int
    failure: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    statuses: list[JobStatus] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._left = self.polls
        self._reading: Reading | None = None
        self.rows: int | None = None
        self._was_read = threading.Event()
        self._enter("pending")
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def verb(self) -> str:
        """The vendor's word for the operation."""
        return {"create": "create", "drop": "delete"}.get(self.operation, "update")

    @property
    def state(self) -> State:
        """The current state."""
        return self.statuses[-1].state

    @property
    def finished(self) -> bool:
        """Whether the state is final."""
        return self.state in ("completed", "failed")

    @property
    def reason(self) -> str | None:
        """Why the job failed, or None."""
        return self.statuses[-1].reason

    def poll(self, patience_s: float | None = _PATIENCE_S) -> None:
        """Count one poll, which may finish the job. ``patience_s`` bounds the wait for the rows; None is no bound."""
        if self.finished:
            return
        self._left -= 1
        if self._left >= self.polls - 1 > 0:
            return
        if self.state == "pending":
            self._enter("running")
        if self._left <= 0 and self._was_read.wait(patience_s):
            self._finish()

    def finish(self) -> None:
        """Count all polls that are left, and wait for the rows."""
        self._left = 0
        self.poll(None)

    def to_json(self) -> dict[str, Any]:
        """Return id, operation, rows, state, reason."""
        return {
            "id": self.id,
            "operation": self.operation,
            "rows": self.rows,
            "state": self.state,
            "reason": self.reason,
        }

    def _run(self) -> None:
        try:
            self._reading = self.read()
            self.rows = self._reading.rows
        except InvalidRowsError as error:
            self.failure = self.failure or str(error)
        finally:
            self._was_read.set()

    def _finish(self) -> None:
        if self.failure is None and self._reading is not None:
            self._reading.apply()
            self._enter("completed")
        else:
            self._enter("failed", self.failure or "the sandbox could not read the rows")
        # Only the lookup keeps the rows, if anything does.
        self._reading = None

    def _enter(self, state: State, reason: str | None = None) -> None:
        self.statuses.append(JobStatus(state, int(time() * 1000), reason))
