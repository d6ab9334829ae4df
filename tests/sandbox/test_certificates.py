"""The certificates of the sandbox."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from sandbox.certificates import Certificates, make_certificates


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_only_the_owner_reads_a_file(certificates: Certificates) -> None:
    """No file of the set is readable by other users."""
    assert {stat.S_IMODE(path.stat().st_mode) for path in certificates.files()} == {0o600}


CERTIFICATES = ["chain", "server_cert", "client_cert", "foreign_chain", "foreign_client_cert"]


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_certificate_is_valid_from_yesterday_for_a_year(certificates: Certificates, name: str) -> None:
    """Certificates stay valid for clocks that are some hours off, and for a year."""
    certificate = load(getattr(certificates, name))
    now = datetime.now(UTC)
    assert certificate.not_valid_before_utc < now - timedelta(hours=20)
    assert now + timedelta(days=364) < certificate.not_valid_after_utc < now + timedelta(days=367)


def test_the_clients_are_signed_by_their_own_authorities(certificates: Certificates) -> None:
    """The client's certificate verifies against the chain, the foreign client's does not."""
    load(certificates.client_cert).verify_directly_issued_by(load(certificates.chain))
    load(certificates.foreign_client_cert).verify_directly_issued_by(load(certificates.foreign_chain))
    with pytest.raises(ValueError, match="Issuer"):
        load(certificates.foreign_client_cert).verify_directly_issued_by(load(certificates.chain))


def test_the_bundle_holds_the_client(certificates: Certificates) -> None:
    """With its password the PKCS12 file has the same certificate and chain as the PEM files."""
    key, certificate, more = pkcs12.load_key_and_certificates(
        certificates.client_pkcs12.read_bytes(), certificates.pkcs12_password.encode()
    )
    assert key is not None
    assert certificate == load(certificates.client_cert)
    assert more == [load(certificates.chain)]


def test_the_bundle_needs_its_password(certificates: Certificates) -> None:
    """A wrong password fails."""
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_key_and_certificates(certificates.client_pkcs12.read_bytes(), b"other")


@pytest.mark.parametrize("kind", ["server", "client", "foreign_client"])
def test_a_key_belongs_to_its_certificate(certificates: Certificates, kind: str) -> None:
    """OpenSSL accepts each certificate with its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(getattr(certificates, f"{kind}_cert"), getattr(certificates, f"{kind}_key"))


def test_the_set_is_made_once(certificates: Certificates) -> None:
    """A second call returns the existing files unchanged."""
    before = [path.read_bytes() for path in certificates.files()]
    again = make_certificates(certificates.directory)
    assert [path.read_bytes() for path in again.files()] == before


def test_an_incomplete_set_is_made_anew(tmp_path: Path) -> None:
    """If one file is missing the whole set is replaced, so that all files belong together."""
    first = make_certificates(tmp_path)
    serial = load(first.chain).serial_number
    first.client_key.unlink()
    second = make_certificates(tmp_path)
    assert load(second.chain).serial_number != serial
    load(second.client_cert).verify_directly_issued_by(load(second.chain))
