"""``airflow-flashpoint config``: is the collector's file right, and what becomes of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.cli import airflow_side, collector_file
from airflow_provider_flashpoint.cli.report import Report, table
from airflow_provider_flashpoint.config import load_collector_config
from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_flashpoint.config import CollectorConfig
    from airflow_provider_flashpoint.streams.catalog import Stream

_INPUTS = ("flashpoint_indicator", "flashpoint_alert")
_LOOKUP_SETTINGS = ("indicator_type", "lookup_key", "lookup_status", "columns", "obfuscation")
_ALERT_SETTINGS = ("kind", "tag", "path", "on_rerun", "verify", "telemetry", "obfuscation")


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    described = "Say whether the collector's configuration file is right, and what becomes of it."
    parser = commands.add_parser("config", help="validate or explain the collector's file", description=described)
    actions = parser.add_subparsers(metavar="action", required=True)
    for name, run, text in (
        ("validate", _validate, "Print every problem of the file: key, value, what is allowed. Needs no Airflow."),
        ("explain", _explain, "Print the DAGs, tasks, lookups, schedules and windows that the file makes."),
    ):
        action = actions.add_parser(name, parents=[shared], help=text, description=text)
        action.add_argument("file", nargs="?", type=Path, help=collector_file.HELP)
        action.set_defaults(run=run)


def problems_of(error: ConfigurationError, file: Path) -> list[str]:
    """Return the problems that the message of a refused file lists."""
    heading, *problems = str(error).removeprefix(f"{file}: ").split("\n  ")
    return problems or [heading]


def summary_of(config: CollectorConfig) -> str:
    """Return in a few words what a file is about."""
    parts = []
    if config.indicators:
        count = len(config.indicators.lookups)
        parts.append(f"{count} lookup{'s' if count > 1 else ''}")
    if config.alerts:
        parts.append(f"alerts into {config.alerts.tag}")
    return " and ".join(parts) or "nothing, since both inputs are off"


def _validate(options: argparse.Namespace) -> Report:
    file = collector_file.find(options.file)
    try:
        config = load_collector_config(file)
    except ConfigurationError as error:
        problems = problems_of(error, file)
        lines = [f"{file}: not good", *(f"  {problem}" for problem in problems)]
        return Report.of({"file": str(file), "problems": problems, "notes": []}, lines, good=False)
    lines = [f"{file}: good, {summary_of(config)}", *(f"  note: {note}" for note in config.notes)]
    return Report.of({"file": str(file), "problems": [], "notes": list(config.notes)}, lines)


def _explain(options: argparse.Namespace) -> Report:
    from airflow_provider_flashpoint.streams.catalog import configured_streams, dags_of

    file = collector_file.find(options.file)
    config = load_collector_config(file)
    airflow_side.start()
    explained = []
    lines = [f"{file}"]
    for dag in dags_of(config):
        source = config.indicators if dag.dag_id == _INPUTS[0] else config.alerts
        told = {
            "dag_id": dag.dag_id,
            "period_s": int(source.request_period.total_seconds()) if source else None,
            "start_date": format_instant(dag.start_date),
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "flashpoint_conn_id": source.flashpoint_conn_id if source else None,
            "devo_conn_id": source.devo_conn_id if source else None,
            "staging_uri": source.staging_uri if source else None,
            "tags": sorted(dag.tags),
            "tasks": [{"task_id": task.task_id, "after": sorted(task.upstream_task_ids)} for task in dag.tasks],
            "streams": [_stream_told(stream, dag) for stream in configured_streams([dag])],
        }
        explained.append(told)
        lines += ["", *_dag_lines(told)]
    off = [name for name, part in zip(_INPUTS, (config.indicators, config.alerts), strict=True) if part is None]
    lines += [""] if off or config.notes else []
    lines += [f"{name} is off or not in the file: it has no DAG." for name in off]
    lines += [f"note: {note}" for note in config.notes]
    data = {"file": str(file), "dags": explained, "without_dag": off, "notes": list(config.notes)}
    return Report.of(data, lines)


def _stream_told(stream: Stream, dag: Any) -> dict[str, Any]:
    task = stream.task
    if task is None:
        raise ValueError(f"{stream.name} has no task")
    context = {"dag": dag, "logical_date": datetime.now(UTC)}
    now, first = (task.resolve(context, build=build, complete_until=None).asked.to_dict() for build in (False, True))
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


def _dag_lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"DAG {told['dag_id']}: a run every {told['period_s']} s"
    yield from table(
        [
            ("start", f"{told['start_date']}, {'with' if told['catchup'] else 'without'} the runs missed since"),
            ("runs at once", f"{told['max_active_runs']}"),
            ("connections", f"{told['flashpoint_conn_id']}, {told['devo_conn_id']}"),
            ("staging", told["staging_uri"] or "as Airflow's configuration says ([flashpoint] staging_uri)"),
            ("tags", ", ".join(told["tags"])),
            *(("task", _task_text(task)) for task in told["tasks"]),
        ],
        indent="  ",
    )
    for stream in told["streams"]:
        yield from ("", *_stream_lines(stream))


def _task_text(task: Mapping[str, Any]) -> str:
    return f"{task['task_id']}{' after ' + ', '.join(task['after']) if task['after'] else ''}"


def _stream_lines(stream: Mapping[str, Any]) -> Iterator[str]:
    if "indicator_type" in stream:
        yield f"  {stream['indicator_type']} into the lookup {stream['name']}"
        columns = ", ".join(stream["columns"]) if stream["columns"] else "those found when the lookup is built"
        own = [("key", stream["lookup_key"]), ("other columns", columns), ("begins as", stream["lookup_status"])]
    else:
        yield f"  {stream['kind']} into the table {stream['tag']}"
        own = [
            ("path", stream["path"] or "the connection's or the known one"),
            ("on a rerun", stream["on_rerun"]),
            ("proved by", stream["verify"]),
        ]
    now, build = stream["window_now"], stream["window_of_a_build"]
    yield from table(
        [
            *own,
            ("a run now reads", f"[{now['from']}, {now['to']}), its lag of {stream['lag_s']} s included"),
            ("the first run reads", f"[{build['from']}, {build['to']})"),
            ("after a pause", "reads from the last checkpoint on" if stream["heal_gaps"] else "leaves the gap"),
            ("rejects allowed", f"{stream['max_rejects']}"),
            *(("hides", f"{'.'.join(rule['path'])} ({rule['action']})") for rule in stream["obfuscation"] or ()),
            ("state", f"the Airflow Variable {stream['variable']}"),
        ],
        indent="    ",
    )
