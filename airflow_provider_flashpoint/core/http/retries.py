"""Waits between the attempts of a request."""

from __future__ import annotations

import email.utils
import math
import time
from datetime import UTC

import tenacity

from airflow_provider_flashpoint.core.foreign_text import logger
from airflow_provider_flashpoint.errors import SupersededError, TransientError

# The sum lies between one half and all of 1, 2, 4, ... 60 seconds. Its random part spreads clients out.
_doubling = tenacity.wait_exponential(multiplier=0.5, max=30) + tenacity.wait_random_exponential(0.5, max=30)

# An attempt that lost its turn must not go on, though another attempt of the task may.
may_pass = tenacity.retry_if_exception(
    lambda error: isinstance(error, TransientError) and not isinstance(error, SupersededError)
)

_log = logger(__name__)


def retry_after_s(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header: a number or an HTTP date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        pass
    else:
        return None if math.isinf(seconds) else max(0.0, seconds)
    try:
        until = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, until.replace(tzinfo=until.tzinfo or UTC).timestamp() - time.time())


def wait_s(state: tenacity.RetryCallState) -> float:
    """Return the seconds before the next attempt: a doubling wait with a random part, or those of Retry-After if more.

    A Retry-After of 0, or in the past, asks for a retry, not for all of them at once.
    """
    error = state.outcome.exception() if state.outcome else None
    requested: float | None = getattr(error, "retry_after_s", None)
    return max(_doubling(state), requested or 0.0)


def log_retry(state: tenacity.RetryCallState) -> None:
    """Log the error of an attempt and the wait before the next one."""
    error = state.outcome.exception() if state.outcome else None
    _log.warning("%s Next attempt (%d) in %.1f s.", error, state.attempt_number + 1, state.upcoming_sleep)
