"""``airflow-flashpoint state``: how far each lookup and each stream of alerts is, and how to change that."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.cli import airflow_side, collector_file
from airflow_provider_flashpoint.cli.report import Report, WrongUsage, table, visible
from airflow_provider_flashpoint.core.state import LookupStatus
from airflow_provider_flashpoint.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_flashpoint.streams.catalog import Stream

_SHOW = "Show each state: status, checkpoint, columns, last run, age."
_RESET = "Delete states, so that the next run begins as the first one did."
_SET = "Change the status or the checkpoint of states."
_PAUSE = "A run that is under way writes its own state when it ends: pause the DAG and let its runs end first."
_FORGET = (
    "forget also which alerts Devo has confirmed, so that all of them are sent again: for a table that was emptied"
)


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    text = "Show, reset or set the states of lookups and of streams of alerts: the Airflow Variables flashpoint_*."
    parser = commands.add_parser("state", help="show, reset or set how far all is delivered", description=text)
    actions = parser.add_subparsers(metavar="action", required=True)
    show = actions.add_parser("show", parents=[shared], help=_SHOW, description=_SHOW)
    show.set_defaults(run=_show)
    reset = actions.add_parser("reset", parents=[shared], help=_RESET, description=f"{_RESET} {_PAUSE}")
    reset.add_argument("--forget-sent", action="store_true", help=_FORGET)
    reset.set_defaults(run=_reset)
    change = actions.add_parser("set", parents=[shared], help=_SET, description=f"{_SET} {_PAUSE}")
    change.add_argument(
        "--status",
        choices=[status.value for status in LookupStatus],
        help="New: the next run builds the lookup anew; Created: it adds to it",
    )
    change.add_argument("--to-checkpoint", metavar="TIME", help="until when all is delivered, in ISO 8601")
    change.set_defaults(run=_set)
    for action in (show, reset, change):
        action.add_argument("stream", nargs="*", help="name of a lookup, indicator type, or tag of alerts; else all")
        collector_file.add_option(action)
    for action in (reset, change):
        action.add_argument("--yes", action="store_true", help="do it without asking")


def _show(options: argparse.Namespace) -> Report:
    from airflow_provider_flashpoint.streams.progress import state_told

    streams, notes = _streams(options)
    now = datetime.now(UTC)
    told = [state_told(stream, now) for stream in streams]
    good = all(each["problem"] is None for each in told)
    return Report.of({"states": told, "notes": notes}, _shown(told, notes), good=good)


def _reset(options: argparse.Namespace) -> Report:
    from airflow_provider_flashpoint.cli.reset import Reset

    streams, notes = _streams(options)
    resets = [Reset(stream, forget_sent=options.forget_sent and not stream.is_lookup) for stream in streams]
    if options.forget_sent and all(stream.is_lookup for stream in streams):
        raise WrongUsage("--forget-sent is for streams of alerts; there is none among these.")
    resets = [reset for reset in resets if reset.has_something]
    if not resets:
        return Report.of({"reset": [], "notes": notes}, ["There is no state to reset.", *_noted(notes)])
    _confirm(options, [line for reset in resets for line in reset.announcement()])
    done = [reset.carry_out() for reset in resets]
    lines = [f"{each['name']}: reset. {each['next_run']}" for each in done]
    return Report.of({"reset": done, "notes": notes}, [*lines, *_noted(notes)])


def _set(options: argparse.Namespace) -> Report:
    from airflow_provider_flashpoint.cli.change import Change

    streams, notes = _streams(options)
    if options.status and not options.stream:
        streams = [stream for stream in streams if stream.is_lookup]
    changes = [Change.of(stream, options.status, options.to_checkpoint) for stream in streams]
    if not changes:
        raise WrongUsage("There is no state that this could be set for.")
    if not options.stream:
        _confirm(options, [f"{change.stream.name}: {change.text}" for change in changes])
    for change in changes:
        airflow_side.write_variable(change.stream.variable, change.after.to_json())
    done = [{"name": each.stream.name, "variable": each.stream.variable, "change": each.text} for each in changes]
    return Report.of(
        {"set": done, "notes": notes}, [*(f"{each['name']}: {each['change']}" for each in done), *_noted(notes)]
    )


def _streams(options: argparse.Namespace) -> tuple[list[Stream], list[str]]:
    """Return the streams that are meant, and what stands against knowing all of them."""
    from airflow_provider_flashpoint.config import load_collector_config
    from airflow_provider_flashpoint.streams.catalog import chosen, configured_streams, dags_of, with_stored

    airflow_side.begin()
    notes = []
    configured: Sequence[Stream] = ()
    try:
        configured = configured_streams(dags_of(load_collector_config(collector_file.find(options.config))))
    except ConfigurationError as error:
        if options.config is not None:
            raise
        notes.append(f"Only what has a state is known here, for the configuration cannot be read. {error}")
    return chosen(with_stored(configured, airflow_side.state_variables()), options.stream), notes


def _confirm(options: argparse.Namespace, lines: Sequence[str]) -> None:
    """Tell what will be done, and return if that is wanted.

    :raises WrongUsage: it is not wanted, or nobody is there to ask.
    """
    if options.yes:
        return
    options.terminal.write("\n".join([*map(visible, lines), _PAUSE, "Go on? [y/N] "]))
    options.terminal.flush()
    try:
        answer = input()
    except EOFError:
        options.terminal.write("\n")
        raise WrongUsage("Nothing was changed, for nobody answered; --yes does it without asking.") from None
    if answer.strip().lower() not in ("y", "yes"):
        raise WrongUsage("Nothing was changed.")


def _shown(told: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> Iterator[str]:
    if told:
        yield from table([
            ("NAME", "STATUS", "COMPLETE TO", "AGE", "COLUMNS", "LAST RUN"),
            *(
                (
                    each["name"],
                    "unreadable" if each["problem"] else each["status"] or ("-" if each["present"] else "no state"),
                    each["to_checkpoint_time"] or "-",
                    "-" if each["age_s"] is None else _duration(each["age_s"]),
                    "-" if each["columns"] is None else str(each["columns"]),
                    each["run_id"] or "-",
                )
                for each in told
            ),
        ])
    else:
        yield "There is no state, and no configuration that would name one."
    for each in told:
        if each["problem"]:
            yield f"{each['name']}: {each['problem']} Or reset it: `airflow-flashpoint state reset {each['name']}`."
        elif not each["configured"]:
            yield f"{each['name']}: the configuration does not name it."
    yield from _noted(notes)


def _noted(notes: Sequence[str]) -> list[str]:
    return [f"note: {line.strip()}" for note in notes for line in note.splitlines()]


def _duration(seconds: float) -> str:
    for unit, length_s in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds // length_s:.0f} {unit}"
    return f"{seconds:.0f} s"
