"""The window that a run reads: the order of the rules, and the changes to its start."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_flashpoint.airflow_runtime.run_window import conf_of, run_period
from airflow_provider_flashpoint.core.run_window import RunPeriod, RunWindow
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import ConfigurationError

LAG = timedelta(minutes=15)


def at(hour: int, minute: int = 0, day: int = 2) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def context_of(
    interval: tuple[datetime | None, datetime | None] | None = None,
    conf: Any = None,
    timetable: Any = None,
    **more: Any,
) -> dict[str, Any]:
    start, end = interval or (None, None)
    return {
        "data_interval_start": start,
        "data_interval_end": end,
        "dag_run": SimpleNamespace(conf=conf, run_after=more.pop("run_after", None)),
        "dag": SimpleNamespace(timetable=timetable),
        **more,
    }


def resolve(
    context: dict[str, Any],
    *,
    build_from: datetime | None = None,
    checkpoint: datetime | None = None,
    start: Any = None,
    end: Any = None,
    **rules: Any,
) -> RunWindow:
    period = replace(run_period(context, start=start, end=end), initial_start=build_from, **rules)
    return period.to_read(build=build_from is not None, checkpoint=checkpoint)


TEN_TO_ELEVEN = (at(10), at(11))

# Rules ----------------------------------------------------------------------------------------------------------------


def test_configuration_of_the_run_comes_first() -> None:
    """An explicit window of the run's configuration outranks arguments and data interval."""
    context = context_of(TEN_TO_ELEVEN, {"from": "2026-03-02T01:00:00Z", "to": "2026-03-02T02:00:00Z"})
    found = resolve(context, start=at(3), end=at(4))
    assert (found.window, found.explicit) == (Window(at(1), at(2)), True)
    assert found.rule == "the run's configuration"


def test_arguments_come_second() -> None:
    """An explicit window of the operator's arguments outranks the data interval."""
    found = resolve(context_of(TEN_TO_ELEVEN), start=at(3), end="2026-03-02T04:00:00Z")
    assert (found.window, found.explicit) == (Window(at(3), at(4)), True)
    assert found.rule == "the operator's arguments"


def test_data_interval_comes_third() -> None:
    """Without an explicit window the data interval is read."""
    found = resolve(context_of(TEN_TO_ELEVEN))
    assert (found.window, found.explicit) == (Window(*TEN_TO_ELEVEN), False)
    assert found.rule.startswith("the data interval")


@pytest.mark.parametrize("absent", [None, "", "None"])
def test_empty_template_gives_no_bound(absent: Any) -> None:
    """A template that renders no value gives no bound."""
    assert resolve(context_of(TEN_TO_ELEVEN), start=absent, end=absent).window == Window(*TEN_TO_ELEVEN)


@pytest.mark.parametrize(
    ("conf", "arguments", "message"),
    [
        ({"from": "2026-03-02T01:00:00Z"}, {}, "the run's configuration gives `from` without `to`"),
        ({"to": "2026-03-02T01:00:00Z"}, {}, "the run's configuration gives `to` without `from`"),
        (None, {"start": at(1)}, "the operator's arguments gives `start` without `end`"),
        (None, {"end": at(1), "start": "None"}, "the operator's arguments gives `end` without `start`"),
    ],
)
def test_half_an_explicit_window_is_refused(conf: Any, arguments: dict[str, Any], message: str) -> None:
    """One bound without the other is an error, never a guess; the message names both."""
    with pytest.raises(ConfigurationError, match=message):
        resolve(context_of(TEN_TO_ELEVEN, conf), **arguments)


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ({"from": "yesterday", "to": "2026-03-02T01:00:00Z"}, "`from` of the run's configuration is 'yesterday'"),
        ({"from": "2026-03-02T01:00:00Z", "to": "2026-03-02T01:00:00Z"}, "empty"),
        ({"from": "2026-03-02T02:00:00Z", "to": "2026-03-02T01:00:00Z"}, "empty"),
    ],
)
def test_unusable_explicit_window_is_refused(conf: Any, message: str) -> None:
    """A bound that is not a time, an empty window and a reversed window are errors."""
    with pytest.raises(ConfigurationError, match=message):
        resolve(context_of(conf=conf))


@pytest.mark.parametrize("conf", [None, {}, "text", []])
def test_run_without_configuration(conf: Any) -> None:
    """A value that is not a mapping counts as no configuration."""
    assert conf_of(context_of(conf=conf)) == {}


def test_context_without_a_run() -> None:
    """A context that lacks the run altogether has no configuration."""
    assert conf_of({}) == {}


# Schedule -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interval", [None, (at(10, 20), at(10, 20)), (at(10), None)])
def test_empty_interval_leads_to_the_schedule(interval: Any) -> None:
    """A run without an interval, or with one of no length, reads the last complete period of the schedule."""
    timetable = SimpleNamespace(delta=timedelta(hours=1))
    found = resolve(context_of(interval, timetable=timetable, logical_date=at(10, 20)))
    assert (found.window, found.explicit) == (Window(at(9), at(10)), False)
    assert found.rule.startswith("the last complete period of the schedule before 2026-03-02T10:20:00Z")


@pytest.mark.parametrize("attribute", ["delta", "_delta"])
@pytest.mark.parametrize(
    ("anchor", "period"),
    [(at(10, 29), (at(9, 30), at(10))), (at(10, 30), (at(10), at(10, 30))), (at(10, 31), (at(10), at(10, 30)))],
)
def test_periods_of_a_delta(attribute: str, anchor: datetime, period: tuple[datetime, datetime]) -> None:
    """The last period of a delta ends at or before the anchor."""
    timetable = SimpleNamespace(**{attribute: timedelta(minutes=30)})
    assert resolve(context_of(timetable=timetable, logical_date=anchor)).window == Window(*period)


@pytest.mark.parametrize("attribute", ["expression", "_expression"])
@pytest.mark.parametrize(
    ("anchor", "period"),
    [(at(5, 59), (at(0), at(3))), (at(6), (at(3), at(6))), (at(6, 1), (at(3), at(6)))],
)
def test_periods_of_a_cron(attribute: str, anchor: datetime, period: tuple[datetime, datetime]) -> None:
    """The last period of a cron expression ends at or before the anchor."""
    timetable = SimpleNamespace(**{attribute: "0 */3 * * *"})
    assert resolve(context_of(timetable=timetable, logical_date=anchor)).window == Window(*period)


def test_schedule_by_assets_or_time_has_the_periods_of_its_time() -> None:
    """A run triggered by an asset reads the last period of the schedule that is combined with the assets."""
    timetable = SimpleNamespace(timetable=SimpleNamespace(delta=timedelta(hours=1)))
    assert resolve(context_of(timetable=timetable, logical_date=None, run_after=at(7, 5))).window == Window(
        at(6), at(7)
    )


@pytest.mark.parametrize("timetable", [{"expression": "0 */3 * * *"}, {"delta": timedelta(hours=3)}])
def test_period_that_ends_in_half_a_second_is_not_complete(timetable: dict[str, Any]) -> None:
    """A period that has not ended is not read."""
    anchor = at(6) - timedelta(milliseconds=500)
    found = resolve(context_of(timetable=SimpleNamespace(**timetable), logical_date=anchor))
    assert found.window == Window(at(0), at(3))


@pytest.mark.parametrize("zone", [ZoneInfo("Asia/Tokyo"), "Asia/Tokyo"], ids=["a zone", "its name, as on Airflow 3"])
def test_cron_uses_the_zone_of_its_timetable(zone: Any) -> None:
    """Midnight of the timetable's zone is not midnight in UTC."""
    timetable = SimpleNamespace(expression="0 0 * * *", timezone=zone)
    found = resolve(context_of(timetable=timetable, logical_date=at(16)))
    assert found.window == Window(at(15, day=1), at(15))


def test_run_without_a_logical_date_uses_run_after() -> None:
    """A run without a logical date reads the last period before its `run_after`."""
    timetable = SimpleNamespace(delta=timedelta(hours=1))
    assert resolve(context_of(timetable=timetable, logical_date=None, run_after=at(7, 5))).window == Window(
        at(6), at(7)
    )


@pytest.mark.parametrize("timetable", [None, SimpleNamespace(), SimpleNamespace(delta=None, expression=None)])
def test_run_without_any_period_is_refused(timetable: Any) -> None:
    """If no rule applies, the message names both remedies."""
    with pytest.raises(ConfigurationError, match=r'no schedule with periods.*"from".*DeltaDataIntervalTimetable'):
        resolve(context_of(timetable=timetable, logical_date=at(1)))


def test_context_without_a_dag_is_refused() -> None:
    """An empty context is a configuration error, not a KeyError."""
    with pytest.raises(ConfigurationError, match="no data interval"):
        resolve({})


# Changes to the start -------------------------------------------------------------------------------------------------


def test_lag_widens_only_the_window_that_is_read() -> None:
    """The lag widens the window that is read; the checkpoint covers the window without the lag."""
    found = resolve(context_of(TEN_TO_ELEVEN), lag=LAG)
    assert (found.window, found.covered) == (Window(at(9, 45), at(11)), Window(at(10), at(11)))


def test_explicit_window_is_taken_exactly() -> None:
    """Lag, build and checkpoint do not change an explicit window."""
    found = resolve(context_of(), start=at(3), end=at(4), lag=LAG, build_from=at(0), checkpoint=at(1))
    assert found.window == found.covered == Window(at(3), at(4))


def test_build_begins_at_the_initial_start() -> None:
    """A new lookup is read from its initial start time, without a lag."""
    found = resolve(context_of(TEN_TO_ELEVEN), lag=LAG, build_from=at(0))
    assert found.window == found.covered == Window(at(0), at(11))
    assert found.rule == "the data interval, from the initial start time"


@pytest.mark.parametrize("build_from", [at(10), at(10, 30), at(12)])
def test_build_never_begins_later_than_the_window(build_from: datetime) -> None:
    """An initial start time inside or after the window does not shorten the window."""
    assert resolve(context_of(TEN_TO_ELEVEN), build_from=build_from).window == Window(*TEN_TO_ELEVEN)


def test_gap_is_closed() -> None:
    """A checkpoint before the window becomes the start, and the lag begins before it."""
    found = resolve(context_of(TEN_TO_ELEVEN), lag=LAG, checkpoint=at(7))
    assert (found.window, found.covered) == (Window(at(6, 45), at(11)), Window(at(7), at(11)))
    assert "from the last checkpoint" in found.rule


def test_no_lag_reaches_before_the_first_year() -> None:
    """The earliest possible checkpoint is valid, and the lag does not go before it."""
    earliest = datetime.min.replace(tzinfo=UTC)
    found = resolve(context_of(TEN_TO_ELEVEN), lag=LAG, checkpoint=earliest)
    assert found.window == found.covered == Window(earliest, at(11))


@pytest.mark.parametrize("checkpoint", [at(10), at(10, 30)])
def test_checkpoint_at_the_window_is_no_gap(checkpoint: datetime) -> None:
    """A checkpoint at the start of the window, or inside, leaves the start and the lag as they are."""
    found = resolve(context_of(TEN_TO_ELEVEN), lag=LAG, checkpoint=checkpoint)
    assert (found.window, found.covered) == (Window(at(9, 45), at(11)), Window(at(10), at(11)))
    assert "checkpoint" not in found.rule


@pytest.mark.parametrize("checkpoint", [at(11), at(12)])
def test_window_delivered_before_is_exact(checkpoint: datetime) -> None:
    """A window that ends at or before the checkpoint is read without a lag."""
    found = resolve(context_of(TEN_TO_ELEVEN), lag=LAG, checkpoint=checkpoint)
    assert found.window == found.covered == Window(*TEN_TO_ELEVEN)
    assert found.rule == "the data interval, delivered before"


def test_bounds_are_compared_as_instants() -> None:
    """Bounds without an offset are UTC, and bounds with another offset mean the same instants."""
    plus_two = timezone(timedelta(hours=2))
    interval = (at(10).astimezone(plus_two), at(11).astimezone(plus_two))
    found = resolve(context_of(interval), checkpoint=at(7).replace(tzinfo=None))
    assert found.covered == Window(at(7), at(11))


@pytest.mark.parametrize(("checkpoint", "end"), [(None, at(11)), (at(9), at(11)), (at(11), at(11)), (at(12), at(12))])
def test_window_is_extended_to_a_later_checkpoint(checkpoint: datetime | None, end: datetime) -> None:
    """Both windows are extended to a later checkpoint and keep their start."""
    found = resolve(context_of(TEN_TO_ELEVEN), lag=LAG).up_to(checkpoint)
    assert (found.window, found.covered) == (Window(at(9, 45), end), Window(at(10), end))
    assert ("up to the checkpoint" in found.rule) is (end != at(11))


# Checkpoints ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("explicit", "checkpoint", "expected"),
    [
        (False, None, True),
        (False, at(9), True),
        (True, None, False),
        (True, at(9), False),
        (True, at(10), True),
        (True, at(10, 30), True),
        (True, at(12), True),
    ],
)
def test_only_an_explicit_window_can_leave_a_gap(explicit: bool, checkpoint: datetime | None, expected: bool) -> None:
    """A checkpoint does not move past a gap before an explicit window."""
    window = Window(*TEN_TO_ELEVEN)
    assert RunWindow(window, window, "", explicit=explicit).leaves_no_gap(checkpoint) is expected


@pytest.mark.parametrize(
    ("lag", "checkpoint", "expected"),
    [
        (LAG, at(10), at(9, 45)),
        (timedelta(0), at(10), at(10)),
        (LAG, datetime(1, 1, 1, 0, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)),
        (LAG, None, None),
    ],
)
def test_a_window_goes_on_from_the_lag_before_the_checkpoint(
    lag: timedelta, checkpoint: datetime | None, expected: datetime | None
) -> None:
    """Late records from before the checkpoint are read by the window that moves it on."""
    period = RunPeriod(window=Window(*TEN_TO_ELEVEN), rule="", explicit=True, lag=lag)
    assert period.goes_on_from(checkpoint) == expected
