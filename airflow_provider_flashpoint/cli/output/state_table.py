"""The table of states that ``airflow-flashpoint state show`` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_flashpoint.cli.output.report import Block, Table
from airflow_provider_flashpoint.streams.coverage import Freshness

_COLUMNS = ("NAME", "DESTINATION", "SOURCE", "STATUS", "CHECKPOINT", "AGE", "COLUMNS", "LAST RUN")
_AGE_NOTES = {Freshness.LATE: ", late", Freshness.OLD: ", too old"}


def state_lines(states: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    """Yield the table, then a line for each state with a problem or without a configuration.

    :param states: as `progress.progress_of` returns them.
    """
    if not states:
        yield "There is no state, and no configuration that names a stream."
        return
    yield Table([_COLUMNS, *map(_state_row, states)], has_heading=True)
    count = Counter(state["name"] for state in states)
    for state in states:
        name = state["name"] if count[state["name"]] == 1 else state["variable"]
        if state["problem"] and not state["variable"]:
            yield str(state["problem"])
        elif state["problem"]:
            yield f"{name}: {state['problem']} Or reset it: `airflow-flashpoint state reset {name}`."
        elif not state["configured"]:
            yield f"{name}: the configuration does not name it."


def _state_row(state: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        state["name"],
        state["destination"] or "-",
        state["source"] or "-",
        _status_text(state),
        state["to_checkpoint_time"] or "-",
        "-" if state["age_s"] is None else f"{_duration(state['age_s'])}{_AGE_NOTES.get(state['freshness'], '')}",
        "-" if state["columns"] is None else str(state["columns"]),
        state["run_id"] or "-",
    )


def _status_text(state: Mapping[str, Any]) -> str:
    if not state["variable"]:
        return "unknown"
    if state["problem"] and state["run_id"] is None:  # every readable state has this field
        return "unreadable"
    text = str(state["status"] or ("-" if state["present"] else "no state"))
    return f"{text}, {int(100 * state['pull']['share'])} % pulled" if state["pull"] else text


def _duration(seconds: float) -> str:
    if seconds < 0:
        return f"-{_duration(-seconds)}"
    for unit, length_s in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds // length_s:.0f} {unit}"
    return f"{seconds:.0f} s"
