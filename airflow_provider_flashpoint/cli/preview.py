"""``airflow-flashpoint preview``: what a run would deliver, without delivering it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.airflow_runtime import database
from airflow_provider_flashpoint.cli.config import add_file_option, find_file
from airflow_provider_flashpoint.cli.report import Report, WrongUsage, cut, table
from airflow_provider_flashpoint.core.window import Window, parse_instant
from airflow_provider_flashpoint.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_flashpoint.streams.catalog import Stream

_LIMIT = 1000
_ROWS = 3
_LONGEST_CELL_CHARACTERS = 100
_LONGEST_LINE_CHARACTERS = 1000
_NOTHING_SENT = (
    "Nothing is sent, and no state, stage or ledger is written. Without --from and --to it is the window that a run "
    "would read now."
)


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    text = f"Read a window from Flashpoint and show what would arrive in Devo. {_NOTHING_SENT}"
    parser = commands.add_parser("preview", help="show what a run would deliver, and send nothing", description=text)
    kinds = parser.add_subparsers(metavar="kind", required=True)
    told = f"Show the rows that a window would bring into a lookup. {_NOTHING_SENT}"
    indicators = kinds.add_parser("indicators", parents=[shared], help="rows of a lookup", description=told)
    indicators.add_argument("--type", required=True, help="the indicator type, or the name of its lookup")
    indicators.set_defaults(run=_indicators)
    told = f"Show the events that a window would bring into a table. {_NOTHING_SENT}"
    alerts = kinds.add_parser("alerts", parents=[shared], help="events of a table", description=told)
    alerts.add_argument(
        "--kind",
        choices=("alerts", "keywords", "keyword_classes"),
        default="alerts",
        help="the kind of data (%(default)s)",
    )
    alerts.set_defaults(run=_alerts)
    for kind in (indicators, alerts):
        kind.add_argument("--from", dest="start", metavar="TIME", help="start of the window, in ISO 8601; needs --to")
        kind.add_argument("--to", dest="end", metavar="TIME", help="end of the window; needs --from")
        kind.add_argument(
            "--limit", type=_count, default=_LIMIT, help="read at most so many records; 0 reads all (%(default)s)"
        )
        kind.add_argument("--rows", type=_count, default=_ROWS, help="show so many of them (%(default)s)")
        add_file_option(kind)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 up")
    return int(text)


def _indicators(options: argparse.Namespace) -> Report:
    conf = _explicit(options)
    database.start()
    database.state_variables()  # fails where the database does not answer; reading one Variable would not
    from airflow_provider_flashpoint.cli.dry_run import lookup_dry_run

    task: Any = _stream(options, "type", options.type, lambda stream: stream.is_lookup).task
    told = lookup_dry_run(task, conf, limit=options.limit, rows=options.rows)
    return _report(told, _lookup_lines(told))


def _alerts(options: argparse.Namespace) -> Report:
    conf = _explicit(options)
    database.start()
    database.state_variables()  # fails where the database does not answer; reading one Variable would not
    from airflow_provider_flashpoint.cli.dry_run import alerts_dry_run

    task: Any = _stream(options, "kind", options.kind, lambda stream: not stream.is_lookup).task
    told = alerts_dry_run(task, conf, limit=options.limit, rows=options.rows)
    return _report(told, _alert_lines(told))


def _explicit(options: argparse.Namespace) -> dict[str, str]:
    """Return the window that is asked for as the configuration of a run, empty where none is."""
    bounds = {"from": options.start, "to": options.end}
    given = {name: text for name, text in bounds.items() if text is not None}
    if len(given) == 1:
        raise WrongUsage("--from and --to belong together; give both, or neither.")
    try:
        if given:
            Window(*(parse_instant(text, name=f"--{name}") for name, text in given.items()))
    except ConfigurationError as error:
        raise WrongUsage(str(error)) from error
    return given


def _stream(options: argparse.Namespace, option: str, name: str, of_kind: Callable[[Stream], bool]) -> Stream:
    from airflow_provider_flashpoint.config import load_collector_config
    from airflow_provider_flashpoint.streams.catalog import configured_streams, dags_of

    file = find_file(options.config)
    streams = [each for each in configured_streams(dags_of(load_collector_config(file))) if of_kind(each)]
    for stream in streams:
        if stream.matches(name):
            return stream
    known = ", ".join(str(each.content) for each in streams)
    raise WrongUsage(f"--{option} {name!r} is not in {file}; there is: {known or 'none'}.")


def _report(told: Mapping[str, Any], lines: Iterator[str]) -> Report:
    good = told["rejected"] <= told["max_rejects"]
    verdict = [] if good else ["", f"A run would fail once this is delivered: max_rejects is {told['max_rejects']}."]
    return Report.of(told, [*lines, *verdict, "", "Nothing was sent."], good=good)


def _lookup_lines(told: Mapping[str, Any]) -> Iterator[str]:
    does = "is built anew with them" if told["operation"] == "build" else "gets them added"
    yield f"{told['indicator_type']} into the lookup {told['lookup']}, which is {told['status']} and {does}"
    yield from table(
        [
            *_source(told),
            ("rows", f"{told['sent']}, and {told['superseded']} that are older than others of their key"),
            ("key", told["lookup_key"]),
            ("columns", f"{len(told['columns'])}: {cut(', '.join(told['columns']), _LONGEST_LINE_CHARACTERS)}"),
            ("into _extra", f"{told['extra_values']} values without a column of their own"),
            *_outcome(told),
        ],
        indent="  ",
    )
    for number, row in enumerate(told["rows"], start=1):
        yield from ("", f"row {number}")
        filled = [(name, cut(text, _LONGEST_CELL_CHARACTERS)) for name, text in row.items() if text]
        yield from table(filled, indent="  ")
    yield from _reject_lines(told)


def _alert_lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"{told['kind']} into the table {told['tag']}"
    yield from table(
        [
            *_source(told),
            ("events", f"{told['sent']} of {told['bytes']} bytes, and {told['repeated']} that Devo has already"),
            ("undated", f"{told['undated']}"),
            *_outcome(told),
        ],
        indent="  ",
    )
    if told["devo_problem"]:
        yield f"  note: no line is measured by Devo's limits, for its connection cannot be used. {told['devo_problem']}"
    for number, line in enumerate(told["lines"], start=1):
        yield from ("", f"event {number}", f"  {cut(line, _LONGEST_LINE_CHARACTERS)}")
    yield from _reject_lines(told)


def _source(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    request, window = told["request"], told["window"]
    of_total = "" if told["total"] is None else f" of {told['total']}"
    rest = "" if told["complete"] else "; --limit ended the reading"
    return [
        ("window", f"[{window['from']}, {window['to']})"),
        ("chosen by", told["rule"]),
        ("request", f"{request['method']} {request['url']}"),
        ("read", f"{told['read']}{of_total} records, requests: {told['requests']}{rest}"),
    ]


def _outcome(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    hidden = [("hidden", f"{count} values by {rule}") for rule, count in told["obfuscated"].items()]
    return [*hidden, ("rejected", f"{told['rejected']}")]


def _reject_lines(told: Mapping[str, Any]) -> Iterator[str]:
    for number, reject in enumerate(told["rejects"], start=1):
        yield from ("", f"reject {number}: {reject['reason']}")
        yield f"  {cut(json.dumps(reject['record'], ensure_ascii=False), _LONGEST_LINE_CHARACTERS)}"
