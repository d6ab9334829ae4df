"""Setting the state of one stream by hand, within what makes sense."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from airflow_provider_flashpoint.cli import next_run
from airflow_provider_flashpoint.cli.report import WrongUsage
from airflow_provider_flashpoint.core.state import EventState, LookupState, LookupStatus
from airflow_provider_flashpoint.core.window import format_instant, parse_instant
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.progress import stored_state

if TYPE_CHECKING:
    from airflow_provider_flashpoint.streams.catalog import Stream


@dataclass(frozen=True, slots=True)
class Change:
    """The state that a stream is given, and in words what that means."""

    stream: Stream
    after: LookupState | EventState
    text: str

    @classmethod
    def of(cls, stream: Stream, status: str | None, to_checkpoint: str | None) -> Self:
        """Return the change that sets a status, a checkpoint, or both.

        :raises WrongUsage: that makes no sense for this stream.
        :raises ConfigurationError: the present state cannot be read.
        """
        if status is None and to_checkpoint is None:
            raise WrongUsage("Nothing is to be set: give --status, --to-checkpoint, or both.")
        now = datetime.now(UTC)
        until = _checkpoint(to_checkpoint, now) if to_checkpoint is not None else None
        state = stored_state(stream) or stream.kind()
        texts = []
        if status is not None:
            state = _with_status(stream, state, status)
            texts.append(f"status {status}")
        is_gap = False
        if until is not None:
            before = state.to_checkpoint_time
            texts.append(f"checkpoint {format_instant(before) if before else 'none'} -> {format_instant(until)}")
            is_gap = before is not None and until > before
            state = _with_checkpoint(stream, state, until)
        sentences = [f"{', '.join(texts)}.", next_run.told(stream, state)]
        if is_gap:
            sentences.append("What lies between the two checkpoints is read by no scheduled run.")
        return cls(stream, replace(state, updated_at=now), " ".join(sentences))


def _checkpoint(text: str, now: datetime) -> datetime:
    try:
        until = parse_instant(text, name="--to-checkpoint")
    except ConfigurationError as error:
        raise WrongUsage(str(error)) from error
    if until > now:
        raise WrongUsage(
            f"--to-checkpoint {format_instant(until)} lies in the future: nothing is delivered until then."
        )
    return until


def _with_status(stream: Stream, state: LookupState | EventState, status: str) -> LookupState:
    if not isinstance(state, LookupState):
        raise WrongUsage(f"{stream.name} is a stream of alerts, which has no status; --to-checkpoint can be set.")
    return replace(state, status=LookupStatus(status))


def _with_checkpoint(stream: Stream, state: LookupState | EventState, until: datetime) -> LookupState | EventState:
    if isinstance(state, LookupState) and state.status is LookupStatus.NEW:
        raise WrongUsage(
            f"{stream.name} is New: it is built from its initial start time on, whatever its checkpoint is. Give "
            "--status Created as well if the lookup is in Devo."
        )
    start = state.from_checkpoint_time
    kept = start if start is not None and start < until else None
    if isinstance(state, EventState):
        return replace(state, from_checkpoint_time=kept, to_checkpoint_time=until)
    # What was delivered beyond the new checkpoint stays delivered: older values must not replace it.
    ends = [moment for moment in (state.delivered_to_time, state.to_checkpoint_time) if moment]
    return replace(
        state,
        from_checkpoint_time=kept,
        to_checkpoint_time=until,
        delivered_to_time=max(ends, default=None),
    )
