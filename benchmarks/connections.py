"""Connections of each contender to Devo: ours as the hook makes them, devo-sdk's as documented, and bare sockets.

``transport`` is ``tls``, ``tcp`` or, for ours only, ``http``.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.scene import TAG

if TYPE_CHECKING:
    from devo.sender import Sender

    from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
    from airflow_provider_flashpoint.core.devo.settings import DevoSettings
    from benchmarks.case import Work

_ANSWER_BYTES = 65_536


def settings(work: Work, transport: str = "tls", **extra: Any) -> DevoSettings:
    """Return the settings of a connection to the sandbox, with more fields in its extra."""
    from airflow_provider_flashpoint.connections import read_settings
    from airflow_provider_flashpoint.core.devo.settings import DevoSettings

    connection = work.servers["devo"]["connection"]
    fields = {**connection["extra"], **extra}
    if transport == "tcp":
        fields = {**{name: value for name, value in fields.items() if name not in _IDENTITY}, "insecure": True}
    elif transport == "http":
        fields |= {"event_transport": "http"}
    return read_settings(
        DevoSettings,
        fields,
        conn_id="benchmark",
        host=connection["host"],
        port=_port(work, transport),
        password=connection["password"],
    )


def event_writer(work: Work, transport: str, **options: Any) -> Callable[[], EventWriter]:
    """Return what makes our writer of events, with these options of it; all that it needs is imported."""
    from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
    from airflow_provider_flashpoint.core.devo.transports import event_channel

    to = settings(work, transport)
    event_channel(to, TAG)
    return lambda: EventWriter(event_channel(to, TAG), **options)


def sdk_sender(work: Work, transport: str) -> Callable[[], Sender]:
    """Return what makes the sender of devo-sdk; all that it needs is imported."""
    from devo.sender import Sender, SenderConfigSSL, SenderConfigTCP

    address = ("localhost", _port(work, transport))
    files = work.servers["devo"]["connection"]["extra"]

    def connect() -> Sender:
        if transport == "tcp":
            return Sender(SenderConfigTCP(address=address))
        return Sender(
            SenderConfigSSL(address=address, key=files["private_key"], cert=files["cert"], chain=files["chain"])
        )

    return connect


def send_bare(work: Work, transport: str, blocks: list[bytes]) -> None:
    """Send prebuilt bytes by nothing but a socket, end our half, and wait until the peer has read all of it."""
    with socket.create_connection(("localhost", _port(work, transport))) as plain:
        connection: socket.socket = plain
        if transport == "tls":
            files = work.servers["devo"]["connection"]["extra"]
            context = ssl.create_default_context(cafile=files["chain"])
            context.load_cert_chain(files["cert"], files["private_key"])
            connection = context.wrap_socket(plain, server_hostname="localhost")
        for block in blocks:
            connection.sendall(block)
        socket.socket.shutdown(connection, socket.SHUT_WR)
        while connection.recv(_ANSWER_BYTES):
            pass
        connection.close()


_IDENTITY = frozenset({"cert", "private_key", "chain"})


def _port(work: Work, transport: str) -> int:
    port: int = work.servers["devo"]["plain_port" if transport == "tcp" else "syslog_port"]
    return port
