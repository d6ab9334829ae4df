"""Words with which Devo names the states of jobs and lookups."""

from __future__ import annotations

import enum
import re

_SUBJECTS = frozenset({"job", "lookup", "create", "update", "delete", "deploy", "push"})
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
# In a sentence these words name the end of a change, unless others say that it has not happened.
_CHANGED = frozenset(
    {"completed", "created", "deleted", "deployed", "dropped", "finished", "loaded", "pushed", "removed", "replaced"}
    | {"updated"}
)
_NOT_CHANGED = frozenset({"be", "being", "not", "will"})
_UNABLE = re.compile(r"\b(cannot|can t|could ?n[o ]t|unable|unsuccessful(ly)?)\b")
_NO_ERRORS = re.compile(r"\b(no|without|zero|0) (errors?|failures?)\b")


class JobState(enum.Enum):
    """Whether a job runs, or how it ended."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


def state_of_word(word: str) -> JobState | None:
    """Return the state that a word means, or None for an unknown one."""
    parts = _parts(word)
    if _FAILED.intersection(parts):
        return JobState.FAILED
    # ``create.ok`` ends a job; ``UPLOAD_COMPLETED`` may only end a step of it.
    rest = [part for part in parts if part not in _SUBJECTS]
    if len(rest) == 1 and rest[0] in _DONE:
        return JobState.DONE
    return None if _UNDER_WAY.isdisjoint(parts) else JobState.RUNNING


def state_of_message(text: str) -> JobState | None:
    """Return the state that a sentence such as ``Lookup successfully created`` means, or None."""
    words = _parts(" ".join(word for word in text.split() if "_" not in word) or text)  # names of lookups are no words
    parts = set(words)
    if _FAILED & parts or _UNABLE.search(" ".join(words)):
        return JobState.FAILED
    if _UNDER_WAY & parts:
        return JobState.RUNNING
    is_ours = parts & {"lookup", "success", "successfully"}
    return JobState.DONE if parts & _CHANGED and is_ours and not parts & _NOT_CHANGED else None


def _parts(word: str) -> list[str]:
    text = _NO_ERRORS.sub("", " ".join(re.findall(r"[a-z]+|[0-9]+", word.lower())))
    return [part for part in text.split() if part.isalpha()]
