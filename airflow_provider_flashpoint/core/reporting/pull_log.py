"""Log lines about the progress of a long pull."""

from __future__ import annotations

import time
from collections.abc import Callable

from airflow_provider_flashpoint.core.foreign_text import logger

_PERIOD_S = 60.0

_log = logger(__name__)


class PullLog:
    """Logs how far a pull is, at most once per period.

    :param staged: the number of records that were staged before.
    """

    def __init__(
        self, staged: int = 0, *, period_s: float = _PERIOD_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._staged = staged
        self._period_s = period_s
        self._clock = clock
        self._begun = clock()
        self._next = self._begun + period_s

    def look(self, records: int, share: float) -> None:
        """Log the progress, if the period is over.

        :param records: the number of records that are staged now.
        :param share: the share of the window that is complete, from 0 to 1; 0 is not shown, since not every way of
            paging knows it.
        """
        now = self._clock()
        if now < self._next:
            return
        self._next = now + self._period_s
        rate = (records - self._staged) / (now - self._begun)
        done = f", {100 * share:.0f} % of the window" if share else ""
        _log.info("Staged %d indicators so far (%.0f/s)%s.", records, rate, done)
