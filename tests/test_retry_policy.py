"""When Airflow retries a task."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.airflow_runtime.retry_policy import retry_arguments
from airflow_provider_flashpoint.errors import DataError, RateLimitedError, as_pull_error
from airflow_provider_flashpoint.operators import LookupSyncOperator

pytestmark = pytest.mark.airflow

has_policies = pytest.mark.skipif(not retry_arguments(), reason="this Airflow has no retry policies")


def task(**arguments: Any) -> Any:
    return LookupSyncOperator(task_id="a", indicator_type="domain", lookup_name="D", **arguments)


def decision(error: Exception) -> Any:
    return task().retry_policy.evaluate(error, try_number=1, max_tries=3)


@has_policies
def test_a_retry_waits_as_long_as_the_service_has_asked_for() -> None:
    """The wait of a Retry-After that was too long for the task counts, also in a translated error."""
    error = RateLimitedError("busy")
    error.retry_after_s = 900.0
    found = decision(as_pull_error(error, "fetch_indicators"))
    assert (found.action.value, found.retry_delay) == ("retry", timedelta(minutes=15))
    assert found.reason == "The service wants no request for 900 s."


@has_policies
@pytest.mark.parametrize("wait_s", [3601.0, 1e12])
def test_a_retry_waits_at_most_an_hour(wait_s: float) -> None:
    """A date far ahead, as of a wrong clock, does not end the task for good."""
    error = RateLimitedError("busy")
    error.retry_after_s = wait_s
    found = decision(error)
    assert (found.action.value, found.retry_delay) == ("retry", timedelta(hours=1))


@has_policies
@pytest.mark.parametrize("error", [RateLimitedError("busy"), DataError("broken"), ValueError("other")])
def test_other_errors_are_retried_as_the_task_says(error: Exception) -> None:
    """Without a wait that the service has asked for, the settings of the task decide."""
    assert decision(error).action.value == "default"


@has_policies
def test_a_policy_of_the_user_comes_first() -> None:
    """An argument of the task, None too, replaces the policy."""
    assert task(retry_policy=None).retry_policy is None


def test_a_task_needs_no_policies() -> None:
    """On an Airflow without policies, tasks are made without one."""
    assert bool(getattr(task(), "retry_policy", None)) == bool(retry_arguments())
