"""Attempts of a request, and the waits before them."""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from typing import TypeVar

import tenacity

from airflow_provider_flashpoint.core.http.pace import Pace
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.errors import RateLimitedError, SupersededError, TransientError

_LONG_WAIT_S = 5.0

# The sum lies between one half and all of 1, 2, 4, ... 60 seconds. Its random part spreads clients out.
_doubling = tenacity.wait_exponential(multiplier=0.5, max=30) + tenacity.wait_random_exponential(0.5, max=30)

# An attempt that lost its turn must not go on, though another attempt of the task may.
may_pass = tenacity.retry_if_exception(
    lambda error: isinstance(error, TransientError) and not isinstance(error, SupersededError)
)

_log = logger(__name__)

Result = TypeVar("Result")


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


@dataclass(slots=True, kw_only=True)
class Attempts:
    """The attempts of one request: each waits for its turn; a transient failure is repeated within a budget.

    :param name: names the request in messages.
    :param max_attempts: the most attempts, the first included.
    :param budget_s: the longest time that the request waits between its attempts, and for holds of all requests.
    :param max_s: after this time no attempt begins.
    :param clock: seconds.
    """

    name: str
    pace: Pace
    max_attempts: int
    budget_s: float
    max_s: float
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    _now: float = field(default=-math.inf, init=False)  # the clock, and at least the end of the last wait
    _began: float = field(default=0.0, init=False)
    _waited_s: float = field(default=0.0, init=False)
    _failure: BaseException | None = field(default=None, init=False)

    def run(self, send: Callable[[BaseException | None], Result]) -> Result:
        """Return the result of the first attempt that has one.

        :param send: makes one attempt; gets the error of the one before, None for the first.
        :raises: an error that cannot pass, at once; else the last one.
        """
        deadline = self.clock() + self.max_s

        def is_spent(state: tenacity.RetryCallState) -> bool:
            return (
                state.attempt_number >= self.max_attempts
                or self._waited_s + state.upcoming_sleep > self.budget_s
                or self.clock() + state.upcoming_sleep > deadline
            )

        retrying = tenacity.Retrying(
            retry=may_pass,
            wait=self._wait_s,
            stop=is_spent,
            sleep=self._wait,
            before_sleep=self._before_retry,
            reraise=True,
        )
        result: Result = retrying(self._attempt, send)
        return result

    def _attempt(self, send: Callable[[BaseException | None], Result]) -> Result:
        self._await_turn()
        began = self.clock()
        try:
            result = send(self._failure)
        except TransientError as error:
            self._failure = error
            raise
        finally:
            self.pace.count(busy_s=self.clock() - began)
        self.pace.speed_up()
        return result

    def _await_turn(self) -> None:
        """Wait until this request may begin.

        :raises RateLimitedError: all requests are held for longer than the budget allows.
        """
        self._now = max(self._now, self.clock())
        while True:
            held_s = self.pace.held_s(self._now)
            if held_s and self._waited_s + held_s > self.budget_s:
                error = RateLimitedError(
                    f"{self.name}: not sent, since the service wants no request for {held_s:.0f} s; "
                    f"the budget of waits is {self.budget_s:.0f} s. Run the task again later."
                )
                error.retry_after_s = held_s
                raise error
            begin = self.pace.turn(self._now)
            self._waited_s += held_s
            if begin > self._now:
                self._pause(begin - self._now)
            if not self.pace.held_s(self._now):
                break
        self._began = self._now
        self.pace.count(sent=1)

    def _wait_s(self, state: tenacity.RetryCallState) -> float:
        """Return the seconds before the next attempt: a doubling wait with a random part, or those of Retry-After.

        The longer one counts: a Retry-After of 0, or in the past, asks for a retry, not for all of them at once. Where
        the service asks for fewer requests, all requests wait as long.
        """
        error = state.outcome.exception() if state.outcome else None
        requested: float | None = getattr(error, "retry_after_s", None)
        seconds = max(_doubling(state), requested or 0.0)
        if error is self._failure and (requested is not None or isinstance(error, RateLimitedError)):
            self._now = max(self._now, self.clock())
            longer_s = self.pace.hold(self._now + seconds, now=self._now, began=self._began)
            if longer_s > _LONG_WAIT_S:
                _log.warning("%s No request begins within the next %.1f s.", error, seconds)
        return seconds

    def _before_retry(self, state: tenacity.RetryCallState) -> None:
        """Log the error of an attempt and the wait before the next one."""
        self.pace.count(retries=1)
        _log.warning("%s Next attempt (%d) in %.1f s.", self._failure, state.attempt_number + 1, state.upcoming_sleep)

    def _wait(self, seconds: float) -> None:
        self._now = max(self._now, self.clock())
        self._waited_s += seconds
        self._pause(seconds)

    def _pause(self, seconds: float) -> None:
        self.sleep(seconds)
        self._now += seconds
        self.pace.count(waited_s=seconds)
