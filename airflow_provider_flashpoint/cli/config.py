"""``airflow-flashpoint config``: is the configuration file valid, and which DAGs and streams does it make?"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.airflow_runtime import database
from airflow_provider_flashpoint.cli.report import Report, table
from airflow_provider_flashpoint.config import collector_config_path, load_collector_config
from airflow_provider_flashpoint.config.load import FILE_NAME, PATH_VARIABLE
from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.catalog import configured_streams, dags_of

if TYPE_CHECKING:
    from airflow_provider_flashpoint.config import CollectorConfig
    from airflow_provider_flashpoint.streams.catalog import Stream

_INPUTS = ("flashpoint_indicator", "flashpoint_alert")
_LOOKUP_SETTINGS = ("indicator_type", "lookup_key", "lookup_status", "columns", "obfuscation")
_ALERT_SETTINGS = ("kind", "tag", "path", "on_rerun", "verify", "telemetry", "obfuscation")
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
        return Report.of({"file": str(file), "problems": problems, "notes": []}, lines, good=False)
    lines = [f"{file}: valid, {summary_of(config)}", *(f"  note: {note}" for note in config.notes)]
    return Report.of({"file": str(file), "problems": [], "notes": list(config.notes)}, lines)


def _explain(options: argparse.Namespace) -> Report:
    file = find_file(options.file)
    config = load_collector_config(file)
    database.start()
    inputs = dict(zip(_INPUTS, (config.indicators, config.alerts), strict=True))
    dags = [_dag_dict(dag, inputs[dag.dag_id]) for dag in dags_of(config)]
    without_dag = [name for name, part in inputs.items() if part is None]
    lines = [f"{file}"]
    for dag in dags:
        lines += ["", *_dag_lines(dag)]
    lines += [""] if without_dag or config.notes else []
    lines += [f"{name} is off or not in the file: it has no DAG." for name in without_dag]
    lines += [f"note: {note}" for note in config.notes]
    return Report.of({"file": str(file), "dags": dags, "without_dag": without_dag, "notes": list(config.notes)}, lines)


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
    context = {"dag": dag, "logical_date": datetime.now(UTC)}
    now, first = (task.period(context).to_read(build=build, checkpoint=None).asked.to_dict() for build in (False, True))
    common = {
        "name": stream.name,
        "variable": stream.variable,
        "task_id": task.task_id,
        "lag_s": int(task.lag.total_seconds()),
        "heal_gaps": task.heal_gaps,
        "page_size": task.page_size,
        "max_rejects": task.max_rejects,
        "window_now": now,
        "window_of_a_build": first,
    }
    own = _LOOKUP_SETTINGS if stream.is_lookup else _ALERT_SETTINGS
    return common | {name: _plain(getattr(task, name)) for name in own}


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _dag_lines(dag: Mapping[str, Any]) -> Iterator[str]:
    yield f"DAG {dag['dag_id']}: a run every {dag['period_s']} s"
    yield from table(
        [
            ("start", f"{dag['start_date']}, {'with' if dag['catchup'] else 'without'} catch-up of missed runs"),
            ("runs at once", f"{dag['max_active_runs']}"),
            ("connections", f"{dag['flashpoint_conn_id']}, {dag['devo_conn_id']}"),
            ("staging", dag["staging_uri"] or "[flashpoint] staging_uri of Airflow's configuration"),
            ("tags", ", ".join(dag["tags"])),
            *(("task", _task_text(task)) for task in dag["tasks"]),
        ],
        indent="  ",
    )
    for stream in dag["streams"]:
        yield from ("", *_stream_lines(stream))


def _task_text(task: Mapping[str, Any]) -> str:
    return f"{task['task_id']}{' after ' + ', '.join(task['after']) if task['after'] else ''}"


def _stream_lines(stream: Mapping[str, Any]) -> Iterator[str]:
    if "indicator_type" in stream:
        yield f"  {stream['indicator_type']} into the lookup {stream['name']}"
        columns = ", ".join(stream["columns"]) if stream["columns"] else "those found when the lookup is built"
        own = [("key", stream["lookup_key"]), ("other columns", columns), ("first status", stream["lookup_status"])]
    else:
        yield f"  {stream['kind']} into the table {stream['tag']}"
        own = [
            ("path", stream["path"] or "the connection's, else the known one"),
            ("on a rerun", stream["on_rerun"]),
            ("verify", stream["verify"]),
        ]
    now, build = stream["window_now"], stream["window_of_a_build"]
    yield from table(
        [
            *own,
            ("a run now reads", f"[{now['from']}, {now['to']}), including a lag of {stream['lag_s']} s"),
            ("the first run reads", f"[{build['from']}, {build['to']})"),
            ("after a pause", "reads from the last checkpoint on" if stream["heal_gaps"] else "leaves the gap"),
            ("rejected records allowed", f"{stream['max_rejects']}"),
            *(("obfuscates", f"{'.'.join(rule['path'])} ({rule['action']})") for rule in stream["obfuscation"] or ()),
            ("state", f"the Airflow Variable {stream['variable']}"),
        ],
        indent="    ",
    )
