"""The whole sandbox, from Python and from the command line."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.__main__ import main
from sandbox.errors import InvalidSettingError
from sandbox.sandbox import Sandbox

TIMEOUT_S = 120
COMMAND = [sys.executable, "-m", "sandbox"]


@contextmanager
def running(path: Path, *arguments: str) -> Generator[tuple[subprocess.Popen[str], dict[str, Any]], None, None]:
    """Run the command until it is up, and kill it at the end if it still runs."""
    ready = path / "ready.json"
    process = subprocess.Popen(
        [*COMMAND, "--ready-file", str(ready), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        while not ready.exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        yield process, json.loads(ready.read_text(encoding="utf-8"))
    finally:
        process.kill()
        process.communicate()


def test_both_services_are_reached_by_their_connections() -> None:
    """The connections are JSON with all that is needed to reach both servers, tokens included."""
    with Sandbox() as sandbox:
        connections = {name: json.loads(text) for name, text in sandbox.airflow_connections().items()}
        flashpoint = connections["AIRFLOW_CONN_FLASHPOINT_DEFAULT"]
        devo = connections["AIRFLOW_CONN_DEVO_DEFAULT"]
        answer = requests.get(
            f"{flashpoint['host']}/api/alerting/v1/alerts",
            headers={"Authorization": f"Bearer {flashpoint['password']}"},
            timeout=TIMEOUT_S,
        )
        socket.create_connection((devo["host"], devo["port"]), TIMEOUT_S).close()
    assert (flashpoint["conn_type"], devo["conn_type"], answer.status_code) == ("flashpoint", "devo", 200)


def test_the_control_planes_are_where_the_summary_says() -> None:
    """Both addresses in the summary answer with their routes."""
    with Sandbox() as sandbox:
        summary = sandbox.summary()
        listed = [
            requests.get(summary[name]["control"], timeout=TIMEOUT_S).json()["routes"]
            for name in ("flashpoint", "devo")
        ]
    assert all(listed)


def test_where_one_server_cannot_start_none_stays() -> None:
    """A port in use prevents the start, and stopping again does nothing."""
    with Sandbox() as first:
        second = Sandbox(port=first.flashpoint.port)
        with pytest.raises(OSError, match="in use"):
            second.start()
        with pytest.raises(InvalidSettingError):
            second.summary()


def test_faults_go_to_the_service_they_are_for() -> None:
    """Faults are scripted by service."""
    sandbox = Sandbox()
    sandbox.add_faults({
        "flashpoint": [{"kind": "html"}],
        "devo": [{"kind": "cut"}],
        "devo_syslog": [None, {"action": "reset"}],
    })
    assert [each["kind"] for each in sandbox.flashpoint.faults.to_json()] == ["html"]
    assert [each["kind"] for each in sandbox.devo.faults.to_json()] == ["cut"]
    assert len(sandbox.devo.syslog_faults.to_json()["waiting"]) == 2


@pytest.mark.parametrize(
    "faults",
    [
        [{"kind": "html"}],
        {"splunk": []},
        {"flashpoint": {"kind": "html"}},
        {"flashpoint": [{"kind": "html"}], "devo": [{}]},
    ],
)
def test_wrong_faults_add_nothing(faults: Any) -> None:
    """Faults for an unknown service, or of a wrong shape, are refused as a whole."""
    sandbox = Sandbox()
    with pytest.raises(InvalidSettingError):
        sandbox.add_faults(faults)
    assert sandbox.flashpoint.faults.to_json() == []


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_and_ends_in_order(tmp_path: Path, ending: signal.Signals) -> None:
    """The command serves the requested data, prints how to reach it, and ends cleanly on a signal."""
    faults = tmp_path / "faults.json"
    faults.write_text('{"flashpoint": [{"kind": "status", "status": 418, "match": "alerts"}]}')
    arguments = [
        "--seed", "5", "--indicators", "40", "--alerts", "7", "--types", "domain,ip-dst|port",
        "--from", "2024-01-01T00:00:00Z", "--to", "2024-01-01T01:00:00Z", "--faults", str(faults),
    ]  # fmt: skip
    with running(tmp_path, *arguments) as (process, summary):
        flashpoint = json.loads(summary["connections"]["AIRFLOW_CONN_FLASHPOINT_DEFAULT"])
        headers = {"Authorization": f"Bearer {flashpoint['password']}"}
        with requests.Session() as session:
            statuses = [
                session.get(
                    f"{flashpoint['host']}/api/alerting/v1/alerts", headers=headers, timeout=TIMEOUT_S
                ).status_code
                for _ in range(2)
            ]
        process.send_signal(ending)
        output, errors = process.communicate(timeout=TIMEOUT_S)
    assert summary["flashpoint"]["indicators"] == {"domain": 20, "ip-dst|port": 20}
    assert summary["flashpoint"]["alerts"] == 7
    assert statuses == [418, 200]
    assert (process.returncode, errors) == (0, "")
    for name in ("FLASHPOINT", "DEVO"):
        assert f"export AIRFLOW_CONN_{name}_DEFAULT='{{" in output


def test_the_exports_survive_a_shell(tmp_path: Path) -> None:
    """The printed lines give a shell exactly the connections."""
    with running(tmp_path, "--indicators", "0", "--alerts", "0") as (process, summary):
        process.terminate()
        output, _ = process.communicate(timeout=TIMEOUT_S)
    exports = "\n".join(line for line in output.splitlines() if line.startswith("export "))
    in_shell = subprocess.run(
        ["sh", "-c", f'{exports}\nprintf "%s" "$AIRFLOW_CONN_DEVO_DEFAULT"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert in_shell.stdout == summary["connections"]["AIRFLOW_CONN_DEVO_DEFAULT"]


def test_wrong_faults_end_the_command_with_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file with invalid faults ends the command before it serves."""
    faults = tmp_path / "faults.json"
    faults.write_text('{"flashpoint": [{"kind": "explode"}]}')
    assert main(["--faults", str(faults), "--indicators", "0"]) == 2
    assert "explode" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--from", "2024-01-02", "--to", "2024-01-01"], ["--from", "yesterday"], ["--types", "domain,,url"]],
)
def test_wrong_arguments_end_the_command(arguments: list[str]) -> None:
    """An empty interval, an invalid time and an empty type are refused."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
