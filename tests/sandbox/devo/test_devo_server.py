"""The whole sandbox Devo: its parts together, its inspection over HTTP, its own process."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.devo.server import DevoServer
from sandbox.devo.settings import DevoSettings
from sandbox.errors import InvalidSettingError
from sandbox.http_service.faults import Fault

TAG = "my.app.test.x"
DEADLINE_S = 120.0


@pytest.fixture
def devo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevoServer]:
    directory = tmp_path_factory.getbasetemp() / "certificates"
    with DevoServer(DevoSettings(directory=directory, job_polls=0)) as server:
        yield server


def send(port: int, *messages: bytes) -> None:
    """Send events over plain TCP, and return when they are counted."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as client:
        for message in messages:
            client.sendall(b"<14>Jan  1 00:00:00 host " + TAG.encode() + b": " + message + b"\n")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""


def inspect(devo: DevoServer, path: str, method: str = "GET", **options: Any) -> requests.Response:
    return requests.request(method, f"{devo.url}/__sandbox__/{path}", timeout=DEADLINE_S, **options)


def create_lookup(devo: DevoServer, name: str, rows: int = 3) -> None:
    config = {"columns": [{"name": "KEY", "type": "STRING"}], "key": {"type": "first-column"}}
    body = config | {"csv": "".join(f"{number}\n" for number in range(rows))}
    headers = {"Authorization": f"Bearer {devo.settings.api_token}"}
    url = f"{devo.api_url}/lookup/{devo.settings.domain}/{name}/deploy-csv"
    requests.post(url, json=body, headers=headers, timeout=DEADLINE_S).raise_for_status()


def test_the_tables_are_shown_with_their_ids(devo: DevoServer) -> None:
    """The inspection counts events, bytes, ids and torn lines per tag, and lists the connections."""
    send(devo.plain_port, b'{"alert_id": "a"}', b'{"alert_id": "a"}', b"{}")
    shown = inspect(devo, "tables?id=alert_id").json()
    assert shown["tables"][TAG] == {
        "events": 3,
        "bytes": 3 * len(f"<14>Jan  1 00:00:00 host {TAG}: ") + 17 + 17 + 2,
        "connections": {"1": 3},
        "torn": {},
        "ids": {"name": "alert_id", "distinct": 1, "duplicates": 1, "without": 1},
    }
    assert shown["connections"][0]["ended"] == "eof"


def test_the_messages_of_a_table_are_shown(devo: DevoServer) -> None:
    """Offset and limit select messages; each has the number of its connection."""
    send(devo.plain_port, b"1", b"2", b"3")
    send(devo.plain_port, b"4")
    assert inspect(devo, f"tables/{TAG}?offset=1&limit=2").json() == {
        "tag": TAG,
        "events": 4,
        "offset": 1,
        "messages": ["2", "3"],
        "connections": [1, 1],
    }
    assert inspect(devo, f"tables/{TAG}?offset=3").json()["connections"] == [2]


def test_any_bytes_survive_the_inspection(devo: DevoServer) -> None:
    """NUL, a lone surrogate in JSON and bytes that are not UTF-8 survive the JSON unchanged."""
    messages = [b"a\x00b", b'"\\ud800"', b"\xed\xa0\x80", b"\xff\xfe", "ñ😀".encode()]
    send(devo.plain_port, *messages)
    shown = inspect(devo, f"tables/{TAG}").json()["messages"]
    assert [text.encode("utf-8", "surrogateescape") for text in shown] == messages


def test_a_table_without_events_is_empty(devo: DevoServer) -> None:
    """A request for an unknown tag is not an error."""
    assert inspect(devo, "tables/my.app.none").json()["messages"] == []


@pytest.mark.parametrize("query", ["offset=-1", "limit=x"])
def test_a_wrong_part_is_refused(devo: DevoServer, query: str) -> None:
    """Offset and limit are numbers."""
    assert inspect(devo, f"tables/{TAG}?{query}").status_code == 400


def test_tables_can_be_cleared(devo: DevoServer) -> None:
    """After DELETE no earlier event is counted."""
    send(devo.plain_port, b"1")
    assert inspect(devo, "tables", "DELETE").status_code == 204
    assert inspect(devo, "tables").json() == {"tables": {}, "connections": []}


def test_a_lookup_is_shown_with_its_rows_and_jobs(devo: DevoServer) -> None:
    """The inspection shows columns, key, count, some of the rows, and the jobs."""
    create_lookup(devo, "Colors", rows=5)
    shown = inspect(devo, "lookups/Colors?offset=1&limit=2").json()
    assert (shown["columns"], shown["key"], shown["count"]) == (["KEY"], "KEY", 5)
    assert shown["rows"] == [["1"], ["2"]]
    assert [(job["operation"], job["rows"], job["state"]) for job in shown["jobs"]] == [("create", 5, "completed")]


def test_all_lookups_are_listed_without_rows(devo: DevoServer) -> None:
    """The overview stays small, however large the lookups are."""
    create_lookup(devo, "One")
    create_lookup(devo, "Two")
    shown = inspect(devo, "lookups").json()["lookups"]
    assert {name: (each["count"], each["rows"]) for name, each in shown.items()} == {
        "One": (3, []),
        "Two": (3, []),
    }


def test_lookups_can_be_cleared(devo: DevoServer) -> None:
    """After DELETE a lookup is unknown and can be created again."""
    create_lookup(devo, "Colors")
    assert inspect(devo, "lookups", "DELETE").status_code == 204
    assert inspect(devo, "lookups/Colors").status_code == 404
    create_lookup(devo, "Colors")


def test_jobs_are_planned_and_finished_from_outside(devo: DevoServer) -> None:
    """Another process scripts and finishes jobs over HTTP."""
    plans = [{"polls": 9}, {"failure": "full"}]
    assert inspect(devo, "lookup-jobs", "POST", json=plans).json() == {"added": 2}
    create_lookup(devo, "One")
    assert inspect(devo, "lookups/One").json()["jobs"][0]["state"] == "pending"
    inspect(devo, "lookup-jobs/finish", "POST")
    assert inspect(devo, "lookups/One").json()["jobs"][0]["state"] == "completed"
    create_lookup(devo, "Two")
    assert inspect(devo, "lookups/Two").json()["jobs"][0]["reason"] == "full"


def test_syslog_faults_are_scripted_from_outside(devo: DevoServer) -> None:
    """Another process scripts connection faults, sees them used, and releases them."""
    faults = [None, {"action": "stall", "after_bytes": 10}]
    assert inspect(devo, "syslog-faults", "POST", json=faults).json() == {"added": 2}
    send(devo.plain_port, b"1")
    with socket.create_connection(("127.0.0.1", devo.plain_port), DEADLINE_S) as client:
        client.sendall(b"x" * 100 + b"\n")
        client.shutdown(socket.SHUT_WR)
        wait_for(lambda: len(inspect(devo, "tables").json()["connections"]) == 2)
        assert inspect(devo, "syslog-faults").json()["taken"][0]["action"] == "stall"
        inspect(devo, "syslog-faults/release", "POST")
        assert client.recv(1) == b""
    assert [each["bytes"] for each in inspect(devo, "tables").json()["connections"]][1] == 101


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("syslog-faults", {"action": "explode"}),
        ("syslog-faults", {"action": "reset", "when": 1}),
        ("syslog-faults", "reset"),
        ("syslog-faults", {"action": "reset", "after_bytes": "many"}),
        ("lookup-jobs", {"word": "FAILED"}),
        ("lookup-jobs", 3),
    ],
)
def test_a_wrong_script_is_refused(devo: DevoServer, path: str, body: Any) -> None:
    """An invalid script is a 400, and nothing is added."""
    assert inspect(devo, path, "POST", json=body).status_code == 400


def test_the_inspection_meets_no_faults(devo: DevoServer) -> None:
    """Faults apply to the services, never to the inspection."""
    devo.faults.add(Fault("status", times=None))
    assert inspect(devo, "tables").status_code == 200
    assert requests.get(f"{devo.api_url}/lookup/sandbox", timeout=DEADLINE_S).status_code == 503


def test_the_connection_reaches_the_server(devo: DevoServer) -> None:
    """The Airflow connection has the addresses, the token and existing files."""
    connection = devo.airflow_connection()
    extra = connection["extra"]
    assert (connection["conn_type"], connection["host"]) == ("devo", "localhost")
    assert (connection["port"], connection["password"]) == (devo.syslog_port, devo.settings.api_token)
    assert all(Path(extra[name]).is_file() for name in ("cert", "private_key", "chain"))
    assert extra["domain"] == "sandbox"
    headers = {"Authorization": f"Bearer {connection['password']}"}
    listed = requests.get(f"{extra['api_base_url']}/lookup/{extra['domain']}", headers=headers, timeout=DEADLINE_S)
    assert listed.json() == {"lookups": []}


def test_settings_hide_their_tokens() -> None:
    """The repr of the settings, which may reach a log, has no token."""
    shown = repr(DevoSettings(api_token="hidden-one", read_only_token="hidden-two"))
    assert "hidden" not in shown


def test_received_data_stays_after_the_end(tmp_path: Path) -> None:
    """A test can inspect the data after the server has stopped."""
    with DevoServer(DevoSettings(directory=tmp_path)) as server:
        send(server.plain_port, b"1")
    assert server.tables.messages(TAG) == ["1"]


def test_there_are_no_addresses_before_the_start() -> None:
    """Reading an address too early is an error that says so."""
    with pytest.raises(InvalidSettingError, match="started"):
        _ = DevoServer().syslog_port


def test_a_start_that_fails_leaves_nothing_running(tmp_path: Path) -> None:
    """If one port is in use, the ports opened before are free again."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        settings = DevoSettings(
            directory=tmp_path, syslog_port=free.getsockname()[1], plain_port=taken.getsockname()[1]
        )
        free.close()
        with pytest.raises(OSError, match="in use"):
            DevoServer(settings).start()
        socket.create_server(("127.0.0.1", settings.syslog_port)).close()


def test_stopping_twice_is_harmless(tmp_path: Path) -> None:
    """A second stop does nothing."""
    server = DevoServer(DevoSettings(directory=tmp_path)).start()
    server.stop()
    server.stop()


def test_it_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    """The command publishes its addresses, serves, and ends cleanly on a signal."""
    ready = tmp_path / "ready.json"
    command = [
        sys.executable,
        "-m",
        "sandbox.devo.server",
        "--ready-file",
        str(ready),
    ]
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    with subprocess.Popen([*command, "--domain", "acme"], env=environment, cwd=tmp_path) as process:
        try:
            wait_for(lambda: ready.exists() or process.poll() is not None)
            addresses = json.loads(ready.read_text())
            send(addresses["plain_port"], b"1")
            shown = requests.get(f"{addresses['url']}/__sandbox__/tables", timeout=DEADLINE_S).json()
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    assert shown["tables"][TAG]["events"] == 1
    assert addresses["connection"]["extra"]["domain"] == "acme"
    # It holds the token.
    assert stat.S_IMODE(ready.stat().st_mode) == 0o600


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)
