"""A Devo for tests, benchmarks and demonstrations, on the loopback interface.

``python -m sandbox.devo.server --ready-file PATH`` runs it alone.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

from sandbox.certificates import Certificates, make_certificates
from sandbox.devo.ingestion import Ingestion, without_token
from sandbox.devo.lookups.api import BASE, LookupsApi
from sandbox.devo.lookups.store import DevoLookups
from sandbox.devo.queries import DevoIndex, QueryApi
from sandbox.devo.settings import DevoSettings
from sandbox.devo.store import DevoStore
from sandbox.devo.syslog import SyslogListener, server_context
from sandbox.devo.syslog_faults import SyslogFaultScript
from sandbox.devo.tables import DevoTables
from sandbox.errors import InvalidSettingError
from sandbox.http_service.faults import FaultScript
from sandbox.http_service.server import HttpServer
from sandbox.ready_file import write_ready_file

_Part = TypeVar("_Part")


class _HttpServices(HttpServer):
    def loggable_path(self, path: str) -> str:
        """Return the path without the token of the HTTP ingestion."""
        return without_token(path)


class DevoServer:
    """Syslog ingestion over TLS and plain TCP, HTTP ingestion, the Lookups API, and the inspection of all data.

    ``index`` holds what queries see. Usable as a context manager. Received data stays readable after ``stop``.
    """

    def __init__(self, settings: DevoSettings | None = None) -> None:
        self.settings = settings or DevoSettings()
        self._store = DevoStore(self.settings)
        self.index = DevoIndex(self.tables)
        self._http = _HttpServices(port=self.settings.api_port)
        self._http.add_routes(Ingestion(self.tables, self.settings).routes())
        self._http.add_routes(QueryApi(self.index, self.settings).routes())
        self._http.add_routes(LookupsApi(self.lookups, self.settings).routes())
        self._http.add_routes(self._store.routes())
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._certificates: Certificates | None = None
        self._tls: SyslogListener | None = None
        self._plain: SyslogListener | None = None

    @property
    def tables(self) -> DevoTables:
        """The events that arrived, by tag."""
        return self._store.tables

    @property
    def lookups(self) -> DevoLookups:
        """The lookups and the scripts of their jobs."""
        return self._store.lookups

    @property
    def faults(self) -> FaultScript:
        """The faults of the HTTP services."""
        return self._http.faults

    @property
    def syslog_faults(self) -> SyslogFaultScript:
        """The faults of the syslog listeners, shared by both."""
        return self._store.syslog_faults

    @property
    def http(self) -> HttpServer:
        """The server under the HTTP services, with its log of requests."""
        return self._http

    @property
    def certificates(self) -> Certificates:
        """The certificates of server and client.

        :raises InvalidSettingError: the server is not started.
        """
        return _started(self._certificates)

    @property
    def syslog_port(self) -> int:
        """The port of syslog over TLS."""
        return _started(self._tls).port

    @property
    def plain_port(self) -> int:
        """The port of syslog over plain TCP, like that of an in-house relay."""
        return _started(self._plain).port

    @property
    def url(self) -> str:
        """The root of the HTTP services; the inspection is under ``/__sandbox__/``."""
        return self._http.url

    @property
    def api_url(self) -> str:
        """The base of the Lookups API."""
        return self.url + BASE

    def start(self) -> Self:
        """Make missing certificates, and serve in threads until ``stop``."""
        settings, faults = self.settings, self.syslog_faults
        with ExitStack() as stack:
            # A failure, such as a port in use, must not leave the other parts running.
            stack.callback(self.stop)
            self._certificates = make_certificates(settings.directory or self._temporary_directory())
            context = server_context(self._certificates)
            self._tls = SyslogListener(self.tables, faults, context=context, port=settings.syslog_port).start()
            self._plain = SyslogListener(self.tables, faults, port=settings.plain_port).start()
            self._http.start()
            stack.pop_all()
        return self

    def stop(self) -> None:
        """Stop serving. A second call does nothing."""
        self._http.stop()
        for listener in (self._tls, self._plain):
            if listener is not None:
                listener.stop()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _temporary_directory(self) -> Path:
        self._temporary = tempfile.TemporaryDirectory(prefix="devo-sandbox-")
        return Path(self._temporary.name)

    def airflow_connection(self) -> dict[str, Any]:
        """Return the Airflow connection that reaches this server, with paths of certificates."""
        return {
            "conn_type": "devo",
            "host": "localhost",
            "port": self.syslog_port,
            "password": self.settings.api_token,
            "extra": {
                "cert": str(self.certificates.client_cert),
                "private_key": str(self.certificates.client_key),
                "chain": str(self.certificates.chain),
                "domain": self.settings.domain,
                "http_token": self.settings.http_token,
                "http_base_url": self.url,
                "api_base_url": self.api_url,
                "query_base_url": self.url,
            },
        }

    def addresses(self) -> dict[str, Any]:
        """Return ports, addresses and the Airflow connection, for other processes."""
        return {
            "syslog_port": self.syslog_port,
            "plain_port": self.plain_port,
            "url": self.url,
            "api_url": self.api_url,
            "connection": self.airflow_connection(),
        }


def _started(part: _Part | None) -> _Part:
    if part is None:
        raise InvalidSettingError("The sandbox Devo has no addresses before it is started.")
    return part


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code."""
    defaults = DevoSettings()
    parser = argparse.ArgumentParser(prog="devo_server", description="Run a sandbox Devo on this machine.")
    parser.add_argument("--ready-file", type=Path, help="written as JSON once all addresses are served")
    parser.add_argument("--directory", type=Path, help="keep the certificates here (default: temporary)")
    parser.add_argument("--domain", default=defaults.domain)
    parser.add_argument("--syslog-port", type=int, default=0, help="of TLS; default: a free one")
    parser.add_argument("--plain-port", type=int, default=0)
    parser.add_argument("--api-port", type=int, default=0)
    parser.add_argument("--job-polls", type=int, default=defaults.job_polls)
    parser.add_argument("--memory-bytes", type=int, default=defaults.memory_bytes)
    options = vars(parser.parse_args(arguments))
    ready_file: Path | None = options.pop("ready_file")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with DevoServer(DevoSettings(**options)) as server:
        if ready_file is None:
            sys.stdout.write(json.dumps(server.addresses(), indent=2) + "\n")
            sys.stdout.flush()
        else:
            write_ready_file(ready_file, server.addresses())
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
