"""``airflow-flashpoint check``: whether everything is ready for a run, told without one."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.cli import airflow_side, collector_file
from airflow_provider_flashpoint.cli.finding import Finding, look_at
from airflow_provider_flashpoint.cli.report import Report

if TYPE_CHECKING:
    from airflow_provider_flashpoint.config import CollectorConfig


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    text = (
        "Check the configuration file, Airflow's database, and the connections that the file uses: Flashpoint's "
        "token; Devo's certificates, event port and Lookups API. Nothing is pulled, and nothing is sent."
    )
    parser = commands.add_parser("check", parents=[shared], help="say whether all is ready for a run", description=text)
    collector_file.add_option(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> Report:
    from airflow_provider_flashpoint.streams.readiness import connection_findings

    configuration, config = _configuration(options.config)
    airflow = look_at("Airflow", lambda: f"Airflow {airflow_side.start()} starts.")
    findings = [configuration, airflow]
    if airflow.good:
        findings += [look_at("DAGs", partial(_dags, config))] if config else []
        # Connections may also come from the environment or a secrets backend, so the database does not stop them.
        findings += [look_at("database", _database), *connection_findings(config)]
    return Report.of(
        {"findings": [asdict(finding) for finding in findings]},
        _lines(findings),
        good=all(finding.good for finding in findings),
    )


def _configuration(given: Path | None) -> tuple[Finding, CollectorConfig | None]:
    from airflow_provider_flashpoint.cli.config import summary_of
    from airflow_provider_flashpoint.config import load_collector_config

    read: list[CollectorConfig] = []

    def look() -> str:
        file = collector_file.find(given)
        read.append(load_collector_config(file))
        return f"{file}: {summary_of(read[0])}."

    return look_at("configuration", look), read[0] if read else None


def _dags(config: CollectorConfig) -> str:
    from airflow_provider_flashpoint.streams.catalog import dags_of

    return f"{', '.join(dag.dag_id for dag in dags_of(config)) or 'none'}."


def _database() -> str:
    count = len(airflow_side.state_variables())
    return f"Airflow's database answers, and holds {count or 'no'} state{'' if count == 1 else 's'}."


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    width = max(len(finding.part) for finding in findings)
    for finding in findings:
        first, *others = finding.said.split("\n")
        yield f"{'ok  ' if finding.good else 'FAIL'}  {finding.part:{width}}  {first}"
        yield from (" " * (width + 8) + line.strip() for line in others)
    bad = sum(not finding.good for finding in findings)
    yield ""
    yield f"{bad} of these {'needs' if bad == 1 else 'need'} mending." if bad else "All is good."
