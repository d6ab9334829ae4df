"""Certificates for the TLS servers of the sandbox: an authority, a server, a client, and a foreign pair.

They open nothing outside of the sandbox. The keys of the authorities are never written, so that no
further certificate can be issued by them.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALIDITY = timedelta(days=366)
# Certificates that would end within this time are made anew, so that a long run does not outlive them.
_SPARE = timedelta(days=7)
_PKCS12_PASSWORD = "devo-sandbox"  # ruff: ignore[hardcoded-password-string]


@dataclass(frozen=True)
class Certificates:
    """Paths of the PEM files in ``directory``; keys are readable by their owner only.

    ``chain`` is what both sides trust. ``client_pkcs12`` holds the client's key, certificate and
    authority under ``pkcs12_password``. The ``foreign`` files are well made, by an authority that no
    server of the sandbox knows.
    """

    directory: Path
    pkcs12_password: str = _PKCS12_PASSWORD

    @property
    def chain(self) -> Path:
        return self.directory / "chain.pem"

    @property
    def server_cert(self) -> Path:
        """The server's certificate, followed by its authority's."""
        return self.directory / "server.crt"

    @property
    def server_key(self) -> Path:
        return self.directory / "server.key"

    @property
    def client_cert(self) -> Path:
        return self.directory / "client.crt"

    @property
    def client_key(self) -> Path:
        return self.directory / "client.key"

    @property
    def client_pkcs12(self) -> Path:
        return self.directory / "client.p12"

    @property
    def foreign_chain(self) -> Path:
        return self.directory / "foreign-chain.pem"

    @property
    def foreign_client_cert(self) -> Path:
        return self.directory / "foreign-client.crt"

    @property
    def foreign_client_key(self) -> Path:
        return self.directory / "foreign-client.key"

    def files(self) -> list[Path]:
        """Return all files, the one that is written last at the end."""
        return [
            self.server_cert,
            self.server_key,
            self.client_cert,
            self.client_key,
            self.client_pkcs12,
            self.foreign_chain,
            self.foreign_client_cert,
            self.foreign_client_key,
            self.chain,
        ]


def make_certificates(directory: Path) -> Certificates:
    """Return the certificates in ``directory``, made now unless a complete and valid set is there.

    Safe to call from several processes at once: one makes the set, the others wait for it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    certificates = Certificates(directory)
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _usable(certificates):
            certificates.chain.unlink(missing_ok=True)
            _write_all(certificates)
    return certificates


def _usable(certificates: Certificates) -> bool:
    if not all(path.is_file() for path in certificates.files()):
        return False
    chain = x509.load_pem_x509_certificate(certificates.chain.read_bytes())
    return chain.not_valid_after_utc > datetime.now(UTC) + _SPARE


def _write_all(certificates: Certificates) -> None:
    authority = _Authority("Devo sandbox authority")
    foreign = _Authority("Foreign authority")
    server = authority.issue("localhost", ExtendedKeyUsageOID.SERVER_AUTH)
    client = authority.issue("sandbox client", ExtendedKeyUsageOID.CLIENT_AUTH)
    stranger = foreign.issue("foreign client", ExtendedKeyUsageOID.CLIENT_AUTH)
    bundle = pkcs12.serialize_key_and_certificates(
        b"sandbox client",
        client.key,
        client.certificate,
        [authority.certificate],
        serialization.BestAvailableEncryption(certificates.pkcs12_password.encode()),
    )
    # devo-sdk compares the names in what the server presents with those in the chain.
    _write(certificates.server_cert, _pem(server.certificate) + _pem(authority.certificate))
    _write(certificates.server_key, _key_pem(server.key))
    _write(certificates.client_cert, _pem(client.certificate))
    _write(certificates.client_key, _key_pem(client.key))
    _write(certificates.client_pkcs12, bundle)
    _write(certificates.foreign_chain, _pem(foreign.certificate))
    _write(certificates.foreign_client_cert, _pem(stranger.certificate))
    _write(certificates.foreign_client_key, _key_pem(stranger.key))
    _write(certificates.chain, _pem(authority.certificate))


@dataclass(frozen=True)
class _Issued:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


class _Authority:
    """Signs certificates as long as this object lives."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        usage = _usage(certificates=True)
        self.certificate = (
            _builder(self._name, self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def issue(self, name: str, purpose: x509.ObjectIdentifier) -> _Issued:
        """Return a key and its certificate for ``name``; a server's names this machine."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            _builder(_name(name), self._name, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(issuer_id, critical=False)
        )
        if purpose == ExtendedKeyUsageOID.SERVER_AUTH:
            names = [x509.DNSName(name), x509.IPAddress(IPv4Address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return _Issued(key, builder.sign(self._key, hashes.SHA256()))


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    # From yesterday: the clock of a client in another container may lag.
    start = datetime.now(UTC) - timedelta(days=1)
    return (
        x509
        .CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _VALIDITY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
