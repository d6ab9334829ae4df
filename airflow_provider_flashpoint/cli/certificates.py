"""What the certificates of a Devo connection say: whose they are, and how long they last."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_flashpoint.cli.finding import Finding, look_at
from airflow_provider_flashpoint.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Name

    from airflow_provider_flashpoint.core.devo.settings import DevoSettings

_RENEWED_BEFORE = timedelta(days=30)


def certificate_findings(settings: DevoSettings) -> Iterator[Finding]:
    """Yield what is found of the client's certificate and of each authority of the chain; one finding where the set
    is not complete."""
    from airflow_provider_flashpoint.core.devo.tls import pem_parts

    parts: list[str] = []

    def read() -> str:
        cert, _, chain = pem_parts(settings.identity)
        parts.extend((cert, chain))
        return ""

    complete = look_at(f"{settings.conn_id}: certificates", read)
    if not complete.good:
        yield complete
        return
    cert, chain = parts
    yield look_at(f"{settings.conn_id}: certificate", lambda: "\n".join(_told(each) for each in _read(cert, "cert")))
    yield look_at(f"{settings.conn_id}: chain", lambda: "\n".join(_told(each) for each in _read(chain, "chain")))


def server_certificate(settings: DevoSettings) -> str:
    """Return what Devo's own certificate says, once it was proved against the chain and the host name.

    :raises: what `Connector.connect` raises.
    """
    from airflow_provider_flashpoint.core.devo.connector import Connector
    from airflow_provider_flashpoint.core.devo.tls import client_context

    context = client_context(settings.identity, security_level=settings.tls_security_level)
    connector = Connector(settings.host, settings.port, context, connect_timeout_s=settings.connect_timeout_s)
    with connector.connect() as connection:
        shown = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str((shown or {})["notAfter"])), UTC)
    return f"Its own is for {settings.host}, vouched for by the chain, and lasts until {until:%Y-%m-%d}."


def _read(pem: str, name: str) -> list[Certificate]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise ConfigurationError(f"`{name}` holds no certificate in PEM form.") from error


def _told(certificate: Certificate) -> str:
    """Return whose a certificate is and until when.

    :raises ConfigurationError: it does not hold now.
    """
    now = datetime.now(UTC)
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    whose = _common_name(certificate.subject)
    if end < now:
        raise ConfigurationError(f"{whose}: expired on {end:%Y-%m-%d}. Get a new one from Devo.")
    if start > now:
        raise ConfigurationError(
            f"{whose}: not valid before {start:%Y-%m-%d %H:%M} UTC. Is this machine's clock right?"
        )
    soon = ": renew it soon" if end - now < _RENEWED_BEFORE else ""
    days = (end - now).days
    return f"{whose}: valid until {end:%Y-%m-%d}, {days} days from now{soon}."


def _common_name(name: Name) -> str:
    from cryptography.x509.oid import NameOID

    names = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else name.rfc4514_string()
