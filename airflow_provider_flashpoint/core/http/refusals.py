"""Errors that stand in an answer under an accepted status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_flashpoint.core.http.reason import error_reason
from airflow_provider_flashpoint.core.secrets.foreign_text import safe_to_show
from airflow_provider_flashpoint.errors import FlashpointProviderError, RejectedError, ServerError

_ERROR_NAMES = (
    *("error", "errors", "errorMessage", "errorMessages", "errorList", "errorCount", "errorRows"),
    *("failures", "failedRows", "rejectedRows"),
)
_NO_ERROR_TEXTS = frozenset({"", "0", "0.0", "none", "null", "no", "false", "[]", "{}"})
# An answer with one of these is no mere error.
_CONTENT_NAMES = ("name", "columns", "jobs", "statuses", "lookups")


def errors_in(answer: Any, *, levels: int = 0) -> str:
    """Return the errors that an answer lists, as a text of one line; empty where there are none.

    :param levels: how many levels below the answer are searched too.
    """
    found = {}
    if isinstance(answer, Mapping):
        found = {name: answer[name] for name in _ERROR_NAMES if not _is_none(answer.get(name))}
    if found:
        return shown(error_reason(found) or found)
    inner = answer.values() if isinstance(answer, Mapping) else answer if isinstance(answer, list) else ()
    return next(filter(None, (errors_in(each, levels=levels - 1) for each in inner)), "") if levels else ""


def refusal(answer: Any) -> str:
    """Return the reason of an answer that is nothing but an error, whatever its HTTP status; else an empty text."""
    if not isinstance(answer, Mapping) or any(answer.get(name) for name in _CONTENT_NAMES):
        return ""
    if any(isinstance(answer.get(name), str | list | Mapping) for name in ("status", "state")):
        return ""
    is_refused = refused_status(answer) is not None or answer.get("success") is False
    return errors_in(answer) or (shown(error_reason(answer) or answer) if is_refused else "")


def refused_status(answer: Any) -> int | None:
    """Return the HTTP status of an error that stands in the answer itself, or None."""
    error = answer.get("error") if isinstance(answer, Mapping) else None
    for each in (answer, error):
        for name in ("status", "code"):
            value = each.get(name) if isinstance(each, Mapping) else None
            if isinstance(value, int) and 400 <= value <= 599:
                return value
    return None


def error_of(answer: Any, reason: str, *, otherwise: int) -> FlashpointProviderError:
    """Return the error for an answer that is an error under an accepted status.

    :param otherwise: its HTTP status where the answer itself has none.
    """
    status = refused_status(answer) or otherwise
    text = f"Devo answered with an error: {reason.rstrip('.')}. Its status is {status}."
    return ServerError(text) if status >= 500 else RejectedError(text, status=status)


def _is_none(value: Any) -> bool:
    """Return whether a value says that there is no error, such as ``{"count": 0, "list": []}``."""
    inner = list(value.values()) if isinstance(value, Mapping) else value
    if isinstance(inner, list):
        return all(map(_is_none, inner))
    return str(inner).strip().lower() in _NO_ERROR_TEXTS


def shown(answer: Any) -> str:
    """Return an answer, or its reason, on one line."""
    text = answer if isinstance(answer, str) else json.dumps(answer, default=str)
    return safe_to_show(text) or "none"
