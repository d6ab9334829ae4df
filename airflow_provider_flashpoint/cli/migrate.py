"""``airflow-flashpoint config migrate``: write a configuration file for another API generation."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_flashpoint.cli.output.report import Block, Report, Table, WrongUsage, show
from airflow_provider_flashpoint.config import CollectorConfig, parse_collector_config
from airflow_provider_flashpoint.config.document import document_of, text_of
from airflow_provider_flashpoint.config.migration.inputs import migrated, other_alerts, without_secrets
from airflow_provider_flashpoint.config.migration.rewrite import rewritten
from airflow_provider_flashpoint.config.shape import ALERTS, INDICATORS, dag_id
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet, api_of_host, host_of
from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of
from airflow_provider_flashpoint.streams.readiness.fit import fit

_TEXT = (
    "Write a configuration file for another API generation: types, lookup_keys, columns and filters. Say which lookups "
    "change in Devo. Secrets of a collector's file are left out, comments are kept where possible."
)


def add_to(actions: Any, shared: argparse.ArgumentParser) -> None:
    """Add the action to the parser of ``config``."""
    parser = actions.add_parser("migrate", parents=[shared], help=_TEXT.split(":")[0] + ".", description=_TEXT)
    parser.add_argument("file", type=Path, help="the configuration file, which stays as it is")
    parser.add_argument("--to", required=True, choices=list(map(str, Api)), help="the API generation")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="the new file; by default the text is printed, and the report is "
        "printed on standard error",
    )  # fmt: skip
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> Report:
    file, output, api = options.file, options.output, Api(options.to)
    if output and os.path.lexists(output):
        raise WrongUsage(f"{output} exists. Name another file with --output, or remove it.")
    notes: list[str] = []
    text = text_of(file)
    before = without_secrets(document_of(text, file), api, notes)
    old = parse_collector_config(before, source=str(file))
    after = migrated(before, api, notes)
    new = parse_collector_config(after, source=f"{file}, for {api}")
    problems, _ = fit(new, api)
    new_text, has_comments = rewritten(text, file, after)
    if not has_comments:
        notes.append("The comments of the file are not kept.")
    if output:
        output.write_text(new_text, encoding="utf-8")
    changes = lookup_changes(old, new)
    notes += _column_notes(changes, api)
    data: dict[str, Any] = {
        "file": str(file),
        "output": str(output) if output else None,
        "api": api.value,
        "lookups": changes,
        "notes": list(dict.fromkeys(notes)),
        "problems": problems,
        "steps": [*_steps(changes, new, api)],
    }
    lines = [*_lines(data)]
    if not output and not options.json:
        show(lines, options.terminal)
        lines = [new_text.removesuffix("\n")]
    exit_code = 1 if problems else 0
    return Report({**data, "text": new_text}, lines, exit_code=exit_code, is_document=not output)


def lookup_changes(old: CollectorConfig, new: CollectorConfig) -> list[dict[str, Any]]:
    """Return what becomes of each lookup in Devo: its name, its types before and after, and the change."""
    before, after = ({each.lookup_name: each for each in _lookups(config)} for config in (old, new))
    changes = []
    for name in dict.fromkeys([*after, *before]):
        was, now = before.get(name), after.get(name)
        if was is None:
            change = "new"
        elif now is None:
            change = "ends"
        else:
            change = "goes on" if was == now else "rebuilt"
        types = {"before": was and was.indicator_type, "after": now and now.indicator_type}
        changes.append({"name": name, **types, "change": change})
    return changes


def _lookups(config: CollectorConfig) -> Sequence[Any]:
    return config.indicators.lookups if config.indicators else ()


def _steps(changes: Sequence[dict[str, Any]], config: CollectorConfig, api: Api) -> Iterator[str]:
    host = host_of(api)
    extra = "" if api_of_host(host) is api else f""", its extra to {{"api": "{api}"}}"""
    for conn_id in dict.fromkeys(used.flashpoint_conn_id for _, used in config.inputs()):
        yield (
            f"Pause the DAGs. Set the host of the connection {conn_id} to {host}{extra}, and its token to one of "
            f"{'the legacy API' if api is Api.LEGACY else 'Ignite'}."
        )
    yield f"Put the new file in the place of the old one, and run `airflow-flashpoint config validate --api {api}`."
    if any(each["change"] == "rebuilt" for each in changes):
        yield f"Unpause the DAGs, and rebuild the lookups once: {_trigger(INDICATORS, config, 'lookup_status', 'New')}"
    if config.alerts:
        yield (
            f"If the alerts came from {other_alerts(api)}, accept once that the table now gets other events: "
            f"{_trigger(ALERTS, config, 'accept_change', True)}"
        )
    if any(each["change"] == "ends" for each in changes):
        yield "A lookup that ends stays in Devo and is no longer filled: point its queries to another, then drop it."


def _trigger(module: str, config: CollectorConfig, key: str, value: str | bool) -> str:
    return f"airflow dags trigger {dag_id(module, config.name)} --conf '{json.dumps({key: value})}'"


def _column_notes(changes: Sequence[dict[str, Any]], api: Api) -> Iterator[str]:
    if any(each["change"] in ("new", "rebuilt") for each in changes):
        columns = ", ".join(endpoint_of(api, DataSet.INDICATORS).columns.default) or "all keys that the build finds"
        yield f"Columns of new and rebuilt lookups without columns of their own: {columns}."


def _lines(data: dict[str, Any]) -> Iterator[Block]:
    target = f" to {data['output']}" if data["output"] else ""
    yield f"{data['file']}, written for {data['api']}{target}."
    yield ""
    rows = [(each["name"], each["before"] or "-", each["after"] or "-", each["change"]) for each in data["lookups"]]
    if rows:
        yield Table([("LOOKUP", "BEFORE", "AFTER", "CHANGE"), *rows], has_heading=True)
    for kind in ("note", "problem"):
        yield from (f"{kind}: {text}" for text in data[f"{kind}s"])
    yield ""
    yield from (f"{number}. {step}" for number, step in enumerate(data["steps"], 1))
