"""The state of a lookup and of an event table: one small JSON text each, readable by people.

The texts are kept in Airflow Variables and written last, after Devo accepted the data. They hold the checkpoint up to
which a lookup or event table is complete. Checkpoints only move forward, except in a rebuild.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, StrictBool, StrictInt, TypeAdapter, ValidationError, ValidationInfo

from airflow_provider_flashpoint.core.origin import Origin
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.window import Window, as_utc, format_instant, parse_instant
from airflow_provider_flashpoint.errors import ConfigurationError

STATE_VERSION = 1
_CLOCK_TOLERANCE = timedelta(minutes=1)  # between the clocks of two machines

_UNNAMED = "of an earlier version"

_log = logger(__name__)


def _instant(value: Any, info: ValidationInfo) -> datetime:
    return parse_instant(value, name=str(info.field_name))


_Instant = Annotated[datetime, BeforeValidator(_instant)]


class LookupStatus(StrEnum):
    """``New``: the next sync builds or rebuilds the lookup. ``Created``: it adds to it."""

    NEW = "New"
    CREATED = "Created"


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """A window that a run delivered, and the circumstances that its state keeps.

    ``pulled_at`` is when the pull began, ``at`` when Devo had confirmed.
    """

    window: Window
    leaves_no_gap: bool
    pulled_at: datetime
    at: datetime
    run_id: str = ""
    origin: Origin = field(default_factory=Origin)

    @property
    def until(self) -> datetime:
        """The end of what was read: of the window, or the time of the pull if the window reaches into the future."""
        return min(self.window.end, as_utc(self.pulled_at))


@dataclass(frozen=True, kw_only=True)
class _Checkpointed:
    """The fields of both kinds of state. Times are aware and in UTC; None if there was no run yet.

    ``name``, ``destination`` and ``source`` are those of the `StreamKey`, empty if an earlier version wrote the state.
    ``api`` and ``filters`` are those of the `Origin`.
    """

    WAYS_OUT: ClassVar[str]
    """How a stream goes on after a change of its origin."""

    api: str | None = None
    filters: Mapping[str, str] | None = None
    name: str = ""
    destination: str = ""
    source: str = ""
    from_checkpoint_time: _Instant | None = None
    to_checkpoint_time: _Instant | None = None
    pulled_at: _Instant | None = None
    run_id: str = ""
    updated_at: _Instant | None = None

    def to_json(self) -> str:
        """Return the text for the Variable."""
        shown = {
            name: format_instant(value) if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }
        text = json.dumps({"version": STATE_VERSION, **shown}, ensure_ascii=False)
        # No database takes a lone surrogate, which the name of a column may hold; write its escape.
        return text.encode("utf-8", "backslashreplace").decode()

    @classmethod
    def from_json(cls, text: str, *, name: str) -> Self:
        """Return the state that a Variable holds.

        :param name: the name of the Variable, for the message.
        :raises ConfigurationError: the text is not a state; the message says how to reset it.
        """
        try:
            found = json.loads(text)
            if not isinstance(found, dict):
                raise ValueError("it is not a JSON object")
            if found.get("version") != STATE_VERSION:
                raise ValueError(f"version is {found.get('version')!r}, not {STATE_VERSION}")
            given = {field: value for field, value in found.items() if value is not None}
            # A stored state of a lookup must have a status, so its default is not used here.
            return TypeAdapter(cls).validate_python({"status": None, **given})
        except ValueError as error:
            raise ConfigurationError(
                f"The Airflow Variable {name} holds no readable state: {_problem(error)}. Correct it, or delete it to "
                f"start over: `airflow variables delete {name}`."
            ) from error

    def mix_with(self, origin: Origin) -> str | None:
        """Return why records of an origin must not join the stream, with the remedies; None where they may."""
        if origin.continues(self.origin):
            return None
        change = origin.differs_from(self.origin)
        return f"{change} Both must not be mixed, so nothing is read or sent. {self.WAYS_OUT}"

    def check_origin(self, origin: Origin, *, name: str) -> None:
        """Return if records of an origin may join the stream, see `mix_with`; log a change.

        :param name: the lookup or the table.
        :raises ConfigurationError: they must not.
        """
        if problem := self.mix_with(origin):
            raise ConfigurationError(f"The {name} is left as it is. {problem}")
        if change := origin.differs_from(self.origin):
            _log.info("The %s goes on: %s The records are the same documents.", name, change)

    @property
    def _complete_to(self) -> str:
        checkpoint = self.to_checkpoint_time
        return f"complete to {format_instant(checkpoint)}" if checkpoint else "not complete yet"

    @property
    def origin(self) -> Origin:
        """The origin of the records so far."""
        return Origin(api=self.api, filters=self.filters)

    def healed(self, now: datetime) -> tuple[Self, str | None]:
        """Return the state without times that are ahead of the clock, and a sentence about them, None without any.

        A checkpoint in the future is wrong: no run can have read that time. It goes back to the start of its
        window, up to which the stream is complete; without one, reading begins at the initial start time.
        """
        limit = as_utc(now) + _CLOCK_TOLERANCE
        times = {name: value for name, value in asdict(self).items() if isinstance(value, datetime)}
        ahead = [name for name, value in times.items() if value > limit]
        if not ahead:
            return self, None
        changes: dict[str, Any] = dict.fromkeys(ahead)
        if "to_checkpoint_time" in ahead:
            start = None if "from_checkpoint_time" in ahead else self.from_checkpoint_time
            changes |= {"from_checkpoint_time": None, "to_checkpoint_time": start}
        if "delivered_to_time" in ahead:  # rows up to now may have been delivered, and must not be replaced by old ones
            changes["delivered_to_time"] = as_utc(now)
        healed = replace(self, **changes)
        checkpoint = healed.to_checkpoint_time
        return healed, (
            f"The state is ahead of this machine's clock, which says {format_instant(now)}: "
            f"{', '.join(f'{name} is {format_instant(times[name])}' for name in ahead)}. "
            f"Reading goes on from {format_instant(checkpoint) if checkpoint else 'the initial start time'}. "
            "Check the clocks of all machines. If the state is right, correct the clock of this one."
        )

    def _after(self, delivered: Delivered, *, forced: bool) -> dict[str, Any]:
        """Return the fields after a delivery. A checkpoint never moves past the time of the pull."""
        start, end = (None, None) if forced else (self.from_checkpoint_time, self.to_checkpoint_time)
        window, until = delivered.window, delivered.until
        if delivered.leaves_no_gap and window.start < until and (end is None or until >= end):
            start, end = window.start, until
        return {
            "from_checkpoint_time": start,
            "to_checkpoint_time": end,
            "pulled_at": as_utc(delivered.pulled_at),
            "run_id": delivered.run_id,
            "updated_at": as_utc(delivered.at),
            "api": delivered.origin.api,
            "filters": delivered.origin.filters,
        }


@dataclass(frozen=True, kw_only=True)
class LookupState(_Checkpointed):
    """State of one lookup. ``columns`` are fixed by its build, key first; ``generation`` names the build.

    ``renews`` is true for an unfinished rebuild that no person asked for; the status is then New. The run that repeats
    it keeps the key, the columns and the origin.
    ``built_at`` is the end of what its last build or rebuild has read, None if not known.
    ``delivered_to_time`` is the end of the latest window that was delivered, at most the time of its pull. It is later
    than the checkpoint if an explicit window left a gap.
    """

    WAYS_OUT: ClassVar = (
        'To rebuild the lookup from the new source, trigger the DAG with {"rebuild": ["<lookup name>"]}. To keep '
        "the old one, set another lookup_name. Or set the source back."
    )

    status: LookupStatus = LookupStatus.NEW
    renews: StrictBool = False
    columns: tuple[str, ...] = ()
    key: str = ""
    generation: str = ""
    built_at: _Instant | None = None
    delivered_to_time: _Instant | None = None
    rows_sent: StrictInt = 0

    def describe(self) -> str:
        """Return a sentence for people about the lookup."""
        status = (
            "rebuilt by the next run" if self.status is LookupStatus.NEW else f"{self.rows_sent} rows in the last run"
        )
        return f"State of the Devo lookup {self.name or _UNNAMED}: {self._complete_to}, {status}."

    def after_sync(self, delivered: Delivered, *, rebuilt: bool) -> LookupState:
        """Return the state after a sync that Devo accepted.

        The caller sets the columns, the key, the build and the number of rows.

        A rebuild sets the checkpoint, whatever it was. After a rebuild that left a gap there is none, since the time
        before its window was not read.
        """
        end = delivered.until
        return replace(
            self,
            status=LookupStatus.CREATED,
            renews=False,
            built_at=end if rebuilt else self.built_at,
            delivered_to_time=end if rebuilt else max(end, self.delivered_to_time or end),
            **self._after(delivered, forced=rebuilt),
        )


@dataclass(frozen=True, kw_only=True)
class EventState(_Checkpointed):
    """State of one event table. ``sent`` and ``repeated`` count the last run."""

    WAYS_OUT: ClassVar = (
        'To go on in the same table from the checkpoint, trigger the DAG with {"accept_change": true}. To begin anew, '
        "use `airflow-flashpoint state reset`, or set another tag. Or set the source back."
    )

    sent: StrictInt = 0
    repeated: StrictInt = 0

    def describe(self) -> str:
        """Return a sentence for people about the table."""
        return (
            f"State of the Devo table {self.name or _UNNAMED}: {self._complete_to}, {self.sent} events in the last run."
        )

    def after_delivery(self, delivered: Delivered, *, sent: int, repeated: int) -> EventState:
        """Return the state after a window was delivered and confirmed."""
        return replace(self, sent=sent, repeated=repeated, **self._after(delivered, forced=False))


def _problem(error: ValueError) -> str:
    """Return the cause of an error in one line, with the name and the value of the field."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    cause = first.get("ctx", {}).get("error") or f"{field} is {first['input']!r}: {first['msg']}"
    return str(cause).rstrip(".")
