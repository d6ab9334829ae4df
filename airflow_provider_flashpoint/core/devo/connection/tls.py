"""TLS to Devo with certificates on both sides.

Devo issues each sender a certificate, its key, and the chain of the authority that signed the certificates of Devo's
own servers. An incomplete set is refused: without the chain, anyone could answer the connection.
"""

from __future__ import annotations

import base64
import datetime
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_flashpoint.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_PEM_START = "-----BEGIN "


@dataclass(frozen=True)
class Identity:
    """The certificates of a sender.

    ``cert``, ``key`` and ``chain`` are paths or PEM texts. ``pkcs12`` is a path, the bytes, or their base64; it
    replaces ``cert`` and ``key``, and also ``chain`` where it holds authorities.
    """

    cert: str | None = field(default=None, repr=False)  # a file of certificates often holds the key too
    key: str | None = field(default=None, repr=False)
    chain: str | None = None
    pkcs12: str | bytes | None = field(default=None, repr=False)
    pkcs12_password: str | None = field(default=None, repr=False)


def client_context(
    identity: Identity, *, security_level: int | None = None, now: datetime.datetime | None = None
) -> ssl.SSLContext:
    """Return a context for TLS 1.2 or later that verifies the server's chain and host name.

    Only the authorities of ``chain`` are trusted, not those of the machine.

    :param security_level: OpenSSL's level, 0 to 5, for certificates weaker than this machine allows.
    :param now: the time at which the client certificate must be valid; given by tests.
    :raises ConfigurationError: a part is missing, unreadable, expired, or does not match another one.
    """
    cert, key, chain = pem_parts(identity)
    now = now or datetime.datetime.now(datetime.UTC)
    check_period(certificates_of(cert, "cert")[0], "The client certificate", now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if security_level is not None:
        context.set_ciphers(f"DEFAULT@SECLEVEL={security_level}")
    try:
        context.load_verify_locations(cadata=chain)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError("`chain` holds no certificate in PEM form.") from error
    _load_own(context, cert, key)
    return context


def pem_parts(identity: Identity) -> tuple[str, str, str]:
    """Return the certificate, the key and the chain of ``identity`` as PEM texts.

    :raises ConfigurationError: one of them is missing or unreadable.
    """
    if identity.pkcs12:
        cert, key, chain = _unpacked(identity.pkcs12, identity.pkcs12_password)
        parts = {"cert": cert, "key": key, "chain": _pem("chain", identity.chain) or chain}
        held = "`pkcs12` holds"
    else:
        parts = {name: _pem(name, getattr(identity, name)) for name in ("cert", "key", "chain")}
        held = "there is"
    missing = [f"`{name}`" for name, pem in parts.items() if not pem]
    if missing:
        raise ConfigurationError(
            f"TLS to Devo needs `cert`, `key` and `chain`: {held} no {' and no '.join(missing)}. "
            "Download them from Devo under Administration, Credentials, X.509 Certificates."
        )
    return parts["cert"], parts["key"], parts["chain"]


def _pem(name: str, given: str | None) -> str:
    if not given or not given.strip():
        return ""
    if _PEM_START in given:
        # In a URI or an environment variable a newline is often written as backslash and n.
        return given if "\n" in given.strip() else given.replace("\\n", "\n")
    return _read(name, given).decode("utf-8", "replace")


def _read(name: str, path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a path"
        raise ConfigurationError(f"`{name}` is neither PEM text nor a file that can be read here ({why}).") from error


def _unpacked(given: str | bytes, password: str | None) -> tuple[str, str, str]:
    """Return the PEM texts of certificate, key and authorities in a PKCS#12 bundle; empty where absent."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

    content = given if isinstance(given, bytes) else _pkcs12_bytes(given)
    try:
        bundle = pkcs12.load_pkcs12(content, password.encode() if password else None)
    except ValueError as error:
        raise ConfigurationError("`pkcs12` cannot be opened: is `pkcs12_password` right?") from error
    cert = bundle.cert.certificate.public_bytes(Encoding.PEM).decode() if bundle.cert else ""
    key = ""
    if bundle.key is not None:
        key = bundle.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    chain = "".join(each.certificate.public_bytes(Encoding.PEM).decode() for each in bundle.additional_certs)
    return cert, key, chain


def _pkcs12_bytes(given: str) -> bytes:
    try:
        content = base64.b64decode("".join(given.split()), validate=True)
    except ValueError:
        content = b""
    # A bundle is an ASN.1 sequence, unlike a path that happens to be valid base64.
    return content if content.startswith(b"\x30") else _read("pkcs12", given)


def certificates_of(pem: str, name: str) -> list[Certificate]:
    """Return the certificates in a PEM text.

    :param name: the connection field that the text comes from, for the message.
    :raises ConfigurationError: there is none.
    """
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise ConfigurationError(f"`{name}` holds no certificate in PEM form.") from error


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


def _load_own(context: ssl.SSLContext, cert: str, key: str) -> None:
    # The ssl module reads only files. Only its owner can read this one, and it is removed at once.
    with tempfile.NamedTemporaryFile("w", prefix="devo-", suffix=".pem", encoding="utf-8") as file:
        file.write(f"{cert.rstrip()}\n{key.rstrip()}\n")
        file.flush()
        try:
            context.load_cert_chain(file.name, password=_refuse_encrypted)
        except ssl.SSLError as error:
            raise ConfigurationError(_own_error(error)) from error


def _refuse_encrypted() -> str:
    # Without a callback OpenSSL would prompt on the terminal, and wait.
    raise ConfigurationError("`key` is encrypted: decrypt it, or use `pkcs12` with `pkcs12_password`.")


def _own_error(error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "`key` does not belong to `cert`."
    if error.reason in ("EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"):
        return f"`cert` is weaker than this machine allows ({error.reason}): set `tls_security_level` to 1 or 0."
    return f"`cert` and `key` cannot be loaded ({error.reason or 'not PEM'}): is `key` in PEM form?"
