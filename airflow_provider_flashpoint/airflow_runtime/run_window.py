"""From a run of a DAG to the window it reads: which rule chose it, and what moved its start.

1. explicit: ``start`` and ``end`` of the operator, or ``{"from": ..., "to": ...}`` in the run's configuration;
2. the run's data interval, where there is one and it is not empty;
3. else the last complete period of the DAG's schedule.

An explicit window is taken exactly, and so is one that ends before the stored checkpoint. The others begin earlier
where that is needed: at the initial start time when a lookup or stream is built, at the stored checkpoint when there
is a gap before the window, and by the lag, for records that reach the index late. Nothing here imports Airflow: a
context is a mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_flashpoint.core.window import Window, as_utc, format_instant, parse_instant
from airflow_provider_flashpoint.errors import ConfigurationError

_ABSENT = ("", "None")
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RunWindow:
    """``asked`` is what is read; ``covered`` is what a checkpoint may claim afterwards, without the lag.

    ``rule`` tells in words which rule chose the window and what moved its start.
    """

    asked: Window
    covered: Window
    rule: str
    explicit: bool

    def leaves_no_gap(self, checkpoint: datetime | None) -> bool:
        """Return whether a checkpoint may move to the end of this window.

        An explicit window that begins beyond the checkpoint may not move it: what lies between would never be read.
        """
        return not self.explicit or (checkpoint is not None and self.covered.start <= checkpoint)

    def up_to(self, checkpoint: datetime | None) -> RunWindow:
        """Return this window, going on to the checkpoint where that is later."""
        if checkpoint is None or checkpoint <= self.asked.end:
            return self
        return replace(
            self,
            asked=Window(self.asked.start, checkpoint),
            covered=Window(self.covered.start, checkpoint),
            rule=f"{self.rule}, up to the checkpoint",
        )


def resolve_window(
    context: Mapping[str, Any],
    *,
    start: str | datetime | None,
    end: str | datetime | None,
    lag: timedelta,
    build_from: datetime | None,
    complete_until: datetime | None,
) -> RunWindow:
    """Return the window of the run.

    :param build_from: where a lookup or stream that is yet to be built begins; None where it exists.
    :param complete_until: the stored checkpoint, for healing a gap; None to leave gaps alone.
    :raises ConfigurationError: half of an explicit window is missing, or no rule applies; it names the ways out.
    """
    explicit = _explicit_window(context, start, end)
    if explicit is not None:
        window, rule = explicit
        return RunWindow(window, window, rule, explicit=True)
    window, rule = _interval_window(context) or _schedule_window(context)
    if build_from is not None and as_utc(build_from) < window.start:
        window = window.widened_to(build_from)
        return RunWindow(window, window, f"{rule}, from the initial start time", explicit=False)
    if complete_until is not None and window.end <= as_utc(complete_until):
        return RunWindow(window, window, f"{rule}, delivered before", explicit=False)
    if complete_until is not None and as_utc(complete_until) < window.start:
        window = window.widened_to(complete_until)
        rule = f"{rule}, from the last checkpoint"
    lagged = window.widened_to(window.start - min(lag, window.start - _EARLIEST))
    return RunWindow(lagged, window, f"{rule}, with a lag of {lag}", explicit=False)


def conf_of(context: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the configuration that the run was triggered with, empty where there is none."""
    conf = getattr(context.get("dag_run"), "conf", None)
    return conf if isinstance(conf, Mapping) else {}


def _explicit_window(
    context: Mapping[str, Any], start: str | datetime | None, end: str | datetime | None
) -> tuple[Window, str] | None:
    conf = conf_of(context)
    return _both(conf.get("from"), conf.get("to"), ("from", "to"), "the run's configuration") or _both(
        start, end, ("start", "end"), "the operator's arguments"
    )


def _both(start: object, end: object, names: tuple[str, str], place: str) -> tuple[Window, str] | None:
    bounds = [None if bound is None or bound in _ABSENT else bound for bound in (start, end)]
    if bounds == [None, None]:
        return None
    if None in bounds:
        missing, given = names if bounds[0] is None else names[::-1]
        raise ConfigurationError(f"{place} gives `{given}` without `{missing}`; an explicit window needs both.")
    first, last = (
        as_utc(bound) if isinstance(bound, datetime) else parse_instant(str(bound), name=f"`{name}` of {place}")
        for bound, name in zip(bounds, names, strict=True)
    )
    return Window(first, last), place


def _interval_window(context: Mapping[str, Any]) -> tuple[Window, str] | None:
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if not start or not end or start == end:
        return None
    return Window(start, end), "the data interval"


def _schedule_window(context: Mapping[str, Any]) -> tuple[Window, str]:
    anchor = context.get("logical_date") or getattr(context.get("dag_run"), "run_after", None) or datetime.now(UTC)
    period = _last_period(getattr(context.get("dag"), "timetable", None), as_utc(anchor))
    if period is None:
        raise ConfigurationError(
            "This run has no data interval, and its DAG has no schedule with periods. Either trigger it with "
            '{"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"} as configuration, or give the DAG a '
            "CronDataIntervalTimetable or DeltaDataIntervalTimetable."
        )
    return period, f"the last complete period of the schedule before {format_instant(anchor)}"


def _last_period(timetable: Any, anchor: datetime) -> Window | None:
    """Return the last period of a cron or delta timetable that ended by ``anchor``, whatever its intervals are."""
    timetable = getattr(timetable, "timetable", timetable)  # the part of a schedule by assets or time that has periods
    delta = getattr(timetable, "delta", None) or getattr(timetable, "_delta", None)
    if isinstance(delta, timedelta) and delta:
        end = datetime.fromtimestamp(anchor.timestamp() // delta.total_seconds() * delta.total_seconds(), UTC)
        return Window(end - delta, end)
    expression = getattr(timetable, "expression", None) or getattr(timetable, "_expression", None)
    if not isinstance(expression, str):
        return None
    from croniter import croniter  # a dependency of Airflow itself

    zone = getattr(timetable, "timezone", None) or getattr(timetable, "_timezone", None) or UTC
    zone = ZoneInfo(zone) if isinstance(zone, str) else zone  # Airflow 3 keeps the name that it was given
    end = croniter(expression, (anchor + timedelta(microseconds=1)).astimezone(zone)).get_prev(datetime)
    start = croniter(expression, end).get_prev(datetime)
    return Window(start, end)
