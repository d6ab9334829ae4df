"""Sending again after a break, with growing waits and a limit of failures."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import TypeVar

from airflow_provider_flashpoint.errors import DeliveryError, TransientError

DEFAULT_MAX_ATTEMPTS = 5
_LONGEST_WAIT_S = 30.0
_LONGEST_ASKED_WAIT_S = 300.0

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


@dataclass
class Resending:
    """Repeats calls after each TransientError, until too many have failed in a row.

    The first wait is 1 s, each further one twice as long, up to 30 s; or as long as the peer asks for, up to 5 minutes.

    :param what: returns what is sent, such as "3 lines", for messages.
    :param max_attempts: the most failures of all calls together, without `confirmed` between them.
    :param unconfirmed: returns the number of lines for the DeliveryError.
    """

    what: Callable[[], str]
    _: KW_ONLY
    max_attempts: int
    sleep: Callable[[float], None]
    unconfirmed: Callable[[], int] = lambda: 0
    failures: int = 0

    def __call__(self, call: Callable[[], Result]) -> Result:
        """Return the result of ``call``.

        :raises DeliveryError: too many calls have failed, or the peer asks for too long a wait.
        """
        while True:
            try:
                return call()
            except TransientError as error:
                self._wait_after(error)

    def confirmed(self) -> None:
        """Forget the failures so far: data arrived."""
        self.failures = 0

    def _wait_after(self, error: TransientError) -> None:
        self.failures += 1
        wait_s = min(2 ** (self.failures - 1), _LONGEST_WAIT_S)
        if error.retry_after_s is not None:
            wait_s = error.retry_after_s
        if self.failures >= self.max_attempts or wait_s > _LONGEST_ASKED_WAIT_S:
            attempts, self.failures = self.failures, 0
            raise DeliveryError(
                f"Devo did not confirm {self.what()} in {attempts} attempts. {error} "
                "They count as not sent: run the task again once Devo can be reached.",
                unconfirmed=self.unconfirmed(),
            ) from error
        _log.warning(
            "%s Sending %s again in %.0f s (attempt %d of %d).",
            error,
            self.what(),
            wait_s,
            self.failures + 1,
            self.max_attempts,
        )
        self.sleep(wait_s)
