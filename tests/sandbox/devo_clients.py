"""Clients of a sandbox Devo for tests: for the Lookups API, and for the syslog listeners."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import requests

from sandbox.certificates import Certificates
from sandbox.devo.connection import SyslogConnection
from sandbox.devo.server import DevoServer
from sandbox.devo.settings import DevoSettings
from sandbox.devo.syslog import SyslogListener, server_context
from sandbox.devo.syslog_faults import SyslogFaultScript
from sandbox.devo.tables import DevoTables

SETTINGS = DevoSettings(domain="acme", api_token="secret", read_only_token="reader", job_polls=2)
COLUMNS = [{"name": "KEY", "type": "INT8"}, {"name": "COLOR", "type": "STRING"}]
CONFIG = {"columns": COLUMNS, "hasHeader": True, "key": {"type": "column", "column": "KEY"}}
APPEND = CONFIG | {"append": True}
DELETE = APPEND | {"contribution": {"type": "del"}}
CSV = "KEY,COLOR\n1,Red\n2,Blue\n"

TAG = "my.app.test.x"
LINE = b"<14>Jan  1 00:00:00 host my.app.test.x: " + b"x" * 59 + b"\n"
# More than the buffers between two sockets of this machine hold, so that sending it takes a reader.
MUCH = LINE * 200_000
DEADLINE_S = 120.0
# As in linux/tcp_states.h: the peer has ended its half, ours is open.
TCP_CLOSE_WAIT = 8


class LookupsClient:
    """Calls the Lookups API with requests."""

    def __init__(self, devo: DevoServer, token: str = SETTINGS.api_token, domain: str = "acme") -> None:
        self.base = f"{devo.api_url}/lookup/{domain}"
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str = "", **query: Any) -> requests.Response:
        return requests.get(f"{self.base}{path}", params=query, headers=self.headers, timeout=DEADLINE_S)

    def drop(self, name: str) -> requests.Response:
        return requests.delete(f"{self.base}/{name}", headers=self.headers, timeout=DEADLINE_S)

    def deploy(self, method: str, name: str, csv: Any, config: Any = CONFIG, parts: Any = ()) -> requests.Response:
        files = {
            "deploy-config": (None, json.dumps(config), "application/json"),
            "csv": ("x.csv", csv, "text/csv"),
        }
        url = f"{self.base}/{name}/deploy-csv"
        return requests.request(method, url, headers=self.headers, files=files | dict(parts), timeout=DEADLINE_S)

    def words(self, name: str, job: str) -> list[str]:
        """Poll a job once and return its status words."""
        return [status["status"] for status in self.get(f"/{name}/job/{job}").json()["statuses"]]

    def wait(self, name: str, answer: requests.Response) -> dict[str, Any]:
        """Poll the job of an answer to its end and return its last status."""
        assert answer.status_code == 200, answer.text
        for _ in range(SETTINGS.job_polls):
            last = self.get(f"/{name}/job/{answer.json()['jobId']}").json()["statuses"][-1]
        return last

    def put(self, csv: str, config: Any = CONFIG) -> dict[str, Any]:
        return self.wait("Colors", self.deploy("PUT", "Colors", csv, config))


class Ingestion:
    """A listener and its client."""

    def __init__(self, certificates: Certificates, transport: str) -> None:
        self.certificates = certificates
        self.transport = transport
        self.tables = DevoTables()
        self.script = SyslogFaultScript()
        context = server_context(certificates) if transport == "tls" else None
        self.listener = SyslogListener(self.tables, self.script, context=context)

    def connect(self) -> socket.socket:
        plain = socket.create_connection(("localhost", self.listener.port), DEADLINE_S)
        if self.transport == "tcp":
            return plain
        return self.client_context().wrap_socket(plain, server_hostname="localhost")

    def client_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.certificates.chain)
        context.load_cert_chain(self.certificates.client_cert, self.certificates.client_key)
        return context

    @property
    def last(self) -> SyslogConnection:
        return self.tables.connections()[-1]

    def wait_for_bytes(self, count: int) -> None:
        wait_for(lambda: bool(self.tables.connections()) and len(self.last.wire) >= count)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.002)


def half_close(client: socket.socket) -> None:
    socket.socket.shutdown(client, socket.SHUT_WR)


def tcp_state(client: socket.socket) -> int:
    return client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def send_until_broken(client: socket.socket) -> None:
    while True:
        client.sendall(LINE * 1000)


def send_whole(ingestion: Ingestion) -> None:
    with ingestion.connect() as client:
        client.sendall(LINE)
        half_close(client)
        assert client.recv(1) == b""


def send_in_background(client: socket.socket, data: bytes) -> threading.Thread:
    """Send all and end our half. Join the thread before reading: a TLS socket of CPython allows one thread."""

    def send() -> None:
        client.sendall(data)
        half_close(client)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread
