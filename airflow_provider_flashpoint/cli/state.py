"""``airflow-flashpoint state``: show how far each lookup and each event table is, and change that."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_provider_flashpoint.airflow_runtime import database
from airflow_provider_flashpoint.cli.arguments import did_you_mean, streams_completer
from airflow_provider_flashpoint.cli.files import add_file_option, read_configs
from airflow_provider_flashpoint.cli.output.report import Block, Report, WrongUsage, show
from airflow_provider_flashpoint.cli.output.state_table import state_lines
from airflow_provider_flashpoint.cli.output.watch import add_watch_option
from airflow_provider_flashpoint.core.state import EventState, LookupState, LookupStatus
from airflow_provider_flashpoint.core.window import format_instant, parse_instant
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams import progress
from airflow_provider_flashpoint.streams.catalog import Stream, all_streams, find

_SHOW = "Show each state: status, checkpoint, columns, last run, age."
_RESET = "Delete states, so that the next run begins like a first run."
_SET = "Change the status or the checkpoint of states."
_PAUSE = "A running task writes its own state when it ends: pause the DAG and let its runs end first."
_FORGET = "also delete the ledger of confirmed events, so that all are sent again: for a table that was emptied"


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    text = "Show, reset or set the states of lookups and event tables: the Airflow Variables flashpoint_*."
    parser = commands.add_parser("state", help="show, reset or set the states of the streams", description=text)
    actions = parser.add_subparsers(metavar="action", required=True)
    show = actions.add_parser("show", parents=[shared], help=_SHOW, description=_SHOW)
    show.set_defaults(run=_show)
    add_watch_option(show)
    reset = actions.add_parser("reset", parents=[shared], help=_RESET, description=f"{_RESET} {_PAUSE}")
    reset.add_argument("--forget-sent", action="store_true", help=_FORGET)
    reset.set_defaults(run=_reset)
    change = actions.add_parser("set", parents=[shared], help=_SET, description=f"{_SET} {_PAUSE}")
    change.add_argument(
        "--status",
        choices=[status.value for status in LookupStatus],
        help="New: the next run rebuilds the lookup; Created: it adds to it",
    )
    change.add_argument("--to-checkpoint", metavar="TIME", help="the time up to which all is delivered, in ISO 8601")
    change.set_defaults(run=_set)
    for action in (show, reset, change):
        stream = action.add_argument(
            "stream", nargs="*", help="lookup name, indicator type, table, or Variable; else all"
        )
        stream.completer = streams_completer  # argcomplete reads it
        add_file_option(action)
    for action in (reset, change):
        action.add_argument("--yes", action="store_true", help="do it without asking")


def _show(options: argparse.Namespace) -> Report:
    streams, notes = _streams(options)
    now = datetime.now(UTC)
    states = [progress.progress_of(stream, now) for stream in streams]
    exit_code = 1 if any(state["problem"] for state in states) else 0
    return _report("states", states, state_lines(states), notes, exit_code=exit_code)


def _reset(options: argparse.Namespace) -> Report:
    streams, notes = _streams(options, to_change=True)
    if options.forget_sent and all(stream.is_lookup for stream in streams):
        raise WrongUsage("--forget-sent is for event tables; none of these streams is one.")
    forgotten = [stream for stream in streams if options.forget_sent and not stream.is_lookup]
    for stream in forgotten:
        if stream.task is None:
            raise WrongUsage(
                f"--forget-sent cannot be used for {stream.name}: the configuration does not name this table, so the "
                "place of its ledger is unknown."
            )
    streams = [stream for stream in streams if stream in forgotten or progress.has_variable(stream)]
    if not streams:
        return _report("reset", [], ["There is no state to reset."], notes)
    texts = {stream.variable: _reset_text(stream, resend=stream in forgotten) for stream in streams}
    _confirm(
        options, [f"{each.name}: the Variable {each.variable} is deleted. {texts[each.variable]}" for each in streams]
    )
    done = [
        {
            "name": stream.name,
            "variable": stream.variable,
            "deleted": database.delete_variable(stream.variable),
            "forgotten_hours": progress.forget_sent(stream) if stream in forgotten else None,
            "next_run": texts[stream.variable],
        }
        for stream in streams
    ]
    return _report("reset", done, [f"{each['name']}: reset. {each['next_run']}" for each in done], notes)


def _set(options: argparse.Namespace) -> Report:
    if options.status is None and options.to_checkpoint is None:
        raise WrongUsage("Nothing to set: give --status, --to-checkpoint, or both.")
    streams, notes = _streams(options, to_change=True)
    if options.status and not options.stream:
        streams = [stream for stream in streams if stream.is_lookup]
    if not streams:
        raise WrongUsage("There is no state to set.")
    # All are computed before the first is written, so that one refusal leaves all unchanged.
    changes = [_change(stream, options) for stream in streams]
    if not options.stream:
        _confirm(options, [f"{stream.name}: {text}" for stream, _, text in changes])
    for stream, state, _ in changes:
        database.write_variable(stream.variable, state.to_json(), state.describe())
    done = [{"name": stream.name, "variable": stream.variable, "change": text} for stream, _, text in changes]
    return _report("set", done, [f"{each['name']}: {each['change']}" for each in done], notes)


def _streams(options: argparse.Namespace, *, to_change: bool = False) -> tuple[list[Stream], list[str]]:
    """Return the streams that the arguments name, or all; and notes on why some may be missing.

    :raises WrongUsage: there is no such stream, or, to change it, several have the name or its Variable is not known.
    """
    database.start()
    configs, errors = read_configs(options.config)
    if errors and options.config:
        raise errors[0]
    text = "Where a configuration cannot be read, its streams are listed only if they have a state"
    notes = [f"{text}: {error}" for error in errors]
    streams = all_streams(configs)
    if options.stream:
        streams = _named(options.stream, streams, is_one=to_change)
    unknown = next((stream for stream in streams if stream.problem), None)
    if to_change and unknown:
        raise WrongUsage(f"The state of {unknown.name} is not known. {unknown.problem}")
    return streams, notes


def _named(names: Sequence[str], streams: Sequence[Stream], *, is_one: bool) -> list[Stream]:
    named: dict[str, Stream] = {}
    for name in names:
        found = find(streams, name)
        if not found:
            known = list(dict.fromkeys(stream.name for stream in streams))
            hint = did_you_mean(name, [*known, *(stream.content for stream in streams)])
            there = ", ".join(known) or "none yet"
            raise WrongUsage(f"{name!r} is neither a lookup nor an event table here.{hint} There are: {there}.")
        if is_one and len({stream.name for stream in found}) < len(found):
            variables = ", ".join(stream.variable or f"unknown ({stream.problem})" for stream in found)
            raise WrongUsage(f"{name!r} names several streams. Give the Variable of the one you mean: {variables}.")
        named |= {stream.variable or stream.name: stream for stream in found}
    return list(named.values())


def _reset_text(stream: Stream, *, resend: bool) -> str:
    """Return what the next run does after the reset."""
    task: Any = stream.task
    text = _next_run_text(stream, None)
    if task is None or (stream.is_lookup and task.lookup_status == LookupStatus.NEW):
        return text
    if stream.is_lookup:
        return (
            f"{text} Records between the last checkpoint and then are not read. To rebuild the lookup, use "
            f"`airflow-flashpoint state set {stream.name} --status New`."
        )
    if resend:
        return f"{text} Those that Devo has are sent again."
    return (
        f"{text} Those that Devo confirmed are not sent again, as far as the ledger reaches: "
        f"{task.ledger_retention.days} days."
    )


def _change(stream: Stream, options: argparse.Namespace) -> tuple[Stream, LookupState | EventState, str]:
    """Return a stream, its new state, and the change in words."""
    before = progress.stored_state(stream) or stream.kind()
    try:
        given = options.to_checkpoint
        checkpoint = parse_instant(given, name="--to-checkpoint") if given is not None else None
        after = progress.changed_state(stream, before, status=options.status, checkpoint=checkpoint)
    except ConfigurationError as error:
        raise WrongUsage(str(error)) from error
    changes = [f"status {options.status}"] if options.status else []
    gap = ""
    if checkpoint:
        old = before.to_checkpoint_time
        changes.append(f"checkpoint {format_instant(old) if old else 'none'} -> {format_instant(checkpoint)}")
        if old is not None and checkpoint > old:
            gap = " No scheduled run reads the records between the two checkpoints."
    return stream, after, f"{', '.join(changes)}. {_next_run_text(stream, after)}{gap}"


def _next_run_text(stream: Stream, state: LookupState | EventState | None) -> str:
    run = progress.next_run(stream, state)
    if run is None:
        return "The next run will use this state." if state else "The next run will begin without a state."
    action = f"sends {stream.content}"
    if stream.is_lookup:
        action = "rebuilds the lookup" if run.is_build else "adds to the lookup"
    return f"The next run {action}, from {format_instant(run.start)} on."


def _confirm(options: argparse.Namespace, lines: Sequence[str]) -> None:
    """Print what will be done and ask; return where the answer is yes.

    :raises WrongUsage: the answer is another one, or there is none.
    """
    if options.yes:
        return
    show([*lines, _PAUSE], options.terminal)
    options.terminal.write("Go on? [y/N] ")
    options.terminal.flush()
    try:
        answer = input()
    except EOFError:
        options.terminal.write("\n")
        raise WrongUsage("Nothing was changed: there was no answer. Use --yes to go on without asking.") from None
    if answer.strip().lower() not in ("y", "yes"):
        raise WrongUsage("Nothing was changed.")


def _report(
    action: str, done: Sequence[Mapping[str, Any]], lines: Iterable[Block], notes: Sequence[str], *, exit_code: int = 0
) -> Report:
    note_lines = [f"note: {line.strip()}" for note in notes for line in note.splitlines()]
    return Report({action: done, "notes": notes}, [*lines, *note_lines], exit_code=exit_code)
