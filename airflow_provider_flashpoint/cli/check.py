"""``airflow-flashpoint check``: is the setup ready for a run?"""

from __future__ import annotations

import argparse
import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from airflow_provider_flashpoint.airflow_runtime import database
from airflow_provider_flashpoint.cli.config import summary_of
from airflow_provider_flashpoint.cli.files import add_file_option, read_files
from airflow_provider_flashpoint.cli.report import Report
from airflow_provider_flashpoint.config import CollectorConfig
from airflow_provider_flashpoint.core.state import LookupState
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.catalog import all_streams, configured_streams, dags_of
from airflow_provider_flashpoint.streams.progress import origin_problem, stored_state
from airflow_provider_flashpoint.streams.readiness import Finding, connection_findings, examine, staging_findings


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    text = (
        "Check the configuration file, Airflow's database, and the connections that the file uses: Flashpoint's "
        "token; Devo's certificates, event port and Lookups API. Nothing is pulled, and nothing is sent."
    )
    parser = commands.add_parser("check", parents=[shared], help="check that all is ready for a run", description=text)
    add_file_option(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> Report:
    configs, findings = [], []
    try:
        files = read_files(options.config)
    except ConfigurationError as error:
        files = []
        findings.append(Finding("configuration", False, str(error)))
    for file in files:
        if file.config:
            configs.append(file.config)
        if file.error:
            findings.append(Finding("configuration", False, str(file.error)))
        elif file.config:
            findings.append(Finding("configuration", True, f"{file.path}: {summary_of(file.config)}."))
    airflow = examine("Airflow", lambda: f"Airflow {database.start()} starts.")
    findings.append(airflow)
    if airflow.good:
        built = [examine("DAGs", partial(_dags, configs))] if configs else []
        findings += built
        findings += [examine("streams", partial(_streams, configs))] if len(configs) > 1 else []
        # Connections can come from the environment or a secrets backend, so they are checked without a database too.
        database_found = examine("database", _database)
        states = _stopped_streams(configs) if all(each.good for each in (*built, database_found)) else ()
        findings += [database_found, *states, *staging_findings(configs), *connection_findings(configs)]
    data = {"findings": [asdict(finding) for finding in findings]}
    return Report(data, _lines(findings), exit_code=0 if all(finding.good for finding in findings) else 1)


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


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    width = max(len(finding.part) for finding in findings)
    for finding in findings:
        first, *others = finding.said.split("\n")
        yield f"{'ok  ' if finding.good else 'FAIL'}  {finding.part:{width}}  {first}"
        yield from (" " * (width + 8) + line.strip() for line in others)
    failed = sum(not finding.good for finding in findings)
    yield ""
    yield f"{failed} of {len(findings)} checks failed." if failed else "All is good."
