"""What is stored about one stream, told."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.cli import airflow_side
from airflow_provider_flashpoint.core.state import EventState, LookupState
from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_flashpoint.streams.catalog import Stream


def stored_state(stream: Stream) -> LookupState | EventState | None:
    """Return the state of a stream, None where there is none.

    :raises ConfigurationError: its Variable holds something else, or cannot be decrypted.
    """
    text = airflow_side.read_variable(stream.variable)
    if text is not None:
        return stream.kind.from_json(text, name=stream.variable)
    if stream.variable in airflow_side.state_variables():
        raise ConfigurationError(
            f"The Airflow Variable {stream.variable} cannot be decrypted: is this the fernet_key it was written with?"
        )
    return None


def state_told(stream: Stream, now: datetime) -> dict[str, Any]:
    """Return the state of a stream in JSON's own types.

    Shape: ``name, kind, variable, configured, present, problem``, then the fields of the state, None where it has none;
    ``columns`` is their number, ``age_s`` the seconds since the checkpoint.
    """
    state, problem = None, None
    try:
        state = stored_state(stream)
    except ConfigurationError as error:
        problem = str(error)
    found = asdict(state) if state else dict.fromkeys(stream.kind.__dataclass_fields__)
    until = found["to_checkpoint_time"]
    return {
        "name": stream.name,
        "kind": "lookup" if stream.is_lookup else "alerts",
        "variable": stream.variable,
        "configured": stream.task is not None,
        "present": state is not None or problem is not None,
        "problem": problem,
        "status": None,
        **{name: format_instant(value) if isinstance(value, datetime) else value for name, value in found.items()},
        "columns": len(found.get("columns") or ()) or None,
        "age_s": round((now - until).total_seconds()) if until else None,
    }
