"""What the Lookups API says about jobs, read without relying on one shape of it.

The vendor names the calls and not the shapes of their answers: ids may come under several names, the
history of a job in several forms, and its states in words of which only some are known (``create.start``,
``create.ok`` and ``create.err`` on an old page). So a word that is not known means: not finished yet.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
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
_MAX_REASON_CHARACTERS = 300


class JobState(enum.Enum):
    """Where a job stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class JobStatus:
    """The present status of a job: the word is Devo's own, the reason too, empty where none was given."""

    state: JobState
    word: str
    reason: str = ""


def job_id(answer: Any) -> str | None:
    """Return the id of the job that an answer names, or None."""
    if not isinstance(answer, Mapping):
        return None
    for name in _ID_NAMES:
        value = answer.get(name)
        if isinstance(value, Mapping):
            return job_id(value)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
    return None


def job_ids(listing: Any) -> list[str]:
    """Return the ids of a list of jobs, in its order; empty where no list is found."""
    if isinstance(listing, Mapping):
        listing = next((listing[name] for name in _LIST_NAMES if isinstance(listing.get(name), list)), [])
    if not isinstance(listing, list):
        return []
    found = (each if isinstance(each, str) else job_id(each) for each in listing)
    return [each for each in found if each]


def job_status(answer: Any) -> JobStatus:
    """Return the present status out of a job's history, or out of the one status that was answered.

    The latest status is the one with the greatest time. Without times it is at one of the two ends,
    and what is finished there is finished.
    """
    history = _history(answer)
    if not history:
        return JobStatus(JobState.RUNNING, "none")
    latest = _latest_by_time(history)
    if latest is not None:
        return _status(latest)
    ends = [_status(history[-1]), _status(history[0])]
    finished = [each for each in ends if each.state is not JobState.RUNNING]
    failed = [each for each in map(_status, history) if each.state is JobState.FAILED]
    return next(iter(finished + failed), ends[0])


def lookup_status(metadata: Any) -> JobStatus:
    """Return the status that the metadata of a lookup tell, such as ``Available`` or ``Updating``."""
    if not isinstance(metadata, Mapping):
        return JobStatus(JobState.RUNNING, "none")
    word = next((metadata[name] for name in LOOKUP_WORD_NAMES if isinstance(metadata.get(name), str)), "none")
    return _status({"status": word, "reason": error_reason(metadata)})


def is_under_way(status: JobStatus) -> bool:
    """Return whether the word is one of those that say so; an unknown word is neither that nor an end."""
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
            # Of several at one moment the last listed is the latest.
            return max(zip(known, range(len(history)), history, strict=True), key=lambda each: each[:2])[2]
    return None


def _status(entry: Any) -> JobStatus:
    word, reason = str(entry), ""
    if isinstance(entry, Mapping):
        word = next((str(entry[name]) for name in _WORD_NAMES if isinstance(entry.get(name), str)), "none")
        reason = error_reason(entry) or next(
            (entry[name] for name in _REASON_NAMES if isinstance(entry.get(name), str)), ""
        )
    return JobStatus(_state(word), word[:80], " ".join(reason.split())[:_MAX_REASON_CHARACTERS])


def _state(word: str) -> JobState:
    parts = _parts(word)
    if _FAILED.intersection(parts):
        return JobState.FAILED
    # ``create.ok`` ends a job; ``UPLOAD_COMPLETED`` may only end a step of it.
    rest = [part for part in parts if part not in _SUBJECTS]
    return JobState.DONE if len(rest) == 1 and rest[0] in _DONE else JobState.RUNNING


def _parts(word: str) -> list[str]:
    return [part for part in re.split(r"[^a-z]+", word.lower()) if part]
