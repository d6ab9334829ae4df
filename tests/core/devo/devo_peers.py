"""Helpers of the Devo tests: odd peers, a fake clock, and certificates."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from airflow_provider_flashpoint.core.devo.connection.connector import Connector
from airflow_provider_flashpoint.core.devo.connection.tls import Identity, client_context
from sandbox.certificates import SIGNS
from sandbox.devo.server import DevoServer


class FakeClock:
    """A clock that advances only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def cert(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def private_key(self) -> str:
        return self._key_text(serialization.NoEncryption())

    @property
    def encrypted_key(self) -> str:
        return self._key_text(serialization.BestAvailableEncryption(b"a password"))

    def pkcs12(self, password: str, *authorities: Issued) -> bytes:
        chain = [each.certificate for each in authorities]
        encryption = serialization.BestAvailableEncryption(password.encode())
        return pkcs12.serialize_key_and_certificates(b"client", self.key, self.certificate, chain, encryption)

    def _key_text(self, encryption: serialization.KeySerializationEncryption) -> str:
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


def issue(
    name: str, authority: Issued | None = None, *, days_from: int = -1, days_to: int = 1, signs: bool = False
) -> Issued:
    """Return a certificate for ``name``, signed by ``authority`` or, as an authority, by itself.

    :param signs: it may sign others although another authority signed it.
    """
    return _issue(name, ec.generate_private_key(ec.SECP256R1()), authority, days_from, days_to, signs)


def issue_again(issued: Issued, authority: Issued | None = None, *, days_from: int, days_to: int) -> Issued:
    """Return another certificate of an authority, or of a client of ``authority``, with the same name and key."""
    names = issued.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    constraints = issued.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    return _issue(str(names[0].value), issued.key, authority, days_from, days_to, constraints.ca)


def _issue(
    name: str, key: ec.EllipticCurvePrivateKey, authority: Issued | None, days_from: int, days_to: int, signs: bool
) -> Issued:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signing = authority.key if authority else key
    is_authority = signs or authority is None
    builder = (
        x509
        .CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.certificate.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days_from))
        .not_valid_after(now + timedelta(days=days_to))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        # Python 3.13 demands these three of RFC 5280.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    if is_authority:
        builder = builder.add_extension(SIGNS, critical=True)
    return Issued(builder.sign(signing, hashes.SHA256()), key)


class Peer:
    """A listener that handles each connection with ``behave``, in its own thread."""

    def __init__(self, behave: Callable[[socket.socket], None]) -> None:
        self._behave = behave
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self.port: int = self._listening.getsockname()[1]
        self._thread.start()

    def close(self) -> None:
        """Listen no more; a second call does nothing."""
        if self._listening.fileno() >= 0:
            self._listening.shutdown(socket.SHUT_RDWR)
            self._thread.join()
            self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                self._behave(connection)


def sandbox_connector(devo: DevoServer, transport: str, **timeouts: float) -> Connector:
    """Return a connector to the sandbox over ``tls`` or ``tcp``."""
    if transport == "tcp":
        return Connector("127.0.0.1", devo.plain_port, None, **timeouts)
    return Connector("localhost", devo.syslog_port, client_context(sandbox_identity(devo)), **timeouts)


def sandbox_identity(devo: DevoServer) -> Identity:
    """Return the identity that the sandbox accepts."""
    certificates = devo.certificates
    return Identity(cert=str(certificates.client_cert), key=str(certificates.client_key), chain=str(certificates.chain))


def server_context(server: Issued, directory: Path, clients: Issued | None = None) -> ssl.SSLContext:
    """Return the context of a TLS server, which requires certificates of ``clients`` where given."""
    path = directory / "server.pem"
    path.write_text(server.cert + server.private_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.cert)
    return context


def read_to_end(connection: Any) -> int:
    """Read until the other side has ended, and return the number of bytes."""
    count = 0
    while data := connection.recv(65536):
        count += len(data)
    return count
