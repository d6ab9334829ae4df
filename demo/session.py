"""The demo's session: sandboxes of both services with data, and an Airflow between them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from demo import scenario
from demo.airflow_lab import AirflowLab
from sandbox.generations import Generation
from sandbox.sandbox import Sandbox

_PROJECT = Path(__file__).parents[1]
HOME = _PROJECT / ".demo"


@dataclass(frozen=True, slots=True)
class Session:
    """A running Airflow, the services, and the span of their data."""

    airflow: AirflowLab
    sandbox: Sandbox
    generation: Generation
    span: scenario.Span


@contextlib.contextmanager
def session(generation: Generation, say: Callable[[str], None], **airflow_settings: str) -> Generator[Session]:
    """Start everything, and stop it at the end of the block.

    :param airflow_settings: environment variables of Airflow besides the demo's own.
    """
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    span = scenario.Span.before(datetime.now(UTC))
    config = HOME / "flashpoint_collector.yaml"
    scenario.write_config(config, generation, span)
    with Sandbox() as sandbox:
        scenario.publish(sandbox, generation, span)
        say(
            f"Flashpoint (sandbox, {generation.api}) at {sandbox.flashpoint.url}, Devo (sandbox) at {sandbox.devo.url}."
        )
        environment = {
            **sandbox.airflow_connections(generation.api),
            "FLASHPOINT_COLLECTOR_CONFIG": str(config),
            **airflow_settings,
        }
        say("Airflow starts: database, api-server, scheduler, DAG processor.")
        with AirflowLab(HOME / "airflow", _PROJECT / "dags", environment=environment) as airflow:
            say(f"Airflow {airflow.version} is up at {airflow.url}, login {airflow.user} / {airflow.password}")
            yield Session(airflow, sandbox, generation, span)
