"""States: a stored state can be read back, and checkpoints only move forward."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.origin import Origin
from airflow_provider_flashpoint.core.state import Delivered, EventState, LookupState, LookupStatus
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import ConfigurationError

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
LATER = EPOCH + timedelta(days=10)
TIMES = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
COMMON = {
    "from_checkpoint_time": TIMES,
    "to_checkpoint_time": TIMES,
    "pulled_at": TIMES,
    "updated_at": TIMES,
    "run_id": st.text(),
    "api": st.none() | st.text(),
    "filters": st.none() | st.dictionaries(st.text(), st.text()),
}
COUNTS = st.integers(0, 1 << 62)


def hours(start: float, end: float) -> Window:
    return Window(EPOCH + timedelta(hours=start), EPOCH + timedelta(hours=end))


def delivery(window: Window, *, leaves_no_gap: bool = True, **changes: Any) -> Delivered:
    given = {"pulled_at": LATER, "at": EPOCH, "run_id": "run", **changes}
    return Delivered(window=window, leaves_no_gap=leaves_no_gap, **given)


def delivered(state: EventState, window: Window, *, leaves_no_gap: bool = True, **changes: Any) -> EventState:
    return state.after_delivery(delivery(window, leaves_no_gap=leaves_no_gap, **changes), sent=1, repeated=2)


def synced(state: LookupState, window: Window, *, rebuilt: bool = False, leaves_no_gap: bool = True) -> LookupState:
    state = replace(state, columns=("k", "_extra"), key="k", generation="g", rows_sent=3)
    return state.after_sync(delivery(window, leaves_no_gap=leaves_no_gap), rebuilt=rebuilt)


@given(
    st.builds(
        LookupState,
        status=st.sampled_from(LookupStatus),
        columns=st.lists(st.text()).map(tuple),
        key=st.text(),
        generation=st.text(),
        rows_sent=COUNTS,
        **COMMON,
    )
)
def test_lookup_state_round_trip(state: LookupState) -> None:
    """A state is read back as it was written."""
    assert LookupState.from_json(state.to_json(), name="v") == state


@given(st.builds(EventState, sent=COUNTS, repeated=COUNTS, **COMMON))
def test_alert_state_round_trip(state: EventState) -> None:
    """A state is read back as it was written."""
    assert EventState.from_json(state.to_json(), name="v") == state


def test_text_is_readable_by_people() -> None:
    """The text names the version, the status and the times in ISO 8601."""
    shown = json.loads(synced(LookupState(), hours(0, 1)).to_json())
    assert (shown["version"], shown["status"], shown["to_checkpoint_time"]) == (1, "Created", "2026-01-01T01:00:00Z")


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (
            LookupState(status=LookupStatus.CREATED, name="Domains", to_checkpoint_time=EPOCH, rows_sent=7),
            "State of the Devo lookup Domains: complete to 2026-01-01T00:00:00Z, 7 rows in the last run.",
        ),
        (
            LookupState(name="Domains"),
            "State of the Devo lookup Domains: not complete yet, rebuilt by the next run.",
        ),
        (
            EventState(name="my.app.a", to_checkpoint_time=EPOCH, sent=3),
            "State of the Devo table my.app.a: complete to 2026-01-01T00:00:00Z, 3 events in the last run.",
        ),
        (EventState(), "State of the Devo table of an earlier version: not complete yet, 0 events in the last run."),
    ],
)
def test_a_state_is_described_in_a_sentence(state: LookupState | EventState, sentence: str) -> None:
    """Airflow shows the sentence beside the Variable, whose JSON is cut off in lists."""
    assert state.describe() == sentence


def test_text_can_be_stored() -> None:
    """The name of a column that UTF-8 cannot hold is escaped, and is read back all the same."""
    state = replace(synced(LookupState(), hours(0, 1)), columns=("é", "\ud800", "_extra"))
    text = state.to_json()
    assert "é" in text.encode().decode()
    assert LookupState.from_json(text, name="v") == state


def test_a_state_of_an_earlier_version_renews_nothing() -> None:
    """Its rebuild that did not end is repeated as before; a value that is no truth value is not read."""
    text = '{"version": 1, "status": "New"%s}'
    assert LookupState.from_json(text % "", name="v") == LookupState()
    assert LookupState.from_json(text % ', "renews": true', name="v").renews
    with pytest.raises(ConfigurationError, match="renews is 'yes'"):
        LookupState.from_json(text % ', "renews": "yes"', name="v")


def test_unknown_keys_are_left_out() -> None:
    """A note that a person put into the Variable does no harm."""
    assert EventState.from_json('{"version": 1, "note": "x"}', name="v") == EventState()


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20), st.booleans())))
def test_checkpoint_is_monotonic(windows: list[tuple[int, int, bool]]) -> None:
    """Whatever is delivered in whatever order, the checkpoint is the latest end that left no gap."""
    state = EventState()
    for start, length, leaves_no_gap in windows:
        state = delivered(state, hours(start, start + length), leaves_no_gap=leaves_no_gap)
    ends = [EPOCH + timedelta(hours=start + length) for start, length, leaves_no_gap in windows if leaves_no_gap]
    assert state.to_checkpoint_time == max(ends, default=None)


def test_older_window_leaves_both_checkpoints() -> None:
    """A rerun of an old window moves neither end of the checkpoint."""
    state = delivered(delivered(EventState(), hours(5, 6)), hours(1, 2))
    assert (state.from_checkpoint_time, state.to_checkpoint_time) == (hours(5, 6).start, hours(5, 6).end)


def test_gap_leaves_the_checkpoint() -> None:
    """A window beyond a gap is counted, but the checkpoint stays before the gap."""
    state = delivered(delivered(EventState(), hours(0, 1)), hours(5, 6), leaves_no_gap=False)
    assert state.to_checkpoint_time == hours(0, 1).end
    assert state.sent == 1


@pytest.mark.parametrize(("start", "until"), [(0, 12), (11, 12), (12, 6), (13, 6)])
def test_what_is_yet_to_come_is_not_claimed(start: int, until: int) -> None:
    """A window that reaches into the future is complete until its reading began, and no further."""
    pulled_at = hours(0, 12).end
    state = delivered(delivered(EventState(), hours(0, 6)), hours(start, 20), pulled_at=pulled_at)
    assert state.to_checkpoint_time == hours(0, until).end


def test_rebuild_forces_the_checkpoint() -> None:
    """A rebuild sets the checkpoint back to what it read."""
    state = synced(synced(LookupState(), hours(5, 6)), hours(1, 2), rebuilt=True)
    assert (state.from_checkpoint_time, state.to_checkpoint_time) == (hours(1, 2).start, hours(1, 2).end)


def test_rebuild_that_left_a_gap_has_no_checkpoint() -> None:
    """After a rebuild that left a gap there is no checkpoint, whatever it was before."""
    state = synced(synced(LookupState(), hours(5, 6)), hours(7, 8), rebuilt=True, leaves_no_gap=False)
    assert (state.from_checkpoint_time, state.to_checkpoint_time) == (None, None)


def test_first_sync_creates() -> None:
    """After a sync that Devo accepted the status is Created, with the columns and key of the build."""
    state = synced(LookupState(), hours(0, 1))
    assert (state.status, state.columns, state.key) == (LookupStatus.CREATED, ("k", "_extra"), "k")


def test_times_are_kept_in_utc() -> None:
    """A time with another offset is kept as the same instant in UTC."""
    at = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    state = delivered(EventState(), hours(0, 1), at=at)
    assert json.loads(state.to_json())["updated_at"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "text",
    ["", "New", "[]", "null", "{}", '{"version": 2, "status": "New"}', '{"version": "1", "status": "New"}'],
)
def test_nonsense_tells_how_to_reset(text: str) -> None:
    """A text that is no state is refused, and the message holds the command that resets it."""
    with pytest.raises(ConfigurationError, match="airflow variables delete flashpoint_v"):
        LookupState.from_json(text, name="flashpoint_v")


@pytest.mark.parametrize(
    "value",
    [
        {"status": "created"},
        {"status": None},
        {"columns": "domain"},
        {"columns": [1]},
        {"rows_sent": "3"},
        {"rows_sent": True},
        {"key": 5},
        {"run_id": ["x"]},
        {"to_checkpoint_time": "yesterday"},
        {"to_checkpoint_time": 5},
        {"api": 2},
        {"filters": "types"},
    ],
)
def test_wrong_value_tells_how_to_reset(value: dict[str, Any]) -> None:
    """A value of the wrong kind is refused when it is read, not when it is used."""
    text = json.dumps({"version": 1, "status": "New", **value})
    with pytest.raises(ConfigurationError, match="airflow variables delete flashpoint_v"):
        LookupState.from_json(text, name="flashpoint_v")


def test_an_explicit_window_beyond_a_gap_is_remembered_as_delivered() -> None:
    """The checkpoint stays before the gap; the state keeps the end of the newer window, also when read back."""
    state = synced(LookupState(), hours(0, 1), rebuilt=True)
    state = synced(state, hours(4, 5), leaves_no_gap=False)
    state = LookupState.from_json(state.to_json(), name="variable")
    assert state.to_checkpoint_time == hours(0, 1).end
    assert state.delivered_to_time == hours(4, 5).end


@pytest.mark.parametrize("origin", [Origin(), Origin(api="ignite_v2", filters={"tags": "x"})])
def test_a_state_without_an_origin_goes_on_with_any(origin: Origin) -> None:
    """A state of an earlier version does not say how it was read, so nothing is known to have changed."""
    EventState.from_json('{"version": 1, "sent": 3}', name="v").check_origin(origin, name="table t")


@pytest.mark.parametrize(
    ("origin", "change"),
    [
        (Origin(api="ignite_v2", filters={}), "api was 'legacy' and is now 'ignite_v2'"),
        (Origin(api="legacy", filters={"query": "x"}), "filters was {} and is now {'query': 'x'}"),
        (Origin(api="ignite_v1", filters={"query": "x"}, same_documents=("legacy", "ignite_v1")), "filters was {}"),
    ],
)
@pytest.mark.parametrize(
    ("kind", "way_out"),
    [(LookupState, '{"rebuild": ["<lookup name>"]}'), (EventState, '{"accept_change": true}')],
)
def test_records_of_another_origin_are_an_error(
    kind: type[LookupState | EventState], way_out: str, origin: Origin, change: str
) -> None:
    """After a delivery the state knows its origin; the error of another one has both values and the ways out."""
    state = kind.from_json('{"version": 1, "status": "Created", "api": "legacy", "filters": {}}', name="v")
    state.check_origin(Origin(api="legacy", filters={}), name="x")
    with pytest.raises(ConfigurationError) as caught:
        state.check_origin(origin, name="stream x")
    assert all(part in str(caught.value) for part in ("stream x", change, way_out, "set the source back"))


def test_a_generation_with_the_same_documents_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """A change to a generation of the same documents is only logged."""
    state = delivered(EventState(), hours(0, 1), origin=Origin(api="legacy", filters={}))
    with caplog.at_level(logging.INFO):
        state.check_origin(Origin(api="ignite_v1", filters={}, same_documents=("legacy", "ignite_v1")), name="x")
    assert "api was 'legacy' and is now 'ignite_v1'" in caplog.text


# A state ahead of the clock -------------------------------------------------------------------------------------------

NOW = hours(0, 24).end
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def spoiled(**times: Any) -> LookupState:
    end = hours(0, 5).end
    good = LookupState(from_checkpoint_time=EPOCH, to_checkpoint_time=end, pulled_at=end, delivered_to_time=end)
    return replace(good, **times)


@pytest.mark.parametrize(
    ("times", "checkpoint"),
    [
        ({"to_checkpoint_time": NOW + 62 * SECOND}, EPOCH),
        ({"to_checkpoint_time": NOW + timedelta(hours=1)}, EPOCH),
        ({"to_checkpoint_time": NOW + 365 * DAY}, EPOCH),
        ({"to_checkpoint_time": datetime.max.replace(tzinfo=UTC)}, EPOCH),
        ({"to_checkpoint_time": NOW + DAY, "from_checkpoint_time": hours(0, 23).end}, hours(0, 23).end),
        ({"to_checkpoint_time": NOW + DAY, "from_checkpoint_time": NOW + DAY - SECOND}, None),
        ({"to_checkpoint_time": NOW + DAY, "from_checkpoint_time": None}, None),
        ({"to_checkpoint_time": NOW + DAY, "pulled_at": NOW + DAY, "updated_at": NOW + DAY}, EPOCH),
    ],
)
def test_a_checkpoint_ahead_of_the_clock_goes_back_to_the_start_of_its_window(
    times: dict[str, Any], checkpoint: datetime | None
) -> None:
    """A checkpoint in the future is not true; the sentence has the wrong time and the place where reading goes on."""
    healed, problem = spoiled(**times).healed(NOW)
    assert healed.to_checkpoint_time == checkpoint
    assert problem is not None
    assert f"to_checkpoint_time is {times['to_checkpoint_time'].isoformat().replace('+00:00', 'Z')}" in problem
    assert (checkpoint.isoformat().replace("+00:00", "Z") if checkpoint else "the initial start time") in problem
    assert healed.healed(NOW) == (healed, None)


@pytest.mark.parametrize("name", ["pulled_at", "updated_at", "from_checkpoint_time", "delivered_to_time"])
def test_every_time_ahead_of_the_clock_is_healed(name: str) -> None:
    """Another time in the future is healed too, and leaves a checkpoint that is true."""
    healed, problem = spoiled(**{name: NOW + DAY}).healed(NOW)
    assert getattr(healed, name) == (NOW if name == "delivered_to_time" else None)
    assert healed.to_checkpoint_time == hours(0, 5).end
    assert problem is not None
    assert name in problem


@pytest.mark.parametrize("ahead", [timedelta(), -DAY, SECOND, 60 * SECOND])
def test_a_state_within_the_tolerance_is_left_as_it_is(ahead: timedelta) -> None:
    """The clocks of two machines differ a little."""
    state = spoiled(to_checkpoint_time=NOW + ahead, updated_at=NOW + ahead)
    assert state.healed(NOW) == (state, None)


def test_an_explicit_window_into_the_future_is_delivered_until_its_pull() -> None:
    """What is yet to come was not delivered, so that later runs are the newest again."""
    state = synced(LookupState(), Window(EPOCH, LATER + DAY), leaves_no_gap=False)
    assert state.delivered_to_time == LATER
