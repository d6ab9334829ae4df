"""Jobs of the Lookups API, read without relying on one shape of the answers.

The vendor documents the calls and not the shapes of their answers: ids come under several names, the history of a job
in several forms, and few of its states are known (``create.start``, ``create.ok`` and ``create.err`` on an old page).
An unknown word therefore means: not finished yet.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_flashpoint.core.http.reason import error_reason
from airflow_provider_flashpoint.core.window import epoch_us

LOOKUP_WORD_NAMES = ("status", "state")
_ID_NAMES = ("jobId", "job_id", "jobUuid", "jobUUID", "jobid", "job", "uuid", "id")
_LIST_NAMES = ("jobs", "jobIds", "job", "uuids")
_HISTORY_NAMES = ("statuses", "status", "jobStatuses", "statusList", "history", "job")
_WORD_NAMES = ("status", "state", "jobStatus", "jobState", "name", "event", "type")
_TIME_NAMES = ("timestamp", "time", "date", "updatedAt", "updated", "createdAt", "created")
_REASON_NAMES = ("reason", "cause", "description", "info")

_SUBJECTS = frozenset({"job", "lookup", "create", "update", "delete", "deploy"})
_DONE = frozenset(
    {"available", "complete", "completed", "done", "end", "ended", "finished", "ok", "ready"}
    | {"success", "successful", "succeeded"}
)
_FAILED = frozenset(
    {"abort", "aborted", "canceled", "cancelled", "err", "error", "errored", "errors", "expired"}
    | {"fail", "failed", "failure", "invalid", "ko", "rejected"}
)
_UNDER_WAY = frozenset(
    {"creating", "deleting", "pending", "processing", "progress", "queued", "running"}
    | {"scheduled", "start", "started", "starting", "submitted", "updating", "waiting"}
)
_MAX_WORD_CHARACTERS = 80
_MAX_REASON_CHARACTERS = 300


class JobState(enum.Enum):
    """Whether a job runs, or how it ended."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class JobStatus:
    """One status of a job, with Devo's own word for it and its reason, empty where Devo gave none."""

    state: JobState
    word: str
    reason: str = ""


_NO_STATUS = JobStatus(JobState.RUNNING, "none")


def job_id(answer: Any) -> str | None:
    """Return the id of the job in an answer, or None."""
    if isinstance(answer, Mapping):
        for name in _ID_NAMES:
            value = answer.get(name)
            if isinstance(value, Mapping):
                return job_id(value)
            if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
                return str(value)
    return None


def job_ids(listing: Any) -> list[str]:
    """Return the ids of a list of jobs, in its order; empty where there is no list."""
    if isinstance(listing, Mapping):
        listing = next((listing[name] for name in _LIST_NAMES if isinstance(listing.get(name), list)), None)
    if not isinstance(listing, list):
        return []
    found = (each if isinstance(each, str) else job_id(each) for each in listing)
    return [each for each in found if each]


def job_status(answer: Any) -> JobStatus:
    """Return the latest status in a job's history, or the only one in the answer.

    The latest status has the greatest time. Without times it is at one of the two ends of the history, where a finished
    status takes precedence.
    """
    history = _history(answer)
    if not history:
        return _NO_STATUS
    latest = _latest_by_time(history)
    if latest is not None:
        return _status(latest)
    statuses = [_status(each) for each in history]
    failed = [each for each in statuses if each.state is JobState.FAILED]
    ends = (statuses[-1], statuses[0], *failed)
    return next((each for each in ends if each.state is not JobState.RUNNING), statuses[-1])


def lookup_status(metadata: Any) -> JobStatus:
    """Return the status in the metadata of a lookup, such as ``Available`` or ``Updating``."""
    if not isinstance(metadata, Mapping):
        return _NO_STATUS
    return _status({"status": _text_of(metadata, LOOKUP_WORD_NAMES, "none"), "reason": error_reason(metadata)})


def is_under_way(status: JobStatus) -> bool:
    """Return whether the word is known to mean a running job; an unknown word means neither that nor an end."""
    return status.state is JobState.RUNNING and not _UNDER_WAY.isdisjoint(_parts(status.word))


def _history(answer: Any) -> list[Any]:
    if isinstance(answer, list):
        return answer
    if isinstance(answer, Mapping):
        for name in _HISTORY_NAMES:
            if isinstance(answer.get(name), list | Mapping):
                return _history(answer[name])
    return [] if answer is None else [answer]


def _latest_by_time(history: list[Any]) -> Any:
    for name in _TIME_NAMES:
        times = [epoch_us(each.get(name)) if isinstance(each, Mapping) else None for each in history]
        known = [each for each in times if each is not None]
        if len(known) == len(history):
            # Of several at one time the last in the list is the latest.
            _, latest = max((time, number) for number, time in enumerate(known))
            return history[latest]
    return None


def _status(entry: Any) -> JobStatus:
    word, reason = str(entry), ""
    if isinstance(entry, Mapping):
        word = _text_of(entry, _WORD_NAMES, "none")
        reason = error_reason(entry) or _text_of(entry, _REASON_NAMES, "")
    return JobStatus(_state(word), word[:_MAX_WORD_CHARACTERS], " ".join(reason.split())[:_MAX_REASON_CHARACTERS])


def _text_of(entry: Mapping[str, Any], names: Sequence[str], default: str) -> str:
    return next((entry[name] for name in names if isinstance(entry.get(name), str)), default)


def _state(word: str) -> JobState:
    parts = _parts(word)
    if _FAILED.intersection(parts):
        return JobState.FAILED
    # ``create.ok`` ends a job; ``UPLOAD_COMPLETED`` may only end a step of it.
    rest = [part for part in parts if part not in _SUBJECTS]
    return JobState.DONE if len(rest) == 1 and rest[0] in _DONE else JobState.RUNNING


def _parts(word: str) -> list[str]:
    return re.findall(r"[a-z]+", word.lower())
