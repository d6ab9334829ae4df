"""Connections to Devo's event port, and the translation of connection errors."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.core.devo.connection.tls import client_context
from airflow_provider_flashpoint.core.http.reason import NO_TLS, ConnectionFields, network_cause
from airflow_provider_flashpoint.core.secrets.foreign_text import safe_to_show
from airflow_provider_flashpoint.errors import (
    AuthenticationError,
    ConfigurationError,
    FlashpointProviderError,
    NetworkError,
)

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.devo.settings import DevoSettings

# The TLS alerts with which a server refuses the client's certificate, as OpenSSL names them.
_REFUSALS = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it requires a client certificate and got none",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it cannot read the certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "it does not support this kind of certificate",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "the certificate is revoked",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the certificate is expired",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not accept the certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not know the authority that signed the certificate",
    "TLSV1_ALERT_ACCESS_DENIED": "the certificate is valid but lacks the right",
    "TLSV1_ALERT_DECRYPT_ERROR": "the key does not match the certificate",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "no agreement on certificate, TLS version or cipher",
}
# X.509 verification results, as OpenSSL numbers them.
_EXPIRED = 10
_MISMATCHES = {62, 63, 64}  # host name, mail address, IP address
_WEAKNESSES = {66, 67, 68}  # the server's key, an authority's key, an authority's signature


@dataclass(frozen=True)
class Connector:
    """Makes connections to one host and port, over IPv6 or IPv4.

    :param tls: the TLS context, see `client_context`; None for plain TCP.
    :param send_timeout_s: seconds that one send may block while the peer stalls.
    :param conn_id: the connection with the host, for messages.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None
    connect_timeout_s: float = 10.0
    send_timeout_s: float = 60.0
    conn_id: str = ""

    def connect(self) -> socket.socket:
        """Return a new connection whose sends block up to ``send_timeout_s``.

        :raises NetworkError: the name cannot be resolved, or connecting failed.
        :raises ConfigurationError: the peer's certificate is not trusted, or the peer does not speak TLS.
        :raises AuthenticationError: the peer refused the client certificate. With TLS 1.3 a refusal arrives only
            after the handshake: see `refusal`.
        """
        where = f"Devo at {self.host}:{self.port}"
        try:
            connection = socket.create_connection((self.host, self.port), timeout=self.connect_timeout_s)
        except (OSError, UnicodeError) as error:
            raise NetworkError(f"{where}: {network_cause(error, ConnectionFields(self.conn_id))}") from error
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self.tls is not None:
                connection = self.tls.wrap_socket(
                    connection,
                    server_hostname=self.host,
                    do_handshake_on_connect=False,  # a signal in the handshake must find the socket in `connection`
                    suppress_ragged_eofs=False,  # else an end without close_notify would look like one with it
                )
                connection.do_handshake()
            connection.settimeout(self.send_timeout_s)
        except BaseException as error:
            connection.close()
            if isinstance(error, OSError):
                raise self._handshake_error(where, error) from error
            raise
        return connection

    def _handshake_error(self, where: str, error: OSError) -> FlashpointProviderError:
        refused = refusal(error)
        if refused is not None:
            return refused
        if isinstance(error, ssl.SSLCertVerificationError):
            return ConfigurationError(f"{where}: {self._distrust(error)}")
        if isinstance(error, ssl.SSLError) and error.reason in NO_TLS:
            return ConfigurationError(f"{where}: the server speaks no TLS; check the host and the port.")
        if isinstance(error, TimeoutError):
            return NetworkError(f"{where}: no TLS handshake in time; check the port and the firewall.")
        reason = reason_of(error)
        return NetworkError(f"{where}: the TLS handshake broke off ({reason}); check the port and the firewall.")

    def _distrust(self, error: ssl.SSLCertVerificationError) -> str:
        if error.verify_code == _EXPIRED:
            return _expired_text(self.tls)
        if error.verify_code in _MISMATCHES:
            return f"the server's certificate is not for {self.host!r}; check the host of the connection."
        if error.verify_code in _WEAKNESSES:
            return f"a certificate is too weak ({error.verify_message}); set `tls_security_level`."
        return f"`chain` does not vouch for the server ({error.verify_message}); use Devo's chain file."


def _expired_text(tls: ssl.SSLContext | None) -> str:
    """Return what may be expired: OpenSSL does not tell which certificate between the server and its authority is."""
    held: list[dict[str, Any]] = tls.get_ca_certs() if tls else []
    names = [
        dict(each for names in certificate["subject"] for each in names).get("commonName", "one without a name")
        for certificate in held
        if ssl.cert_time_to_seconds(certificate["notAfter"]) < time.time()
    ]
    if not names:
        return "the server's certificate is expired, or the clock of this machine is wrong."
    return (
        "the server's certificate or one of its authorities is expired, or the clock of this machine is wrong. Expired "
        f"in `chain`: {safe_to_show(', '.join(names))}. Use Devo's current chain file."
    )


def connector_of(settings: DevoSettings) -> Connector:
    """Return the connector of a connection's host.

    :raises ConfigurationError: a certificate is missing or invalid.
    """
    context = None
    if uses_tls(settings):
        context = client_context(settings.identity, security_level=settings.tls_security_level)
    return Connector(
        settings.host,
        settings.port,
        context,
        connect_timeout_s=settings.connect_timeout_s,
        send_timeout_s=settings.send_timeout_s,
        conn_id=settings.conn_id,
    )


def uses_tls(settings: DevoSettings) -> bool:
    """Return whether the connection is encrypted, and proves both sides by certificates."""
    return not settings.insecure


def refusal(error: BaseException | None) -> AuthenticationError | None:
    """Return an AuthenticationError where ``error`` holds a TLS alert that refuses our certificate, else None."""
    why = _REFUSALS.get(getattr(error, "reason", None) or "")
    if why is None:
        return None
    return AuthenticationError(f"Devo refused the client certificate: {why}. Check `cert` and `private_key`.")


def reason_of(error: Exception) -> str:
    """Return the reason of a socket error, without the address and the error number."""
    return str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)
