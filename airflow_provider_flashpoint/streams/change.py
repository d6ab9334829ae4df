"""Changing the state of a stream by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.airflow_runtime import database
from airflow_provider_flashpoint.core.state import EventState, LookupState, LookupStatus
from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_flashpoint.streams.catalog import Stream

_ALL_TIME = datetime.max.replace(tzinfo=UTC)


def changed_state(
    stream: Stream, state: LookupState | EventState, *, status: str | None, checkpoint: datetime | None
) -> LookupState | EventState:
    """Return ``state`` with a new status, a new checkpoint, or both; None leaves either as it is.

    :raises ConfigurationError: the stream cannot have them.
    """
    now = datetime.now(UTC)
    state = replace(state, updated_at=now)
    if status is not None:
        if not isinstance(state, LookupState):
            raise ConfigurationError(f"{stream.name} is an event table, which has no status. Set its checkpoint.")
        state = replace(state, status=LookupStatus(status))
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
    from airflow_provider_flashpoint.core.staging.event_ledger import EventLedger

    task: Any = stream.task
    return EventLedger(task.directory / "ledger").prune(before=_ALL_TIME)
