"""The period that a run of a DAG is for, by the first rule that applies.

1. explicit: ``{"from": ..., "to": ...}`` in the run's configuration, or ``start`` and ``end`` of the operator;
2. the run's data interval, if there is one and it is not empty;
3. the last complete period of the DAG's schedule.

`RunPeriod.to_read` then decides how much earlier reading begins. A context is a mapping; no Airflow is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_flashpoint.core.run_window import RunPeriod
from airflow_provider_flashpoint.core.window import Window, as_utc, format_instant, parse_instant
from airflow_provider_flashpoint.errors import ConfigurationError

_ABSENT = (None, "", "None")


def run_period(
    context: Mapping[str, Any], *, start: str | datetime | None = None, end: str | datetime | None = None
) -> RunPeriod:
    """Return the period of the run, without rules for an earlier start.

    :param start: start of an explicit window; needs ``end``.
    :raises ConfigurationError: an explicit window lacks a bound, or no rule applies.
    """
    conf = conf_of(context)
    explicit = _window_between(conf.get("from"), conf.get("to"), ("from", "to"), "the run's configuration") or (
        _window_between(start, end, ("start", "end"), "the operator's arguments")
    )
    window, rule = explicit or _interval_window(context) or _schedule_window(context)
    return RunPeriod(window=window, rule=rule, explicit=explicit is not None)


def conf_of(context: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the configuration that the run was triggered with, empty if there is none."""
    conf = getattr(context.get("dag_run"), "conf", None)
    return conf if isinstance(conf, Mapping) else {}


def _window_between(start: object, end: object, names: tuple[str, str], place: str) -> tuple[Window, str] | None:
    bounds = [None if bound in _ABSENT else bound for bound in (start, end)]
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
    """Return the last period of a cron or delta timetable that ended by ``anchor``, None for other timetables."""
    timetable = getattr(timetable, "timetable", timetable)  # the time part of a schedule by assets or time
    delta = getattr(timetable, "delta", None) or getattr(timetable, "_delta", None)
    if isinstance(delta, timedelta) and delta:
        end = datetime.fromtimestamp(anchor.timestamp() // delta.total_seconds() * delta.total_seconds(), UTC)
        return Window(end - delta, end)
    expression = getattr(timetable, "expression", None) or getattr(timetable, "_expression", None)
    if not isinstance(expression, str):
        return None
    import pendulum
    from croniter import croniter

    zone = getattr(timetable, "timezone", None) or getattr(timetable, "_timezone", None) or UTC
    zone = pendulum.timezone(zone) if isinstance(zone, str) else zone  # Airflow 3 keeps the name of the zone
    end = croniter(expression, (anchor + timedelta(microseconds=1)).astimezone(zone)).get_prev(datetime)
    start = croniter(expression, end).get_prev(datetime)
    return Window(start, end)
