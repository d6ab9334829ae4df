"""``airflow-flashpoint init``: write the DAG files and a configuration into the DAG folder."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airflow_provider_flashpoint.airflow_runtime import database, installation
from airflow_provider_flashpoint.cli.init.plan import DEVO, FLASHPOINT, Plan, collector_plan, new_plan
from airflow_provider_flashpoint.cli.init.questions import Questions
from airflow_provider_flashpoint.cli.output.report import Report, WrongUsage
from airflow_provider_flashpoint.config import CollectorConfig, parse_collector_config
from airflow_provider_flashpoint.config.dag_files import dag_files
from airflow_provider_flashpoint.config.document import document_of, text_of
from airflow_provider_flashpoint.config.load import FILE_NAME, PATH_VARIABLE
from airflow_provider_flashpoint.config.shape import dag_id
from airflow_provider_flashpoint.connections import commands
from airflow_provider_flashpoint.core.flashpoint.api import INPUT_NAMES, Api
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.readiness.fit import fit

_TEXT = (
    "Write the DAG files and a commented configuration into the DAG folder, and say what to do next. It asks what no "
    "option says; without an answer it takes the default."
)


def add_to(parsers: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    text = "write the DAG files and a configuration into the DAG folder"
    parser = parsers.add_parser("init", parents=[shared], help=text, description=_TEXT)
    parser.add_argument("--folder", type=Path, help="the DAG folder; by default that of Airflow's configuration")
    parser.add_argument("--api", choices=list(map(str, Api)), help="the API generation of Flashpoint")
    parser.add_argument("--types", metavar="TYPE,TYPE", help="the indicator types, each a lookup; none for no lookups")
    parser.add_argument("--no-alerts", action="store_true", help="leave the alerts off")
    parser.add_argument("--devo-host", metavar="HOST", help=f"where Devo takes events, such as {commands.DEVO_HOST}")
    parser.add_argument("--domain", help="the name of the Devo domain")
    parser.add_argument(
        "--from", dest="source", type=Path, metavar="FILE", help="the file of a Docker collector, to bring along"
    )
    parser.add_argument(
        "--connections", action="store_true", help=f"with --from: add {FLASHPOINT} and {DEVO} to Airflow"
    )
    parser.add_argument("--dags-only", action="store_true", help="write the DAG files alone, after an upgrade")
    parser.add_argument("--force", action="store_true", help="overwrite files that exist")
    parser.add_argument("--yes", action="store_true", help="take the defaults without asking")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> Report:
    if options.connections and not options.source:
        raise WrongUsage("--connections needs --from: the file of a collector has what the connections need.")
    folder, texts = options.folder or _dags_folder(), dag_files()
    if not options.force:
        _refuse_existing(folder, {**texts, **({} if options.dags_only else {FILE_NAME: ""})})
    if options.dags_only:
        _write(folder, texts)
        return _report(folder, texts)
    notes: list[str] = []
    questions = Questions(options.terminal, are_asked=not options.yes)
    plan = collector_plan(options, questions, notes) if options.source else new_plan(options, questions)
    config = parse_collector_config(document_of(plan.text, Path(FILE_NAME)), source=FILE_NAME)
    problems, _ = fit(config, plan.api)
    _write(folder, {**texts, FILE_NAME: plan.text})
    for conn_id, fields in plan.connections.items():
        installation.add_connection(conn_id, **fields)
    if named := os.environ.get(PATH_VARIABLE, "").strip():
        notes.append(f"{PATH_VARIABLE} is set: the DAGs read {named}, not the new {FILE_NAME}.")
    known = {*plan.connections, *plan.existing}
    if not options.folder:  # otherwise Airflow may be elsewhere
        known |= {conn_id for conn_id in (FLASHPOINT, DEVO) if installation.has_connection(conn_id)}
    found = {"connections": [*plan.connections], "notes": notes, "problems": problems}
    return _report(folder, [*texts, FILE_NAME], steps=[*_steps(plan, config, known)], **found)


def _dags_folder() -> Path:
    if not find_spec("airflow"):
        raise WrongUsage("Airflow is not installed here. Name the DAG folder with --folder.")
    database.start()
    if folder := installation.dags_folder():
        return folder
    raise WrongUsage(
        "Airflow reads DAG files from no folder of this machine: see [dag_processor] dag_bundle_config_list. Name a "
        "folder with --folder, and bring its files to where Airflow reads."
    )


def _refuse_existing(folder: Path, texts: Mapping[str, str]) -> None:
    """Refuse to overwrite a file that is another one than the package's."""
    found = [name for name in texts if os.path.lexists(folder / name)]
    if other := [name for name in found if text_of(folder / name) != texts[name]]:
        raise WrongUsage(f"{folder} has {', '.join(other)} already. Nothing was written; --force overwrites them.")


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        text = f"{folder} cannot be written: {error.strerror}. Name another one with --folder."
        raise ConfigurationError(text) from error


def _steps(plan: Plan, config: CollectorConfig, known: Collection[str]) -> Iterator[str]:
    """Yield the commands to type next; those of the connections unless they are known."""
    yield from (command for conn_id, command in plan.commands.items() if conn_id not in known)
    yield "airflow-flashpoint check"
    yield "airflow dags reserialize    # Airflow reads the files now, otherwise within minutes"
    yield from (f"airflow dags unpause {dag_id(INPUT_NAMES[kind], config.name)}" for kind, _ in config.inputs())


def _report(folder: Path, names: Iterable[str], **found: Sequence[str]) -> Report:
    lists = {key: found.get(key, []) for key in ("connections", "notes", "problems", "steps")}
    data = {"folder": str(folder), "files": [*names], **lists}
    return Report(data, _lines(data), exit_code=1 if data["problems"] else 0)


def _lines(data: Mapping[str, Any]) -> Iterator[str]:
    yield f"Written into {data['folder']}: {', '.join(data['files'])}."
    if data["connections"]:
        yield f"Added to Airflow: {' and '.join(data['connections'])}."
    for kind in ("note", "problem"):
        yield from (f"{kind}: {text}" for text in data[f"{kind}s"])
    if data["steps"]:
        yield ""
        yield "Then:"
        yield ""
        yield from data["steps"]
