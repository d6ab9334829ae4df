"""What runs have covered: gaps between their windows, and how fresh a stream is against its period."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from airflow_provider_flashpoint.core.window import Window

_FRESH_PERIODS = 2.0  # the newest complete interval, and the one that is being read
_LATE_PERIODS = 6.0


class Freshness(StrEnum):
    """How old a checkpoint is: up to two periods, up to six, or more; unknown without a checkpoint or a period."""

    FRESH = "fresh"
    LATE = "late"
    OLD = "old"
    UNKNOWN = "unknown"


def freshness(age_s: float | None, period_s: float | None) -> Freshness:
    """Return how fresh a stream is whose checkpoint is ``age_s`` old and whose DAG runs every ``period_s``."""
    if age_s is None or not period_s:
        return Freshness.UNKNOWN
    if age_s <= _FRESH_PERIODS * period_s:
        return Freshness.FRESH
    return Freshness.LATE if age_s <= _LATE_PERIODS * period_s else Freshness.OLD


def gaps(windows: Iterable[Window], *, since: datetime) -> list[Window]:
    """Return the times since ``since`` between the first and the last window that no window covers, in order."""
    found: list[Window] = []
    end = None
    for window in sorted(windows, key=lambda each: each.start):
        if end is not None and window.start > max(end, since):
            found.append(Window(max(end, since), window.start))
        end = window.end if end is None else max(end, window.end)
    return found
