"""``airflow-flashpoint preview``: show what a run would deliver, without sending it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_flashpoint.airflow_runtime import database
from airflow_provider_flashpoint.cli.arguments import did_you_mean, types_completer
from airflow_provider_flashpoint.cli.files import add_file_option, read_configs
from airflow_provider_flashpoint.cli.output.report import Block, Report, Table, WrongUsage, cut, table
from airflow_provider_flashpoint.config import CollectorConfig
from airflow_provider_flashpoint.core.flashpoint.api import EVENT_DATA_SETS
from airflow_provider_flashpoint.core.state import LookupStatus
from airflow_provider_flashpoint.core.window import Window, parse_instant
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.catalog import Stream, configured_streams, dags_of

_LIMIT = 1000
_ROWS = 3
_MAX_CELL_CHARACTERS = 100
_MAX_LINE_CHARACTERS = 1000
_ACCEPTING = {"lookup_status": LookupStatus.NEW.value, "accept_change": True}
_NOTHING_SENT = (
    "Nothing is sent, and no state, stage or ledger is written. Without --from and --to, the window is the one that a "
    "run would read now."
)


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    text = f"Read a window from Flashpoint and show what would arrive in Devo. {_NOTHING_SENT}"
    parser = commands.add_parser("preview", help="show what a run would deliver, and send nothing", description=text)
    kinds = parser.add_subparsers(metavar="kind", required=True)
    text = f"Show the rows that a window would bring into a lookup. {_NOTHING_SENT}"
    indicators = kinds.add_parser("indicators", parents=[shared], help="rows of a lookup", description=text)
    name = indicators.add_argument(
        "--type", dest="name", help="the indicator type, or the name of its lookup; without it, the types are listed"
    )
    name.completer = types_completer  # argcomplete reads it
    indicators.set_defaults(run=_run, option="--type")
    text = f"Show the events that a window would bring into a table. {_NOTHING_SENT}"
    alerts = kinds.add_parser(
        "events", aliases=["alerts"], parents=[shared], help="events of a table", description=text
    )
    choices = [data_set.value for data_set in EVENT_DATA_SETS]
    alerts.add_argument("--kind", dest="name", choices=choices, default="alerts", help="the data set (%(default)s)")
    alerts.set_defaults(run=_run, option="--kind")
    for kind in (indicators, alerts):
        kind.add_argument("--from", dest="start", metavar="TIME", help="start of the window, in ISO 8601; needs --to")
        kind.add_argument("--to", dest="end", metavar="TIME", help="end of the window; needs --from")
        kind.add_argument(
            "--limit", type=_count, default=_LIMIT, help="the most records to read; 0 reads all (%(default)s)"
        )
        kind.add_argument("--rows", type=_count, default=_ROWS, help="the most rows or events to show (%(default)s)")
        kind.add_argument(
            "--accept-change", action="store_true", help="as a run that accepts another source: a lookup is rebuilt"
        )
        add_file_option(kind)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _run(options: argparse.Namespace) -> Report:
    conf = {**_explicit_window(options), **(_ACCEPTING if options.accept_change else {})}
    stream = _stream(options)
    from airflow_provider_flashpoint.streams.preview import preview_events, preview_lookup

    preview, lines_of = (preview_lookup, _lookup_lines) if stream.is_lookup else (preview_events, _event_lines)
    found = preview(stream, conf, limit=options.limit, rows=options.rows, progress=options.progress)
    good = found["rejected"] <= found["max_rejects"]
    verdict = [] if good else ["", f"A run would fail after this delivery: max_rejects is {found['max_rejects']}."]
    return Report(found, [*lines_of(found), *verdict, "", "Nothing was sent."], exit_code=0 if good else 1)


def _explicit_window(options: argparse.Namespace) -> dict[str, str]:
    """Return the window of the arguments as the configuration of a run, empty without one."""
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


def _stream(options: argparse.Namespace) -> Stream:
    configs, errors = read_configs(options.config)
    if options.name is None:
        raise WrongUsage(_types_text(configs)) if configs or not errors else errors[0]
    options.progress("starting Airflow")
    database.start()
    database.state_variables()  # fails without a database; reading one Variable would not
    configured = configured_streams(dag for config in configs for dag in dags_of(config))
    streams = [stream for stream in configured if stream.is_lookup == (options.option == "--type")]
    found = [stream for stream in streams if stream.matches(options.name)]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        dag_ids = ", ".join(stream.task.dag_id for stream in found if stream.task)
        raise WrongUsage(f"{options.option} {options.name!r} is in several DAGs: {dag_ids}. Name a file by --config.")
    if errors:
        raise errors[0]
    known = [str(stream.content) for stream in streams]
    hint = did_you_mean(options.name, [*known, *(stream.name for stream in streams)])
    there = ", ".join(known) or "none"
    raise WrongUsage(f"{options.option} {options.name!r} is not in the configuration.{hint} There is: {there}.")


def _types_text(configs: Sequence[CollectorConfig]) -> str:
    lookups = [each for config in configs for each in getattr(config.indicators, "lookups", ())]
    if not lookups:
        return "--type is missing, and the configuration has no lookup."
    rows = [(each.indicator_type, f"into the lookup {each.lookup_name}") for each in lookups]
    return "\n".join(["--type is missing. The configuration has:", *table(rows, indent="  ")])


def _lookup_lines(found: Mapping[str, Any]) -> Iterator[Block]:
    action = "build it" if found["operation"] == "build" else "are added"
    yield f"{found['indicator_type']} into the lookup {found['lookup']}, status {found['status']}: the rows {action}"
    yield Table(
        [
            *_source_rows(found),
            ("rows", f"{found['sent']}, and {found['superseded']} superseded by newer ones with the same key"),
            ("key", found["lookup_key"]),
            ("columns", f"{len(found['columns'])}: {cut(', '.join(found['columns']), _MAX_LINE_CHARACTERS)}"),
            ("into _extra", f"{found['extra_values']} values without a column of their own"),
            *_outcome_rows(found),
        ],
        indent="  ",
    )
    if found["devo_problem"]:
        yield f"  note: The state is not known, since the connection to Devo cannot be used. {found['devo_problem']}"
    for number, row in enumerate(found["rows"], start=1):
        yield from ("", f"row {number}")
        filled = [(name, cut(text, _MAX_CELL_CHARACTERS)) for name, text in row.items() if text]
        yield Table(filled, indent="  ")
    yield from _reject_lines(found)


def _event_lines(found: Mapping[str, Any]) -> Iterator[Block]:
    yield f"{found['kind']} into the table {found['tag']}"
    yield Table(
        [
            *_source_rows(found),
            ("events", f"{found['sent']} of {found['bytes']} bytes, and {found['repeated']} that Devo has already"),
            ("undated", f"{found['undated']}"),
            *_outcome_rows(found),
        ],
        indent="  ",
    )
    if found["devo_problem"]:
        yield f"  note: Devo's limits are not applied, since its connection cannot be used. {found['devo_problem']}"
    for number, line in enumerate(found["lines"], start=1):
        yield from ("", f"event {number}", f"  {cut(line, _MAX_LINE_CHARACTERS)}")
    yield from _reject_lines(found)


def _source_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    request, window = found["request"], found["window"]
    of_total = "" if found["total"] is None else f" of {found['total']}"
    rest = "" if found["complete"] else "; stopped by --limit"
    return [
        ("window", f"[{window['from']}, {window['to']})"),
        ("chosen by", found["rule"]),
        ("request", f"{request['method']} {request['url']}"),
        ("read", f"{found['read']}{of_total} records, requests: {found['requests']}{rest}"),
    ]


def _outcome_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    obfuscated = [("obfuscated", f"{count} values by {rule}") for rule, count in found["obfuscated"].items()]
    return [*obfuscated, ("rejected", f"{found['rejected']}")]


def _reject_lines(found: Mapping[str, Any]) -> Iterator[str]:
    for number, reject in enumerate(found["rejects"], start=1):
        yield from ("", f"rejected record {number}: {reject['reason']}")
        record = reject.get("record", reject.get("fields"))  # the names of the fields, if it cannot be encoded
        yield f"  {cut(json.dumps(record, ensure_ascii=False), _MAX_LINE_CHARACTERS)}"
