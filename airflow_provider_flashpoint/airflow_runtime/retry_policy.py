"""When Airflow retries a task: on Airflow 3.3 and later, not before the service wants to be asked again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_flashpoint.airflow_runtime.compat import RetryDecision, RetryPolicy
from airflow_provider_flashpoint.errors import TransientError

_LONGEST_WAIT_S = 3600.0  # a Retry-After can name any date
_Policy: Any = RetryPolicy  # None where Airflow has no policies


def retry_arguments() -> dict[str, Any]:
    """Return the arguments of an operator for its retries; empty where Airflow has no policies."""
    return {"retry_policy": _WaitAsAsked()} if _Policy else {}


class _WaitAsAsked(_Policy or object):  # type: ignore[misc]
    """Waits as long as the service asked for (Retry-After), at most an hour.

    After other errors, the task's own settings decide.
    """

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """Return the decision about the next attempt, see `RetryPolicy.evaluate`."""
        wait_s = exception.retry_after_s if isinstance(exception, TransientError) else None
        if not wait_s:
            return RetryDecision.default()
        wait = timedelta(seconds=min(wait_s, _LONGEST_WAIT_S))
        return RetryDecision.retry(wait, f"The service wants no request for {wait_s:.0f} s.")

    def serialize(self) -> dict[str, Any]:
        """Return what Airflow stores of this policy: it has no settings."""
        return {"__type": type(self).__name__}
