"""What the next run of a stream will do, given the state that it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.cli.reading import run_context
from airflow_provider_flashpoint.core.state import EventState, LookupState, LookupStatus
from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.operators.pull_indicators import LookupProgress

if TYPE_CHECKING:
    from airflow_provider_flashpoint.streams.catalog import Stream


def told(stream: Stream, state: LookupState | EventState | None) -> str:
    """Return in a sentence what the next run does, and from when on it reads, its lag included."""
    task: Any = stream.task
    if task is None:
        return "The next run that keeps this state goes by that."
    context = run_context(task, {})
    if stream.is_lookup:
        known = state if isinstance(state, LookupState) else None
        status = known.status if known else LookupStatus(task.lookup_status)
        window = task.window_of(context, LookupProgress(known, status)).asked
        does = "builds the lookup anew" if status is LookupStatus.NEW else "adds to the lookup"
    else:
        window = task.window_of(context, state.to_checkpoint_time if state else None).asked
        does = f"sends {stream.holds}"
    return f"The next run {does}, from {format_instant(window.start)} on."
