"""The certificates of a Devo connection: their names and how long they are valid."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

from cryptography.x509 import Certificate
from cryptography.x509.oid import NameOID

from airflow_provider_flashpoint.core.devo.connection.connector import connector_of
from airflow_provider_flashpoint.core.devo.connection.tls import Credentials, check_period, is_valid
from airflow_provider_flashpoint.core.devo.settings import DevoSettings

_RENEWAL_NOTICE = timedelta(days=30)


def describe_client(credentials: Credentials) -> str:
    """Return one line for each certificate of the client: its name and its last day.

    Devo itself judges those that vouch for the client certificate. One that is not valid is not sent, and only marked.

    :raises ConfigurationError: the client certificate is not valid now.
    """
    now = datetime.now(UTC)
    check_period(credentials.certificate, _name(credentials.certificate), now)
    sent = (credentials.certificate, *credentials.intermediates)
    vouched = {each.issuer for each in sent} - {each.subject for each in credentials.intermediates}
    lines = [_describe(each, now) for each in sent]
    for each in credentials.unused:
        is_needed = each.subject in vouched and each.subject != each.issuer
        remedy = "Devo may need it: get the certificates anew" if is_needed else "remove it"
        lines.append(f"{_describe(each, now)} It is not sent; {remedy}.")
    return "\n".join(lines)


def describe_authorities(credentials: Credentials) -> str:
    """Return one line for each trusted authority: its name and its last day.

    The connection itself judges those that the server's certificate needs. An expired one beside them is only marked.

    :raises ConfigurationError: none is valid now.
    """
    now = datetime.now(UTC)
    authorities = credentials.authorities
    if not any(is_valid(each, now) for each in authorities):
        check_period(authorities[0], _name(authorities[0]), now)
    remedy = " Remove it, unless a server still needs it."
    return "\n".join(_describe(each, now) + ("" if is_valid(each, now) else remedy) for each in authorities)


def describe_server_certificate(settings: DevoSettings) -> str:
    """Connect to Devo, verify its certificate against the chain and the host name, and return its last day.

    :raises: as `Connector.connect`.
    """
    with connector_of(settings).connect() as connection:
        fields = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(str((fields or {})["notAfter"])), UTC)
    return f"The server certificate matches {settings.host} and the chain, and is valid until {end:%Y-%m-%d}."


def _describe(certificate: Certificate, now: datetime) -> str:
    name, start, end = _name(certificate), certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if end < now:
        return f"{name}: expired on {end:%Y-%m-%d}."
    if start > now:
        return f"{name}: not valid before {start:%Y-%m-%d}."
    notice = ": renew it soon" if end - now < _RENEWAL_NOTICE else ""
    return f"{name}: valid until {end:%Y-%m-%d}, {(end - now).days} days from now{notice}."


def _name(certificate: Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()
