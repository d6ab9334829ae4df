"""TLS to Devo with certificates on both sides.

Devo issues each sender a certificate, its key, and the chain of the authority that signed the certificates of Devo's
own servers. An incomplete set is refused: without the chain, anyone could answer the connection.
"""

from __future__ import annotations

import datetime
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_flashpoint.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate


@dataclass(frozen=True)
class Identity:
    """The certificates of a sender.

    ``cert``, ``key`` and ``chain`` are paths or PEM texts; `certificate_reader` lists the accepted forms. ``pkcs12`` is
    a path, the bytes, or their base64; it replaces ``cert`` and ``key``, and also ``chain`` where it holds authorities.
    """

    cert: str | None = field(default=None, repr=False)  # a file of certificates often holds the key too
    key: str | None = field(default=None, repr=False)
    chain: str | None = None
    pkcs12: str | bytes | None = field(default=None, repr=False)
    pkcs12_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Credentials:
    """What an identity holds.

    :param certificate: the client certificate, which belongs to ``key``.
    :param intermediates: the certificates that are sent with it.
    :param unused: further certificates beside it, which are not sent since they are not valid now.
    :param authorities: the certificates that are trusted.
    """

    certificate: Certificate
    intermediates: Sequence[Certificate]
    unused: Sequence[Certificate]
    key: PrivateKeyTypes = field(repr=False)
    authorities: Sequence[Certificate]


def client_context(
    identity: Identity, *, security_level: int | None = None, now: datetime.datetime | None = None
) -> ssl.SSLContext:
    """Return a context for TLS 1.2 or later that verifies the server's chain and host name.

    Only the authorities of ``chain`` are trusted, not those of the machine. An expired one does no harm: OpenSSL
    judges those that the server's certificate needs.

    :param security_level: OpenSSL's level, 0 to 5, for certificates weaker than this machine allows.
    :param now: the time at which the client certificate must be valid; given by tests.
    :raises ConfigurationError: a part is missing, unreadable, expired, or does not match another one.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    now = now or datetime.datetime.now(datetime.UTC)
    credentials = read_credentials(identity, now=now)
    check_period(credentials.certificate, "The client certificate", now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if security_level is not None:
        context.set_ciphers(f"DEFAULT@SECLEVEL={security_level}")
    authorities = b"".join(each.public_bytes(Encoding.DER) for each in credentials.authorities)
    try:
        context.load_verify_locations(cadata=authorities)
    except ssl.SSLError as error:
        raise ConfigurationError(f"`chain` cannot be loaded ({error.reason}): use Devo's chain file.") from error
    _load_own(context, credentials)
    return context


def read_credentials(identity: Identity, *, now: datetime.datetime | None = None) -> Credentials:
    """Return the certificates and the key of ``identity``. Of several client certificates, a valid one counts.

    :raises ConfigurationError: one of them is missing or unreadable, or the key belongs to no certificate.
    """
    from airflow_provider_flashpoint.core.pasted.certificate_reader import (
        read_certificates,
        read_pkcs12,
        read_private_key,
    )

    if identity.pkcs12:
        certificates, key = read_pkcs12(identity.pkcs12, identity.pkcs12_password)
        held = "`pkcs12` holds"
    else:
        certificates, key = read_certificates("cert", identity.cert), read_private_key("private_key", identity.key)
        held = "there is"
    own = [each for each in certificates if key is not None and _belongs(key, each)]
    others = [each for each in certificates if each not in own]
    authorities = read_certificates("chain", identity.chain) or (others if identity.pkcs12 else [])
    parts = {"cert": certificates, "private_key": key, "chain": authorities}
    missing = [f"`{name}`" for name, part in parts.items() if not part]
    if missing:
        raise ConfigurationError(
            f"TLS to Devo needs `cert`, `private_key` and `chain`: {held} no {' and no '.join(missing)}. "
            "Download them from Devo under Administration, Credentials, X.509 Certificates."
        )
    if key is None or not own:
        raise ConfigurationError("`private_key` does not belong to `cert`. Download both again from Devo, as a pair.")
    now = now or datetime.datetime.now(datetime.UTC)
    certificate = max(own, key=lambda each: (is_valid(each, now), each.not_valid_after_utc))
    beside = others if identity.chain else []  # else those of `pkcs12` are the authorities
    valid = [each for each in beside if is_valid(each, now)]
    return Credentials(certificate, valid, [each for each in beside if each not in valid], key, authorities)


def _belongs(key: PrivateKeyTypes, certificate: Certificate) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return certificate.public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):  # a kind of key that no client certificate has
        return False


def is_valid(certificate: Certificate, now: datetime.datetime) -> bool:
    """Return whether a certificate is valid at ``now``."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def check_period(certificate: Certificate, name: str, now: datetime.datetime) -> None:
    """Check that a certificate is valid at ``now``.

    :raises ConfigurationError: it is not; the message begins with ``name``.
    """
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if end < now:
        raise ConfigurationError(f"{name} expired on {end:%Y-%m-%d}: get a new one from Devo.")
    if start > now:
        raise ConfigurationError(
            f"{name} is not valid before {start:%Y-%m-%d %H:%M} UTC: is the clock of this machine right?"
        )


def _load_own(context: ssl.SSLContext, credentials: Credentials) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    certificates = (credentials.certificate, *credentials.intermediates)
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in certificates)
    pem += credentials.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # The ssl module reads only files. Only its owner can read this one, and it is removed at once.
    with tempfile.NamedTemporaryFile(prefix="devo-", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        try:
            context.load_cert_chain(file.name)
        except ssl.SSLError as error:
            raise ConfigurationError(_own_error(error)) from error


def _own_error(error: ssl.SSLError) -> str:
    if error.reason in ("EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"):
        return f"`cert` is weaker than this machine allows ({error.reason}): set `tls_security_level` to 1 or 0."
    return f"`cert` and `private_key` cannot be loaded ({error.reason}): download both again from Devo."
