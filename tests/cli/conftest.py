"""Fixtures: a sandbox with data, a configuration file that reads it, and calls of the command."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_flashpoint.cli.main import main
from sandbox.dataset.documents import alerts, indicators
from sandbox.devo.settings import DevoSettings
from sandbox.sandbox import Sandbox

TAG = "threatintel.flashpoint.intelligence.alerts"
LOOKUPS = {"domain": "Domains", "ip-dst|port": "Sockets"}
START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=1)
WINDOW = ("--from", START.isoformat(), "--to", END.isoformat())


@dataclass(frozen=True)
class Outcome:
    """The result of a call."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON object."""
        return json.loads(self.out)


class Terminal(io.StringIO):
    """A text that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


def call(*arguments: object, answer: str = "", columns: int | None = None) -> Outcome:
    """Run the command in this process.

    :param answer: the text on standard input.
    :param columns: the width of the terminal that shows the output; by default a pipe reads it.
    """
    out, err = (Terminal(), Terminal()) if columns else (io.StringIO(), io.StringIO())
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr("sys.stdin", io.StringIO(answer))
        for name, text in {"COLUMNS": str(columns), "TERM": "xterm-256color"}.items() if columns else ():
            patch.setenv(name, text)
        try:
            exit_code = main([str(argument) for argument in arguments])
        except SystemExit as ended:  # as argparse ends for wrong arguments
            exit_code = int(ended.code or 0)
    return Outcome(exit_code, out.getvalue(), err.getvalue())


def call_process(*arguments: str, environment: dict[str, str] | None = None) -> Outcome:
    """Run the command in a separate process, which starts Airflow."""
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_flashpoint.cli", *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def document(staging: Path) -> dict[str, Any]:
    """Return a configuration of two lookups and the alerts."""
    lookups = [
        {kind: {"lookup_key": f"value.{kind}", "lookup_status": "New", "lookup_name": name}}
        for kind, name in LOOKUPS.items()
    ]
    common = {"initial_start_time": START.isoformat(), "staging_uri": staging.as_uri()}
    return {
        "inputs": {
            "flashpoint_indicator": {"id": "1", "services": {"indicators": {**common, "lookups": lookups}}},
            "flashpoint_alert": {"id": "2", "services": {"alerts": {**common, "ledger_retention_days": 3650}}},
        }
    }


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(devo=DevoSettings(directory=tmp_path_factory.mktemp("certificates"), job_polls=0)) as running:
        store = running.flashpoint.store
        store.publish_indicators(indicators(3, 120, START, END, types=tuple(LOOKUPS)))
        store.publish_alerts(alerts(3, 130, START, END))
        yield running


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    """The root of the staging storage; it exists once something is written there."""
    return tmp_path / "staging"


@pytest.fixture
def config(tmp_path: Path, staging: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration file, at a place where the command finds it."""
    file = tmp_path / "flashpoint_collector.yaml"
    file.write_text(json.dumps(document(staging)), encoding="utf-8")
    monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", str(file))
    return file


@pytest.fixture
def airflow(airflow_database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Airflow with a database that holds no states."""
    from airflow_provider_flashpoint.airflow_runtime import database

    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")  # the command sets it; other tests must not see it

    def forget() -> None:
        for name in database.state_variables():
            database.delete_variable(name)

    forget()
    yield
    forget()


@pytest.fixture
def connections(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that sets both connections, with changes; None removes a field."""

    def connect(*, flashpoint: dict[str, Any] | None = None, devo: dict[str, Any] | None = None) -> None:
        for name, text in sandbox.airflow_connections().items():
            fields = json.loads(text)
            changes = dict((flashpoint if "FLASHPOINT" in name else devo) or {})
            extra = {**fields.get("extra", {}), **changes.pop("extra", {})}
            fields = fields | changes | {"extra": {key: value for key, value in extra.items() if value is not None}}
            monkeypatch.setenv(name, json.dumps({key: value for key, value in fields.items() if value is not None}))

    connect()
    return connect
