"""``airflow-flashpoint config``: is the configuration file valid, and which DAGs and streams does it make?"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_flashpoint.airflow_runtime import database
from airflow_provider_flashpoint.cli.report import Report, table
from airflow_provider_flashpoint.config import CollectorConfig, collector_config_path, load_collector_config
from airflow_provider_flashpoint.config.load import FILE_NAME, PATH_VARIABLE
from airflow_provider_flashpoint.config.model import AlertSettings, KeywordFeed, LookupConfig
from airflow_provider_flashpoint.config.obfuscation import ObfuscationSettings
from airflow_provider_flashpoint.config.reference import json_schema
from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.catalog import Stream, configured_streams, dags_of

_INPUTS = ("flashpoint_indicator", "flashpoint_alert")
_DAGS_FOLDER = "AIRFLOW__CORE__DAGS_FOLDER"
_FILE_HELP = (
    f"the configuration file; by default the path in {PATH_VARIABLE}, else {FILE_NAME} in ${_DAGS_FOLDER}, "
    "in ./dags or in $AIRFLOW_HOME/dags"
)


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    text = "Validate the configuration file, or explain the DAGs and streams that it makes."
    parser = commands.add_parser("config", help="validate or explain the configuration file", description=text)
    actions = parser.add_subparsers(metavar="action", required=True)
    for name, run, text in (
        ("validate", _validate, "Print every problem of the file: key, value, what is allowed. Needs no Airflow."),
        ("explain", _explain, "Print the DAGs, tasks, lookups, schedules and windows that the file makes."),
    ):
        action = actions.add_parser(name, parents=[shared], help=text, description=text)
        action.add_argument("file", nargs="?", type=Path, help=_FILE_HELP)
        action.set_defaults(run=run)
    text = "Print the JSON schema of the file, with which editors complete and check it."
    schema = actions.add_parser("schema", parents=[shared], help=text, description=text)
    schema.set_defaults(run=_schema)


def add_file_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--config`` to the parser of a command."""
    parser.add_argument("--config", type=Path, metavar="FILE", help=_FILE_HELP)


def find_file(path: Path | None) -> Path:
    """Return the configuration file: ``path``, or the first default place that has one.

    :raises ConfigurationError: there is none; the message names the places.
    """
    if path is not None:
        return collector_config_path(path) if path.is_dir() else path
    dags_folder = os.environ.get(_DAGS_FOLDER)
    home = Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    folders = [*([Path(dags_folder).expanduser()] if dags_folder else []), Path("dags"), home / "dags"]
    places = [collector_config_path(folder) for folder in folders]
    for place in places:
        if place.exists():
            return place
    raise ConfigurationError(
        f"The configuration file is not at {', nor at '.join(dict.fromkeys(map(str, places)))}. "
        f"Name the file, or set {PATH_VARIABLE} to its path."
    )


def summary_of(config: CollectorConfig) -> str:
    """Return the lookups and tables of a file in a few words."""
    parts = []
    if config.indicators:
        count = len(config.indicators.lookups)
        parts.append(f"{count} lookup{'s' if count > 1 else ''}")
    if config.alerts:
        parts.append(f"alerts into {config.alerts.tag}")
    return " and ".join(parts) or "nothing, since both inputs are off"


def _validate(options: argparse.Namespace) -> Report:
    file = find_file(options.file)
    try:
        config = load_collector_config(file)
    except ConfigurationError as error:
        heading, *found = str(error).removeprefix(f"{file}: ").split("\n  ")
        problems = found or [heading]
        lines = [f"{file}: not valid", *(f"  {problem}" for problem in problems)]
        return Report({"file": str(file), "problems": problems, "notes": []}, lines, exit_code=1)
    lines = [f"{file}: valid, {summary_of(config)}", *(f"  note: {note}" for note in config.notes)]
    return Report({"file": str(file), "problems": [], "notes": list(config.notes)}, lines)


def _schema(options: argparse.Namespace) -> Report:
    schema = json_schema()
    return Report({"schema": schema}, json.dumps(schema, indent=2).split("\n"))


def _explain(options: argparse.Namespace) -> Report:
    file = find_file(options.file)
    config = load_collector_config(file)
    database.start()
    inputs = dict(zip(_INPUTS, (config.indicators, config.alerts), strict=True))
    explained, lines = [], [f"{file}"]
    for dag in dags_of(config):
        explained.append(_dag_dict(dag, inputs[dag.dag_id]))
        lines += ["", *_dag_lines(explained[-1])]
    without_dag = [name for name, part in inputs.items() if part is None]
    lines += [""] if without_dag or config.notes else []
    lines += [f"{name} is off or not in the file: it has no DAG." for name in without_dag]
    lines += [f"note: {note}" for note in config.notes]
    data = {"file": str(file), "dags": explained, "without_dag": without_dag, "notes": list(config.notes)}
    return Report(data, lines)


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
    return {
        "name": stream.name,
        "indicator_type" if stream.is_lookup else "kind": stream.content,
        "variable": stream.variable,
        "task_id": task.task_id,
        "window_now": now,
        "window_of_a_build": first,
        **{key: _plain(getattr(task, name), key) for key, name, _ in _settings(is_lookup=stream.is_lookup)},
    }


def _settings(*, is_lookup: bool) -> Iterator[tuple[str, str, str]]:
    """Yield the settings of a stream: the key in the file, the name of the operator's argument, and the description."""
    models = (LookupConfig, ObfuscationSettings) if is_lookup else (KeywordFeed, AlertSettings, ObfuscationSettings)
    fields = {name: field for model in models for name, field in model.model_fields.items() if name != "enabled"}
    for name, field in fields.items():
        yield field.alias or name, name, field.description or ""


def _plain(value: Any, key: str) -> Any:
    """Return a setting in JSON's own types; a span of time in the unit that its key names."""
    if isinstance(value, timedelta):
        return value.days if key.endswith("_days") else int(value.total_seconds())
    if isinstance(value, datetime):
        return format_instant(value)
    return list(value) if isinstance(value, tuple) else value


def _dag_lines(dag: Mapping[str, Any]) -> Iterator[str]:
    yield f"DAG {dag['dag_id']}"
    settings = [(key, _text(value)) for key, value in dag.items() if key not in {"dag_id", "tasks", "streams"}]
    yield from table(settings, indent="  ")
    for task in dag["tasks"]:
        yield f"  task {' after '.join([task['task_id'], *task['after']])}"
    for stream in dag["streams"]:
        is_lookup = "indicator_type" in stream
        target = f"lookup {stream['name']}" if is_lookup else f"table {stream['tag']}"
        now, build = stream["window_now"], stream["window_of_a_build"]
        yield ""
        yield f"  {stream['indicator_type'] if is_lookup else stream['kind']} into the {target}"
        yield f"    state: the Airflow Variable {stream['variable']}"
        yield f"    a run now reads [{now['from']}, {now['to']}), the first run [{build['from']}, {build['to']})"
        rows = [(key, _text(stream[key]), description) for key, _, description in _settings(is_lookup=is_lookup)]
        yield from table(rows, indent="    ")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "-"
    if isinstance(value, dict):  # a rule of obfuscation
        return f"{'.'.join(value['path'])} ({value['action']})"
    return "-" if value is None else str(value)
