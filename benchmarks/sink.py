"""``python -m benchmarks.sink SETTINGS``: reads syslog over TLS and TCP as fast as possible, and counts lines.

A sandbox Devo stores what it receives, and the time for that would hide the limit. The sink talks to `runs` like
`server`. SETTINGS may hold ``stall_after_bytes`` and ``stall_s``: in each run, the first connection that reaches this
number of bytes is not read for this time.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from sandbox.certificates import Certificates, make_certificates
from sandbox.devo.syslog import server_context

_READ_BYTES = 1 << 20


class Sink:
    """Count the lines of all connections since `begin`."""

    def __init__(self, *, stall_after_bytes: int | None, stall_s: float) -> None:
        self._stall_after_bytes = stall_after_bytes
        self._stall_s = stall_s
        self.begin()

    def begin(self) -> None:
        self.lines = 0
        self._stalls = self._stall_after_bytes is not None

    def listen(self, context: ssl.SSLContext | None) -> int:
        """Serve a free loopback port in the background, and return it."""
        listening = socket.create_server(("localhost", 0))
        threading.Thread(target=self._accept, args=(listening, context), daemon=True).start()
        port: int = listening.getsockname()[1]
        return port

    def _accept(self, listening: socket.socket, context: ssl.SSLContext | None) -> None:
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=self._read, args=(connection, context), daemon=True).start()

    def _read(self, connection: socket.socket, context: ssl.SSLContext | None) -> None:
        block = bytearray(_READ_BYTES)
        taken = 0
        with contextlib.suppress(OSError), contextlib.closing(_wrapped(connection, context)) as peer:
            while count := peer.recv_into(block):
                self.lines += block.count(b"\n", 0, count)
                taken += count
                if self._stalls and taken >= (self._stall_after_bytes or 0):
                    self._stalls = False
                    time.sleep(self._stall_s)
            if isinstance(peer, ssl.SSLSocket):
                peer.unwrap()


def main() -> None:
    """Serve and answer until standard input ends."""
    settings = json.loads(sys.argv[1])
    sink = Sink(stall_after_bytes=settings.get("stall_after_bytes"), stall_s=settings.get("stall_s", 0.0))
    with tempfile.TemporaryDirectory(prefix="benchmark-sink-") as directory:
        certificates = make_certificates(Path(directory))
        ports = sink.listen(server_context(certificates)), sink.listen(None)
        _say({"devo": _addresses(certificates, *ports)})
        for line in sys.stdin:
            if line.strip() == "begin":
                sink.begin()
            _say({"events": sink.lines, "distinct": sink.lines})


def _wrapped(connection: socket.socket, context: ssl.SSLContext | None) -> socket.socket:
    return context.wrap_socket(connection, server_side=True) if context else connection


def _addresses(certificates: Certificates, syslog_port: int, plain_port: int) -> dict[str, Any]:
    files = {
        "cert": str(certificates.client_cert),
        "private_key": str(certificates.client_key),
        "chain": str(certificates.chain),
    }
    return {
        "syslog_port": syslog_port,
        "plain_port": plain_port,
        "connection": {"host": "localhost", "password": "", "extra": files},
    }


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
