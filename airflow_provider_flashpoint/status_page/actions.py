"""The actions of the status page: what each will do, in a sentence for the confirmation, and doing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_provider_flashpoint.airflow_runtime import database
from airflow_provider_flashpoint.airflow_runtime.run_history import is_under_way
from airflow_provider_flashpoint.airflow_runtime.trigger import trigger
from airflow_provider_flashpoint.core.state import LookupState, LookupStatus
from airflow_provider_flashpoint.core.window import Window, parse_instant
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.deployed import DeployedStream, deployed_streams
from airflow_provider_flashpoint.streams.progress import stored_state

_PAUSED = " The DAG is paused, so the run waits until you unpause it."


@dataclass(frozen=True, slots=True)
class Action:
    """An action on a stream.

    :param act: does it, and returns what was done. It takes the stream, the request's body and the name of the user.
    :param label: the text of its button; without one, the stream as a whole has none.
    :param sentence: what it will do to a stream.
    """

    act: Callable[[DeployedStream, Mapping[str, Any], str], str]
    label: str = ""
    sentence: Callable[[DeployedStream], str] = lambda _: ""
    for_lookups_only: bool = False


def offers(found: DeployedStream) -> list[dict[str, str]]:
    """Return the actions that a stream has a button for: ``name, label, sentence``."""
    return [
        {"name": name, "label": action.label, "sentence": action.sentence(found)}
        for name, action in ACTIONS.items()
        if action.label and (found.stream.is_lookup or not action.for_lookups_only) and not found.stream.problem
    ]


def fill_sentence(found: DeployedStream, gap: Mapping[str, str]) -> str:
    """Return what filling a gap will do."""
    scope = "all lookups of this DAG" if found.stream.is_lookup else "this DAG"
    return (
        f"This starts a run of {found.writer.dag_id} that reads the window from {gap['from']} to {gap['to']} for "
        f"{scope}. What Devo has already is not repeated, and newer values stay.{_if_paused(found)}"
    )


def _rebuild_sentence(found: DeployedStream) -> str:
    return (
        f"This starts a run of {found.writer.dag_id} that reads all indicators of {found.title} again, from the "
        "initial start time or the oldest time that the lookup keeps, and then replaces the lookup in Devo. Until then "
        f"the old content stays. The other lookups of the DAG are not rebuilt.{_if_paused(found)}"
    )


def _reset_sentence(found: DeployedStream) -> str:
    then = (
        "builds the lookup anew, unless its configured status is Created"
        if found.stream.is_lookup
        else "reads from the initial start time; events in the ledger are not sent again"
    )
    return f"This deletes the state of {found.title}, the Variable {found.stream.variable}. The next run {then}."


def _if_paused(found: DeployedStream) -> str:
    return _PAUSED if found.writer.is_paused else ""


def _rebuild(found: DeployedStream, _: Mapping[str, Any], user: str) -> str:
    _check_known(found)
    run_id = trigger(found.writer.dag_id, {"rebuild": [found.title]}, user=user)
    return f"The run {run_id} rebuilds {found.title}."


def _fill(found: DeployedStream, body: Mapping[str, Any], user: str) -> str:
    window = Window(parse_instant(body.get("from", ""), name="from"), parse_instant(body.get("to", ""), name="to"))
    if window.end > datetime.now(UTC):
        raise ConfigurationError(f"The window {window} is not over yet. Give one in the past.")
    conf = window.to_dict()
    if found.stream.is_lookup:
        _check_built(found.writer.dag_id)
        conf["lookup_status"] = LookupStatus.CREATED.value  # also if a state is reset before the run begins
    run_id = trigger(found.writer.dag_id, conf, user=user)
    return f"The run {run_id} reads the window {window}."


def _check_built(dag_id: str) -> None:
    """Check that a run of this DAG adds to all its lookups: the build of one would replace it by the window alone."""
    for each in deployed_streams({dag_id}):
        state = stored_state(each.stream) if each.stream.is_lookup else None
        if each.stream.is_lookup and not (isinstance(state, LookupState) and state.status is LookupStatus.CREATED):
            raise ConfigurationError(
                f"The next run builds the lookup {each.title}, and would build it from this window alone. Fill the gap "
                "after that run."
            )


def _check_known(found: DeployedStream) -> None:
    if found.stream.problem:
        raise ConfigurationError(f"The state of {found.title} is not known. {found.stream.problem}")


def _reset(found: DeployedStream, _: Mapping[str, Any], user: str) -> str:
    _check_known(found)
    if is_under_way(found.writer.dag_id, found.writer.task_id):
        raise ConfigurationError(
            f"A run of {found.writer.task_id} is under way, and writes its own state when it ends. Pause the DAG, let "
            "its runs end, and reset the state then."
        )
    if found.stream.store and found.stream.variable != found.stream.store.variable:
        raise ConfigurationError(
            f"{found.title} has no state of its own. Its next run takes over the Variable {found.stream.variable}, "
            "which may be that of another stream. If it is not, run `airflow-flashpoint state reset "
            f"{found.stream.variable}`."
        )
    if not database.delete_variable(found.stream.variable):
        return f"{found.title} has no state, so there was nothing to reset."
    return f"The state of {found.title} is deleted."


ACTIONS = {
    "rebuild": Action(_rebuild, "Rebuild", _rebuild_sentence, for_lookups_only=True),
    "reset": Action(_reset, "Reset state", _reset_sentence),
    "fill": Action(_fill),
}
"""The actions by their names. Filling a gap has a button at each gap, see `fill_sentence`."""
