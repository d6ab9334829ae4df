"""``airflow-flashpoint check``: is the setup ready for a run?"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from airflow_provider_flashpoint.airflow_runtime import database
from airflow_provider_flashpoint.cli.config import add_file_option, find_file, summary_of
from airflow_provider_flashpoint.cli.report import Report
from airflow_provider_flashpoint.config import CollectorConfig, load_collector_config
from airflow_provider_flashpoint.streams.catalog import dags_of
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
    loaded: list[CollectorConfig] = []

    def load() -> str:
        file = find_file(options.config)
        loaded.append(load_collector_config(file))
        return f"{file}: {summary_of(loaded[0])}."

    airflow = examine("Airflow", lambda: f"Airflow {database.start()} starts.")
    findings = [examine("configuration", load), airflow]
    config = loaded[0] if loaded else None
    if airflow.good:
        findings += [examine("DAGs", partial(_dags, config))] if config else []
        # Connections can come from the environment or a secrets backend, so they are checked without a database too.
        findings += [examine("database", _database), *staging_findings(config), *connection_findings(config)]
    data = {"findings": [asdict(finding) for finding in findings]}
    return Report(data, _lines(findings), exit_code=0 if all(finding.good for finding in findings) else 1)


def _dags(config: CollectorConfig) -> str:
    return f"{', '.join(dag.dag_id for dag in dags_of(config)) or 'none'}."


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
