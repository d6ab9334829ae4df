"""Log lines about the progress of long work: how much is done, how fast, and when the rest may be done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from airflow_provider_flashpoint.core.reporting.sentences import counted
from airflow_provider_flashpoint.core.secrets.foreign_text import logger

PERIOD_S = 10.0
_ITEMS = 4096  # between two looks at the clock
_SHORT_S = 90.0

Item = TypeVar("Item")

_log = logger(__name__)


class ProgressLog:
    """Logs how far work is, at most once per period, so that short work is not logged.

    :param text: the line up to the numbers, with ``{}`` in place of the amount that is done.
    :param done: the amount that was done before.
    :param share: the share of all the work that was done before, from 0 to 1.
    :param shown: the text of an amount.
    """

    def __init__(
        self,
        text: str,
        *,
        done: int = 0,
        share: float = 0.0,
        shown: Callable[[float], str] = counted,
        period_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._text = text
        self._done = done
        self._share = share
        self._shown = shown
        self._period_s = PERIOD_S if period_s is None else period_s
        self._clock = clock
        self._begun = clock()
        self._next = self._begun + self._period_s

    def look(self, done: int, share: float = 0.0) -> None:
        """Log the progress, if the period is over.

        :param done: the amount that is done now.
        :param share: its share of all the work, from 0 to 1; 0 where that is not known.
        """
        now = self._clock()
        if now < self._next:
            return
        self._next = now + self._period_s
        passed_s = max(now - self._begun, 1e-6)
        line = f"{self._text.format(self._shown(done))} ({self._shown((done - self._done) / passed_s)}/s)"
        if share:
            line += f", {100 * share:.0f} %"
        if self._share < share < 1:
            line += f", about {_time(passed_s * (1 - share) / (share - self._share))} left"
        _log.info("%s.", line)

    def over(self, items: Iterable[Item], total: int) -> Iterator[Item]:
        """Yield ``items``, of which there are ``total``, and log how many have been taken."""
        for number, item in enumerate(items):
            if not number % _ITEMS:
                self.look(number, number / max(total, 1))
            yield item


def _time(seconds: float) -> str:
    if seconds < _SHORT_S:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 60 * _SHORT_S else f"{seconds / 3600:.1f} h"
