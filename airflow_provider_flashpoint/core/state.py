"""The state of a lookup and of a stream of alerts, as people see it: one small JSON text each.

The texts are kept in Airflow Variables, written last, after Devo accepted. They say how far a lookup or stream is
complete; they never decide what a run with an explicit window does. Checkpoints only move forward, unless a rebuild
forces them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from airflow_provider_flashpoint.core.window import Window, as_utc, format_instant, parse_instant
from airflow_provider_flashpoint.errors import ConfigurationError

STATE_VERSION = 1
_PLAIN = {"int": (int, "a number"), "str": (str, "a text")}


class LookupStatus(StrEnum):
    """``New``: the next sync builds or rebuilds the lookup. ``Created``: it adds to it."""

    NEW = "New"
    CREATED = "Created"


@dataclass(frozen=True, kw_only=True)
class _Checkpointed:
    """What both kinds of state share. Times are aware and in UTC; None where nothing was done yet."""

    from_checkpoint_time: datetime | None = None
    to_checkpoint_time: datetime | None = None
    pulled_at: datetime | None = None
    run_id: str = ""
    updated_at: datetime | None = None

    def to_json(self) -> str:
        """Return the text that goes into the Variable."""
        shown = {
            name: format_instant(value) if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }
        text = json.dumps({"version": STATE_VERSION, **shown}, ensure_ascii=False)
        # No database takes a lone surrogate, which the name of a column may hold: it leaves as its escape.
        return text.encode("utf-8", "backslashreplace").decode()

    @classmethod
    def from_json(cls, text: str, *, name: str) -> Self:
        """Return the state that a Variable holds.

        :param name: the name of the Variable, for the message.
        :raises ConfigurationError: the text is no such state; the message says how to reset it.
        """
        try:
            found = json.loads(text)
            if not isinstance(found, dict):
                raise ValueError("it is no JSON object")
            if found.get("version") != STATE_VERSION:
                raise ValueError(f"version is {found.get('version')!r}, not {STATE_VERSION}")
            return cls(**cls._read(found))
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigurationError(
                f"The Airflow Variable {name} holds no readable state: {error}. Mend it, or delete it to begin anew: "
                f"`airflow variables delete {name}`."
            ) from error

    @classmethod
    def _read(cls, found: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for field in fields(cls):
            value = found.get(field.name)
            if value is None:
                continue
            if field.name.endswith(("_time", "_at")):
                value = parse_instant(value, name=field.name)
            elif field.type in _PLAIN and type(value) is not _PLAIN[field.type][0]:
                raise ValueError(f"{field.name} is {value!r}, not {_PLAIN[field.type][1]}")
            values[field.name] = value
        return values

    def _moved(
        self, window: Window, *, forced: bool, leaves_no_gap: bool, pulled_at: datetime
    ) -> dict[str, datetime | None]:
        """Return the checkpoints after ``window`` was delivered, of which what was yet to come is not claimed."""
        start, end = (None, None) if forced else (self.from_checkpoint_time, self.to_checkpoint_time)
        until = min(window.end, as_utc(pulled_at))
        if leaves_no_gap and window.start < until and (end is None or until >= end):
            start, end = window.start, until
        return {"from_checkpoint_time": start, "to_checkpoint_time": end}


@dataclass(frozen=True, kw_only=True)
class LookupState(_Checkpointed):
    """State of one lookup. ``columns`` are fixed by its build, key first; ``generation`` names the build.

    ``delivered_to_time`` is the end of the latest window that was delivered: beyond the checkpoint where an explicit
    window left a gap.
    """

    status: LookupStatus = LookupStatus.NEW
    columns: tuple[str, ...] = ()
    key: str = ""
    generation: str = ""
    delivered_to_time: datetime | None = None
    rows_sent: int = 0

    @classmethod
    def _read(cls, found: Mapping[str, Any]) -> dict[str, Any]:
        values = super()._read(found)
        status = values.get("status")
        if status not in tuple(LookupStatus):
            raise ValueError(f"status is {status!r}; allowed are {', '.join(LookupStatus)}")
        columns = values.get("columns", ())
        if not isinstance(columns, (list, tuple)) or not all(isinstance(column, str) for column in columns):
            raise ValueError("columns is not a list of texts")
        return {**values, "status": LookupStatus(status), "columns": tuple(columns)}

    def after_sync(
        self,
        window: Window,
        *,
        rebuilt: bool,
        columns: tuple[str, ...],
        key: str,
        generation: str,
        leaves_no_gap: bool,
        rows_sent: int,
        pulled_at: datetime,
        run_id: str,
        at: datetime,
    ) -> LookupState:
        """Return the state after a sync that Devo accepted. A rebuild sets the checkpoint, whatever it was before.

        After a rebuild that left a gap there is none: what came before its window is yet to be read.
        """
        return replace(
            self,
            status=LookupStatus.CREATED,
            columns=columns,
            key=key,
            generation=generation,
            delivered_to_time=window.end if rebuilt else max(window.end, self.delivered_to_time or window.end),
            rows_sent=rows_sent,
            pulled_at=as_utc(pulled_at),
            run_id=run_id,
            updated_at=as_utc(at),
            **self._moved(window, forced=rebuilt, leaves_no_gap=leaves_no_gap, pulled_at=pulled_at),
        )


@dataclass(frozen=True, kw_only=True)
class EventState(_Checkpointed):
    """State of one stream of alerts. ``sent`` and ``repeated`` count the last run."""

    sent: int = 0
    repeated: int = 0

    def after_delivery(
        self,
        window: Window,
        *,
        leaves_no_gap: bool,
        sent: int,
        repeated: int,
        pulled_at: datetime,
        run_id: str,
        at: datetime,
    ) -> EventState:
        """Return the state after a window was delivered and confirmed."""
        return replace(
            self,
            sent=sent,
            repeated=repeated,
            pulled_at=as_utc(pulled_at),
            run_id=run_id,
            updated_at=as_utc(at),
            **self._moved(window, forced=False, leaves_no_gap=leaves_no_gap, pulled_at=pulled_at),
        )
