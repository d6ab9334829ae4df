"""Sending again after a break, with growing waits and a limit of failures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import TypeVar

import tenacity

from airflow_provider_flashpoint.core.http.retries import may_pass
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.errors import DeliveryError, SupersededError, TransientError

DEFAULT_MAX_ATTEMPTS = 5
_LONGEST_ASKED_WAIT_S = 300.0
_backoff_s = tenacity.wait_exponential(multiplier=1.0, max=30.0)

Result = TypeVar("Result")

_log = logger(__name__)


@dataclass
class Resending:
    """Repeats calls after each TransientError, until too many have failed in a row.

    The first wait is 1 s, each further one twice as long, up to 30 s; or longer if the peer asks for it, up to 5
    minutes.

    :param what: returns what is sent, such as "3 lines", for messages.
    :param max_attempts: the most failures of all calls together, without `confirmed` between them.
    :param unconfirmed: returns the number of lines for the DeliveryError.
    :param before_repeat: called before each repetition; raises if the call must not be repeated any more.
    """

    what: Callable[[], str]
    _: KW_ONLY
    max_attempts: int
    sleep: Callable[[float], None]
    unconfirmed: Callable[[], int] = lambda: 0
    before_repeat: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._failures = 0
        self._retrying = tenacity.Retrying(
            retry=may_pass,
            after=self._count_failure,
            wait=_wait_s,
            stop=lambda state: self._failures >= self.max_attempts or (_asked_s(state) or 0.0) > _LONGEST_ASKED_WAIT_S,
            sleep=self.sleep,
            before_sleep=self._log_wait,
        )

    def __call__(self, call: Callable[[], Result]) -> Result:
        """Return the result of ``call``.

        :raises DeliveryError: too many calls have failed, or the peer asks for too long a wait.
        """
        # Calls that succeed at once do not pay for tenacity, which costs a twentieth of the CPU of a send.
        try:
            return call()
        except SupersededError:
            raise
        except TransientError as error:
            failures = [error]

        def attempt() -> Result:
            if failures:
                raise failures.pop()
            self.before_repeat()
            return call()

        try:
            return self._retrying(attempt)
        except tenacity.RetryError as error:
            attempts, self._failures = self._failures, 0
            reason = error.last_attempt.exception()
            raise DeliveryError(
                f"Devo did not confirm {self.what()} in {attempts} attempts. {reason} "
                "They count as not sent: run the task again once Devo can be reached.",
                unconfirmed=self.unconfirmed(),
            ) from reason

    def confirmed(self) -> None:
        """Forget the failures so far: data arrived."""
        self._failures = 0

    def _count_failure(self, state: tenacity.RetryCallState) -> None:
        self._failures += 1
        state.attempt_number = self._failures

    def _log_wait(self, state: tenacity.RetryCallState) -> None:
        _log.warning(
            "%s Sending %s again in %.0f s (attempt %d of %d).",
            _error_of(state),
            self.what(),
            state.upcoming_sleep,
            self._failures + 1,
            self.max_attempts,
        )


def _error_of(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _wait_s(state: tenacity.RetryCallState) -> float:
    return max(_backoff_s(state), _asked_s(state) or 0.0)


def _asked_s(state: tenacity.RetryCallState) -> float | None:
    return getattr(_error_of(state), "retry_after_s", None)
