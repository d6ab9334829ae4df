"""``airflow-flashpoint config``: is the configuration file valid, and which DAGs and streams does it make?"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from airflow_provider_flashpoint.airflow_runtime import database
from airflow_provider_flashpoint.cli import migrate
from airflow_provider_flashpoint.cli.files import FILE_HELP, read_files
from airflow_provider_flashpoint.cli.output.report import Block, Report, Table
from airflow_provider_flashpoint.config import CollectorConfig
from airflow_provider_flashpoint.config.load import ConfigFile
from airflow_provider_flashpoint.config.model import (
    AlertSettings,
    EventSettings,
    KeywordFeed,
    LookupConfig,
    SecretSettings,
)
from airflow_provider_flashpoint.config.obfuscation import ObfuscationSettings
from airflow_provider_flashpoint.config.reference import json_schema
from airflow_provider_flashpoint.config.shape import ALERTS, EVENT_INPUTS, FEEDS, INDICATORS, dag_id
from airflow_provider_flashpoint.core.flashpoint.api import INPUT_NAMES, Api, DataSet
from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.streams.catalog import Stream, configured_streams, dags_of
from airflow_provider_flashpoint.streams.readiness.findings import reason_of
from airflow_provider_flashpoint.streams.readiness.fit import fit

_LINK = re.compile(r"\[([^]]+)\]\(([^)]+)\)")
_API_HELP = "the API generation whose types and filters the file must have; by default that of its connections"


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    text = "Validate the configuration file, explain its DAGs and streams, or convert it for another API generation."
    parser = commands.add_parser("config", help="validate, explain or convert the configuration file", description=text)
    actions = parser.add_subparsers(metavar="action", required=True)
    for name, run, text in (
        (
            "validate",
            _validate,
            "Print every problem of the file: key, value, what is allowed. Compare types and filters with the API "
            "generation. Where Airflow is, build the DAGs.",
        ),
        ("explain", _explain, "Print the DAGs, tasks, lookups, schedules and windows that the file makes."),
    ):
        action = actions.add_parser(name, parents=[shared], help=text, description=text)
        action.add_argument("file", nargs="*", type=Path, help=FILE_HELP)
        action.set_defaults(run=run)
        if run is _validate:
            action.add_argument("--api", choices=list(map(str, Api)), help=_API_HELP)
    migrate.add_to(actions, shared)
    text = "Print the JSON schema of the file, with which editors complete and check it."
    schema = actions.add_parser("schema", parents=[shared], help=text, description=text)
    schema.set_defaults(run=_schema)


def summary_of(config: CollectorConfig) -> str:
    """Return the lookups and tables of a file in a few words."""
    parts = []
    if config.indicators:
        count = len(config.indicators.lookups)
        parts.append(f"{count} lookup{'s' if count > 1 else ''}")
    parts += [f"{data_set} into {found.tag}" for data_set, found in config.inputs() if hasattr(found, "tag")]
    return " and ".join(parts) or "nothing, since all inputs are off"


def _validate(options: argparse.Namespace) -> Report:
    checked, lines = [], []
    for file in read_files(options.file):
        problems, notes = [*_problems(file)], [*file.config.notes] if file.config else []
        if file.config:
            unfit, unchecked = fit(file.config, Api(options.api) if options.api else None)
            problems, notes = [*problems, *unfit], [*notes, *unchecked]
        name = file.config.name if file.config else None
        checked.append({"file": str(file.path), "name": name, "problems": problems, "notes": notes})
        verdict = (
            f"valid, {summary_of(file.config)}" if file.config else "ignored, since it has no key of the collector"
        )
        lines += [f"{file.path}: {'not valid' if problems else verdict}", *(f"  {problem}" for problem in problems)]
        lines += [f"  note: {note}" for note in notes]
    data = {
        "file": os.pathsep.join(str(each["file"]) for each in checked),
        "problems": [problem for each in checked for problem in each["problems"] or ()],
        "notes": [note for each in checked for note in each["notes"] or ()],
        "configurations": checked,
    }
    return Report(data, lines, exit_code=1 if data["problems"] else 0)


def _problems(file: ConfigFile) -> Iterator[str]:
    """Yield what is wrong with a file. Where Airflow is installed, its DAGs are built too."""
    if file.error:
        heading, *found = str(file.error).removeprefix(f"{file.path}: ").split("\n  ")
        yield from found or [heading]
    elif file.config and find_spec("airflow"):
        try:
            for dag in dags_of(file.config):
                dag.validate()
        except Exception as error:  # Airflow, its settings and its policies can raise anything
            yield f"Airflow does not build the DAGs: {reason_of(error)}"


def _schema(options: argparse.Namespace) -> Report:
    schema = json_schema()
    return Report({"schema": schema}, [json.dumps(schema, indent=2)], is_document=True)


def _explain(options: argparse.Namespace) -> Report:
    files = read_files(options.file)
    if error := next((file.error for file in files if file.error), None):
        raise error
    database.start()
    explained = [_explained(file.path, file.config) for file in files if file.config]
    data = {key: [each for one in explained for each in one[key]] for key in ("dags", "without_dag", "notes")}
    lines = [line for one in explained for line in ("", *_explained_lines(one))]
    return Report({"file": os.pathsep.join(one["file"] for one in explained), **data}, lines[1:])


def _explained(path: Path, config: CollectorConfig) -> dict[str, Any]:
    inputs = {dag_id(name, config.name): getattr(config, data_set) for data_set, name in INPUT_NAMES.items()}
    return {
        "file": str(path),
        "dags": [_dag_dict(dag, inputs[dag.dag_id]) for dag in dags_of(config)],
        "without_dag": [name for name, part in inputs.items() if part is None and name in _expected(config.name)],
        "notes": list(config.notes),
    }


def _expected(name: str) -> tuple[str, ...]:
    """Return the DAGs of the inputs that a collector's file has."""
    return dag_id(INDICATORS, name), dag_id(ALERTS, name)


def _explained_lines(explained: Mapping[str, Any]) -> Iterator[Block]:
    yield explained["file"]
    for dag in explained["dags"]:
        yield ""
        yield from _dag_lines(dag)
    if explained["without_dag"] or explained["notes"]:
        yield ""
    yield from (f"{name} is off or not in the file: it has no DAG." for name in explained["without_dag"])
    yield from (f"note: {note}" for note in explained["notes"])


def _dag_dict(dag: Any, source: Any) -> dict[str, Any]:
    return {
        "dag_id": dag.dag_id,
        "period_s": int(source.request_period.total_seconds()),
        "start_date": format_instant(dag.start_date),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "flashpoint_conn_id": source.flashpoint_conn_id,
        "devo_conn_id": source.devo_conn_id,
        "staging_uri": source.staging_uri,
        "tags": sorted(dag.tags),
        "tasks": [{"task_id": task.task_id, "after": sorted(task.upstream_task_ids)} for task in dag.tasks],
        "streams": [_stream_dict(stream, dag) for stream in configured_streams([dag])],
    }


def _stream_dict(stream: Stream, dag: Any) -> dict[str, Any]:
    task: Any = stream.task
    period = task.period({"dag": dag, "logical_date": datetime.now(UTC)})
    now, first = (period.to_read(build=build, checkpoint=None).window.to_dict() for build in (False, True))
    settings = _settings(None if stream.is_lookup else stream.content)
    return {
        "name": stream.name,
        "indicator_type" if stream.is_lookup else "kind": stream.content,
        "variable": stream.variable or None,
        "problem": stream.problem or None,
        "task_id": task.task_id,
        "window_now": now,
        "window_of_a_build": first,
        **{key: _plain(getattr(task, name), key) for key, name, _ in settings},
    }


def _settings(kind: str | None) -> Iterator[tuple[str, str, str]]:
    """Yield the settings of a stream: the key in the file, the name of the operator's argument, and the description.

    :param kind: the data set of an event table, None for a lookup.
    """
    models: tuple[type[BaseModel], ...] = (*_models(kind), ObfuscationSettings)
    fields = {name: field for model in models for name, field in model.model_fields.items() if name != "enabled"}
    for name, field in fields.items():
        yield field.alias or name, name, _LINK.sub(r"\1 (docs/\2)", field.description or "")


def _models(kind: str | None) -> tuple[type[BaseModel], ...]:
    if kind is None:
        return (LookupConfig,)
    if kind in FEEDS:
        return KeywordFeed, EventSettings
    if kind == DataSet.ALERTS:
        return (AlertSettings,)
    holds_secrets = issubclass(EVENT_INPUTS[DataSet(kind)], SecretSettings)
    return (EventSettings, SecretSettings) if holds_secrets else (EventSettings,)


def _plain(value: Any, key: str) -> Any:
    """Return a setting in JSON's own types; a span of time in the unit that its key names."""
    if isinstance(value, timedelta):
        return value.days if key.endswith("_days") else int(value.total_seconds())
    if isinstance(value, datetime):
        return format_instant(value)
    return list(value) if isinstance(value, tuple) else value


def _dag_lines(dag: Mapping[str, Any]) -> Iterator[Block]:
    yield f"DAG {dag['dag_id']}"
    of_dag = [(key, _text(value)) for key, value in dag.items() if key not in {"dag_id", "tasks", "streams"}]
    yield Table(of_dag, indent="  ")
    for task in dag["tasks"]:
        yield f"  task {' after '.join([task['task_id'], *task['after']])}"
    for stream in dag["streams"]:
        is_lookup = "indicator_type" in stream
        target = f"lookup {stream['name']}" if is_lookup else f"table {stream['tag']}"
        now, build = stream["window_now"], stream["window_of_a_build"]
        yield ""
        yield f"  {stream['indicator_type'] if is_lookup else stream['kind']} into the {target}"
        yield f"    state: {stream['problem'] or 'the Airflow Variable ' + stream['variable']}"
        yield f"    a run now reads [{now['from']}, {now['to']}), the first run [{build['from']}, {build['to']})"
        settings = _settings(None if is_lookup else stream["kind"])
        rows = [(key, _text(stream[key]), description) for key, _, description in settings]
        yield Table(rows, indent="    ")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "-"
    if isinstance(value, dict) and value.keys() == {"path", "action"}:  # a rule of obfuscation
        return f"{'.'.join(value['path'])} ({value['action']})"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_text(each)}" for name, each in value.items())
    return "-" if value is None else str(value)
