"""``airflow-flashpoint check``: is the setup ready for a run?"""

from __future__ import annotations

import argparse
import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from airflow_provider_flashpoint.airflow_runtime import database
from airflow_provider_flashpoint.cli.config import summary_of
from airflow_provider_flashpoint.cli.files import add_file_option, read_files
from airflow_provider_flashpoint.cli.output.report import Block, Report, Table
from airflow_provider_flashpoint.config import CollectorConfig
from airflow_provider_flashpoint.core.state import LookupState
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.catalog import all_streams, configured_streams, dags_of
from airflow_provider_flashpoint.streams.progress import origin_problem, stored_state
from airflow_provider_flashpoint.streams.readiness.devo import devo_findings
from airflow_provider_flashpoint.streams.readiness.findings import Finding, examine, staging_findings
from airflow_provider_flashpoint.streams.readiness.flashpoint import flashpoint_findings


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    text = (
        "Check the configuration file, Airflow's database, and the connections that the file uses: Flashpoint's "
        "token, and the keys of lookups; Devo's certificates, event port and Lookups API. Nothing is staged or sent."
    )
    parser = commands.add_parser("check", parents=[shared], help="check that all is ready for a run", description=text)
    add_file_option(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> Report:
    findings = []
    options.progress("starting")
    for finding in _findings(options.config):
        findings.append(finding)
        options.progress(f"checked {finding.part}")
    data = {"findings": [asdict(finding) for finding in findings]}
    return Report(data, _lines(findings), exit_code=0 if all(finding.good for finding in findings) else 1)


def _findings(places: Sequence[Path] | None) -> Iterator[Finding]:
    try:
        files = read_files(places)
    except ConfigurationError as error:
        files = []
        yield Finding("configuration", False, str(error))
    configs = [file.config for file in files if file.config]
    for file in files:
        if file.error:
            yield Finding("configuration", False, str(file.error))
        elif file.config:
            yield Finding("configuration", True, f"{file.path}: {summary_of(file.config)}.")
    airflow = examine("Airflow", lambda: f"Airflow {database.start()} starts.")
    yield airflow
    if not airflow.good:
        return
    built = [examine("DAGs", partial(_dags, configs))] if configs else []
    yield from built
    if len(configs) > 1:
        yield examine("streams", partial(_streams, configs))
    # Connections can come from the environment or a secrets backend, so they are checked without a database too.
    database_found = examine("database", _database)
    yield database_found
    if all(each.good for each in (*built, database_found)):
        yield from _stopped_streams(configs)
    yield from staging_findings(configs)
    yield from flashpoint_findings(configs)
    yield from devo_findings(configs)


def _dags(configs: Sequence[CollectorConfig]) -> str:
    return f"{', '.join(dag.dag_id for config in configs for dag in dags_of(config)) or 'none'}."


def _streams(configs: Sequence[CollectorConfig]) -> str:
    """Compare the streams of all configurations: two connections may lead to one domain.

    :raises ConfigurationError: two DAGs fill one stream.
    """
    dag_ids = defaultdict(list)
    streams = configured_streams(dag for config in configs for dag in dags_of(config))
    for stream in streams:
        if stream.task and not stream.problem:
            source = "" if stream.kind is LookupState else f", from {stream.source},"  # a lookup has one source
            dag_ids[stream.kind, f"{stream.name} in {stream.destination}{source}"].append(stream.task.dag_id)
    twice = [f"{stream} is filled by {' and '.join(ids)}" for (_, stream), ids in dag_ids.items() if len(ids) > 1]
    if twice:
        raise ConfigurationError(f"{'; '.join(twice)}. Leave each stream to one configuration.")
    return f"{len(streams)} streams, each filled by one DAG."


def _stopped_streams(configs: Sequence[CollectorConfig]) -> Iterator[Finding]:
    """Yield the streams whose next run stops, since their state names another origin."""
    for stream in all_streams(configs):
        with contextlib.suppress(ConfigurationError):  # `state show` reports unreadable states
            state = stored_state(stream)
            if state and (problem := origin_problem(stream, state)):
                yield Finding(f"state of {stream.name}", False, problem)


def _database() -> str:
    count = len(database.state_variables())
    return f"Airflow's database answers, and holds {count or 'no'} state{'' if count == 1 else 's'}."


def _lines(findings: Sequence[Finding]) -> Iterator[Block]:
    rows = []
    for finding in findings:
        start = ("ok  " if finding.good else "FAIL", finding.part)
        for line in finding.said.split("\n"):
            rows.append((*start, line.strip()))
            start = ("", "")
    yield Table(rows)
    failed = sum(not finding.good for finding in findings)
    yield ""
    yield f"{failed} of {len(findings)} checks failed." if failed else "All is good."
