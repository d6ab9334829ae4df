"""Certificates for the TLS servers of the sandbox: an authority, a server, a client, and a foreign pair.

They are valid in the sandbox only. The keys of the authorities are never written, so no further certificates can be
issued.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from trustme import CA, LeafCert

_VALIDITY = timedelta(days=366)
# Certificates that expire within this time are replaced, so that they do not expire during a long run.
_SPARE = timedelta(days=7)
SIGNS = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
"""Key usage of an authority. Python 3.13 accepts one only if its certificate says that it signs others."""
_PKCS12_PASSWORD = "devo-sandbox"  # ruff: ignore[hardcoded-password-string]
_FILES = {
    "server_cert": "server.crt",
    "server_key": "server.key",
    "client_cert": "client.crt",
    "client_key": "client.key",
    "client_pkcs12": "client.p12",
    "foreign_chain": "foreign-chain.pem",
    "foreign_client_cert": "foreign-client.crt",
    "foreign_client_key": "foreign-client.key",
    "chain": "chain.pem",
}


@dataclass(frozen=True)
class Certificates:
    """Paths of the PEM files in ``directory``; only their owner can read them.

    :param server_cert: the certificate of the server, followed by that of its authority.
    :param client_pkcs12: key, certificate and authority of the client, under ``pkcs12_password``.
    :param foreign_chain: with the other ``foreign`` files, a well-made set by an authority that no server of the
        sandbox knows.
    :param chain: the authority that both sides trust.
    """

    directory: Path
    server_cert: Path
    server_key: Path
    client_cert: Path
    client_key: Path
    client_pkcs12: Path
    foreign_chain: Path
    foreign_client_cert: Path
    foreign_client_key: Path
    chain: Path

    @property
    def pkcs12_password(self) -> str:
        return _PKCS12_PASSWORD

    def files(self) -> list[Path]:
        """Return all files; the last one is written last."""
        return [self.directory / name for name in _FILES.values()]


def make_certificates(directory: Path) -> Certificates:
    """Return the certificates in ``directory``, made now unless a complete and valid set is there.

    Safe to call from several processes at once: one makes the set, the others wait for it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    certificates = Certificates(directory, **{field: directory / name for field, name in _FILES.items()})
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
    authority, foreign = _authority("Devo sandbox authority"), _authority("Foreign authority")
    server = _issue(authority, "localhost", "localhost", "127.0.0.1")
    client = _issue(authority, "sandbox client")
    stranger = _issue(foreign, "foreign client")
    chain = authority.cert_pem.bytes()
    contents = {
        # devo-sdk compares the names in the server's certificates with those in the chain.
        certificates.server_cert: _certificate(server) + chain,
        certificates.server_key: server.private_key_pem.bytes(),
        certificates.client_cert: _certificate(client),
        certificates.client_key: client.private_key_pem.bytes(),
        certificates.client_pkcs12: _bundle(client, chain, certificates.pkcs12_password),
        certificates.foreign_chain: foreign.cert_pem.bytes(),
        certificates.foreign_client_cert: _certificate(stranger),
        certificates.foreign_client_key: stranger.private_key_pem.bytes(),
        certificates.chain: chain,
    }
    for path, content in contents.items():
        _write(path, content)


def _authority(name: str) -> CA:
    """Return an authority with a common name and a limited life, which those of trustme do not have."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start, end = _validity()
    certificate = (
        x509
        .CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(SIGNS, critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return CA.from_pem(certificate.public_bytes(pem), key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))


def _issue(authority: CA, name: str, *identities: str) -> LeafCert:
    start, end = _validity()
    return authority.issue_cert(*identities, common_name=name, not_before=start, not_after=end)


def _validity() -> tuple[datetime, datetime]:
    # From yesterday: the clock of a client in another container may lag.
    start = datetime.now(UTC) - timedelta(days=1)
    return start, start + _VALIDITY


def _certificate(leaf: LeafCert) -> bytes:
    return leaf.cert_chain_pems[0].bytes()


def _bundle(leaf: LeafCert, chain: bytes, password: str) -> bytes:
    key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
    return pkcs12.serialize_key_and_certificates(
        b"sandbox client",
        key,  # type: ignore[arg-type]  # an elliptic curve's
        x509.load_pem_x509_certificate(_certificate(leaf)),
        [x509.load_pem_x509_certificate(chain)],
        serialization.BestAvailableEncryption(password.encode()),
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
