"""``airflow-flashpoint check``: whether everything is ready for a run, told without one."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
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
    from airflow_provider_flashpoint.cli.services import connection_findings

    configuration, config = _configuration(collector_file.find(options.config))
    airflow = look_at("Airflow", _airflow)
    # Connections may also come from the environment or from a secrets backend, where there is no database.
    findings = [configuration, airflow, *connection_findings(config)]
    return Report.of(
        {"findings": [asdict(finding) for finding in findings]},
        _lines(findings),
        good=all(finding.good for finding in findings),
    )


def _configuration(file: Path) -> tuple[Finding, CollectorConfig | None]:
    from airflow_provider_flashpoint.cli.config import summary_of
    from airflow_provider_flashpoint.cli.streams import dags_of
    from airflow_provider_flashpoint.config import load_collector_config

    read: list[CollectorConfig] = []

    def look() -> str:
        read.append(load_collector_config(file))
        dags = ", ".join(dag.dag_id for dag in dags_of(read[0]))
        return f"{file}: {summary_of(read[0])}. DAGs: {dags or 'none'}."

    return look_at("configuration", look), read[0] if read else None


def _airflow() -> str:
    airflow_side.begin()
    count = len(airflow_side.state_variables())
    return f"Its database answers, and holds {count or 'no'} state{'' if count == 1 else 's'}."


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    width = max(len(finding.part) for finding in findings)
    for finding in findings:
        first, *others = finding.said.split("\n")
        yield f"{'ok  ' if finding.good else 'FAIL'}  {finding.part:{width}}  {first}"
        yield from (" " * (width + 8) + line.strip() for line in others)
    bad = sum(not finding.good for finding in findings)
    yield ""
    yield f"{bad} of these {'needs' if bad == 1 else 'need'} mending." if bad else "All is good."
