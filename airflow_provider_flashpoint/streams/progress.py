"""How far each stream is: its stored state, what its next run does, and changing the state by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_flashpoint.airflow_runtime import database
from airflow_provider_flashpoint.core.run_window import LookupProgress
from airflow_provider_flashpoint.core.staging.events.event_ledger import EventLedger
from airflow_provider_flashpoint.core.state import EventState, LookupState, LookupStatus
from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.coverage import freshness
from airflow_provider_flashpoint.streams.pull_progress import pull_progress_of

if TYPE_CHECKING:
    from airflow_provider_flashpoint.airflow_runtime.storage.stream import StreamStore
    from airflow_provider_flashpoint.streams.catalog import Stream

_ALL_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NextRun:
    """The next run of a stream: from when on it reads, lag included, and whether it builds a lookup."""

    start: datetime
    is_build: bool


def stored_state(stream: Stream) -> LookupState | EventState | None:
    """Return the state of a stream, None where there is none.

    :raises ConfigurationError: the Variable is not a state, cannot be decrypted, or is not known.
    """
    if stream.problem:
        raise ConfigurationError(f"The state of {stream.name} is not known. {stream.problem}")
    text = database.read_variable(stream.variable)
    if text is not None:
        return stream.kind.from_json(text, name=stream.variable)
    if stream.variable in database.state_variables():
        raise ConfigurationError(
            f"The Airflow Variable {stream.variable} cannot be decrypted: is this the fernet_key it was written with?"
        )
    return None


def progress_of(stream: Stream, now: datetime, *, with_pull: bool = True) -> dict[str, Any]:
    """Return how far a stream is, in JSON's own types.

    Shape: ``name, destination, source, kind, variable, configured, present, problem``, then the fields of the state,
    None without a state; ``columns`` is their number, ``age_s`` the seconds since the checkpoint, ``period_s`` and
    `freshness` what that is compared with, ``pull`` a pull that is not synced yet, see `pull_progress_of`.

    :param with_pull: give ``pull`` too, which lists a directory of the staging storage.
    """
    state, problem = None, None
    try:
        state = stored_state(stream)
        problem = (origin_problem(stream, state) or state.healed(now)[1]) if state else None
    except ConfigurationError as error:
        problem = str(error)
    fields = asdict(state) if state else dict.fromkeys(field.name for field in dataclasses.fields(stream.kind))
    checkpoint = fields["to_checkpoint_time"]
    age_s = round((now - checkpoint).total_seconds()) if checkpoint else None
    return {
        "kind": "lookup" if stream.is_lookup else "alerts",
        "variable": stream.variable,
        "configured": stream.task is not None,
        "present": state is not None or (problem is not None and not stream.problem),
        "problem": problem,
        "status": None,
        **{name: format_instant(value) if isinstance(value, datetime) else value for name, value in fields.items()},
        "name": stream.name,
        "destination": stream.destination or None,
        "source": stream.source or None,
        "columns": len(fields.get("columns") or ()) or None,
        **({"pull": pull_progress_of(stream, state, now)} if with_pull else {}),
        "age_s": age_s,
        "period_s": stream.period_s,
        "freshness": freshness(age_s, stream.period_s).value,
    }


def origin_problem(stream: Stream, state: LookupState | EventState) -> str | None:
    """Return why the next run stops: the state names another origin. None where it goes on, or nothing can be read."""
    task: Any = stream.task
    if task is None or (isinstance(state, LookupState) and not LookupProgress.stored(state).goes_on):
        return None
    try:
        opened = task.open_indicators(()) if stream.is_lookup else task.open_events()
    except Exception:  # `airflow-flashpoint check` says what is wrong with the connection
        return None
    return state.mix_with(opened.origin)


def next_run(stream: Stream, state: LookupState | EventState | None) -> NextRun | None:
    """Return the run that would begin now with this state; None where the configuration does not name the stream."""
    task: Any = stream.task
    if task is None:
        return None
    context = run_context(task, {})
    state = state.healed(datetime.now(UTC))[0] if state else None
    if not stream.is_lookup:
        window = task.window_of(context, state.to_checkpoint_time if state else None).window
        return NextRun(window.start, is_build=False)
    known = state if isinstance(state, LookupState) else None
    period = task.period(context)
    progress = LookupProgress.stored(known, initial=LookupStatus(task.lookup_status)).for_run(period)
    return NextRun(progress.window(period).window.start, is_build=progress.status is LookupStatus.NEW)


def changed_state(
    stream: Stream, state: LookupState | EventState, *, status: str | None, checkpoint: datetime | None
) -> LookupState | EventState:
    """Return ``state`` with a new status, a new checkpoint, or both; None leaves either as it is.

    :raises ConfigurationError: the stream cannot have them.
    """
    now = datetime.now(UTC)
    key = asdict(stream.store.key) if stream.store else {}
    state = replace(state.healed(now)[0], updated_at=now, **key)
    if status is not None:
        if not isinstance(state, LookupState):
            raise ConfigurationError(f"{stream.name} is an event table, which has no status. Set its checkpoint.")
        state = replace(state, status=LookupStatus(status), renews=False)
    if checkpoint is None:
        return state
    if checkpoint > now:
        raise ConfigurationError(f"The checkpoint {format_instant(checkpoint)} lies in the future.")
    if isinstance(state, LookupState):
        if state.status is LookupStatus.NEW:
            raise ConfigurationError(
                f"{stream.name} is New: it is built from its initial start time, whatever its checkpoint is. Set the "
                "status Created as well if the lookup is in Devo."
            )
        # Rows beyond the new checkpoint stay delivered: older values must not replace them.
        ends = [moment for moment in (state.delivered_to_time, state.to_checkpoint_time) if moment]
        state = replace(state, delivered_to_time=max(ends, default=None))
    start = state.from_checkpoint_time
    kept_start = start if start is not None and start < checkpoint else None
    return replace(state, from_checkpoint_time=kept_start, to_checkpoint_time=checkpoint)


def has_variable(stream: Stream) -> bool:
    """Return whether there is a state to reset, even an unreadable one."""
    return stream.variable in database.state_variables() or database.read_variable(stream.variable) is not None


def forget_sent(stream: Stream) -> int:
    """Delete the ledger of an event table, so that all events are sent again; return the number of hours in it.

    A reset keeps this ledger, since it records what Devo has. The ledger of a lookup needs no deletion: a rebuild
    begins its own.
    """
    return EventLedger(cast("StreamStore[Any]", stream.store).home / "ledger").prune(before=_ALL_TIME)


def run_context(task: Any, conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a run's context that decides its window, for a run triggered now with ``conf``."""
    now = datetime.now(UTC)
    run = SimpleNamespace(conf=conf, run_after=now)
    return {"dag": task.dag, "dag_run": run, "logical_date": now, "run_id": "preview"}
