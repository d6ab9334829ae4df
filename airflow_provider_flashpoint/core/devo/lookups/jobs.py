"""Jobs of the Lookups API, read without relying on one shape of the answers.

The vendor documents the calls and not the shapes of their answers: ids come under several names, the history of a job
in several forms, and few of its states are known (``create.start``, ``create.ok`` and ``create.err`` on an old page).
Clients of the real API read ``{"jobs": [{"msg": "Lookup successfully created"}]}``. An unknown word means neither an
end nor a running job; its status is not ``known``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.devo.lookups.words import JobState, state_of_message, state_of_word
from airflow_provider_flashpoint.core.http.reason import error_reason
from airflow_provider_flashpoint.core.http.refusals import error_of, errors_in, refusal, shown
from airflow_provider_flashpoint.core.identity import id_of
from airflow_provider_flashpoint.core.secrets.foreign_text import safe_to_show
from airflow_provider_flashpoint.core.window import epoch_us

LOOKUP_WORD_NAMES = ("status", "state")
_ID_NAMES = ("jobId", "job_id", "jobUuid", "jobUUID", "jobid", "job", "uuid", "id")
_LIST_NAMES = ("jobs", "jobIds", "job", "uuids")
_HISTORY_NAMES = ("statuses", "status", "jobStatuses", "statusList", "history", "jobs", "job", "data", "result")
_WORD_NAMES = ("status", "state", "jobStatus", "jobState", "code", "result", "stage", "phase", "event", "type")
_MESSAGE_NAMES = ("msg", "message")
_TIME_NAMES = ("timestamp", "time", "date", "updatedAt", "updated", "createdAt", "created")
_REASON_NAMES = ("reason", "cause", "description", "info")

_MAX_WORD_CHARACTERS = 80
_ERROR_LEVELS = 3


@dataclass(frozen=True)
class JobStatus:
    """One status of a job, with Devo's own word for it and its reason, empty where Devo gave none.

    An unknown status counts as RUNNING, is not ``known``, and its word is Devo's answer.
    """

    state: JobState
    word: str
    reason: str = ""
    known: bool = True


_NO_STATUS = JobStatus(JobState.RUNNING, "none", known=False)


def job_id(answer: Any) -> str | None:
    """Return the id of the job in an answer, or None."""
    if isinstance(answer, Mapping):
        for name in _ID_NAMES:
            value = answer.get(name)
            found = job_id(value) if isinstance(value, Mapping) else id_of(value)
            if found is not None:
                return str(found)
    return None


def accepted_job(content: bytes) -> str | None:
    """Return the id of the job in the answer to a change, a JSON text; None where it names none, or is no JSON.

    :raises RejectedError, ServerError: the answer is an error, although its status is not.
    """
    try:
        answer = codec.decode(content)
    except ValueError:
        return None
    status = job_status(answer)
    if status.state is JobState.FAILED:
        raise error_of(answer, status.reason or status.word, otherwise=400)
    if reason := refusal(answer):
        raise error_of(answer, reason, otherwise=400)
    return job_id(answer)


def job_ids(listing: Any) -> list[str]:
    """Return the ids of a list of jobs, in its order; empty where there is no list."""
    if isinstance(listing, Mapping):
        listing = next((listing[name] for name in _LIST_NAMES if isinstance(listing.get(name), list)), None)
    if not isinstance(listing, list):
        return []
    found = (job_id(each if isinstance(each, Mapping) else {"id": each}) for each in listing)
    return [each for each in found if each]


def job_status(answer: Any, job: str | None = None) -> JobStatus:
    """Return the latest status in a job's history, or the only one in the answer.

    The latest status has the greatest time. Without times it is at one of the two ends of the history, where a finished
    status takes precedence. A job that is done and reports errors has failed.

    :param job: the id of the job, where the answer may show several jobs.
    """
    history = _history(answer)
    history = [each for each in history if job and job_id(each) == job] or history
    if not history:
        return replace(_NO_STATUS, word=shown(answer))
    latest = _latest_by_time(history)
    statuses = [_status(each) for each in (history if latest is None else [latest])]
    failed = [each for each in statuses if each.state is JobState.FAILED]
    ends = (statuses[-1], statuses[0], *failed)
    status = next((each for each in ends if each.state is not JobState.RUNNING), statuses[-1])
    if not status.known:
        return replace(status, word=shown(answer))
    if status.state is JobState.DONE and (errors := errors_in(answer)):
        return replace(status, state=JobState.FAILED, reason=errors)
    return status


def lookup_status(metadata: Any) -> JobStatus:
    """Return the status in the metadata of a lookup, such as ``Available`` or ``Updating``."""
    if not isinstance(metadata, Mapping):
        return _NO_STATUS
    word = _text_of(metadata, LOOKUP_WORD_NAMES, "none")
    state = state_of_word(word)
    return JobStatus(state or JobState.RUNNING, word, safe_to_show(error_reason(metadata)), state is not None)


def is_under_way(status: JobStatus) -> bool:
    """Return whether the word is known to mean a running job; an unknown word means neither that nor an end."""
    return status.state is JobState.RUNNING and status.known


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
    fields = entry if isinstance(entry, Mapping) else {"status": entry}
    words = [fields[name] for name in _WORD_NAMES if isinstance(fields.get(name), str)]
    messages = [fields[name] for name in _MESSAGE_NAMES if isinstance(fields.get(name), str)]
    read = [(state_of_word(word), word) for word in words] + [(state_of_message(text), text) for text in messages]
    state, word = next((each for each in read if each[0]), (None, shown(entry)))
    errors = errors_in(fields, levels=_ERROR_LEVELS)
    is_denied = state is JobState.DONE and any(state_of_message(text) is JobState.FAILED for text in messages)
    if is_denied or (errors and state in (JobState.DONE, None)):
        state = JobState.FAILED
    reason = errors or error_reason(fields) or _text_of(fields, _REASON_NAMES, "")
    known = state is not None
    word = safe_to_show(word, _MAX_WORD_CHARACTERS) if known else word
    return JobStatus(state or JobState.RUNNING, word, safe_to_show(reason), known)


def _text_of(entry: Mapping[str, Any], names: Sequence[str], default: str) -> str:
    return next((entry[name] for name in names if isinstance(entry.get(name), str)), default)
