"""Reasons for error messages: short, and without address, query or body."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests

from airflow_provider_flashpoint.core.secrets.foreign_text import safe_to_show
from airflow_provider_flashpoint.errors import ConfigurationError, FlashpointProviderError, NetworkError

# The keys of a reason, the most exact first. ``object`` and ``msg`` are those of Devo's query API.
_REASON_NAMES = ("errors", "object", "detail", "message", "msg", "errorMessage", "error")
_MAX_LEVELS = 8
# What OpenSSL reads where a server answers without TLS.
NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})


class ConnectionFields(NamedTuple):
    """The fields of a connection that messages name, to be corrected there.

    :param conn_id: the id of the connection; empty for a client without one.
    :param credential: the field with the token.
    :param verify: empty where the connection has no such field; so is ``proxy``.
    """

    conn_id: str = ""
    address: str = "host"
    credential: str = "password"
    verify: str = "verify"
    proxy: str = "proxy"

    def named(self, field: str) -> str:
        """Return how messages name a field."""
        return f"`{field}` of the connection {self.conn_id}".rstrip()

    def authorities(self) -> str:
        """Return how messages name the trusted authorities."""
        return self.named(self.verify) if self.verify else "the authorities that this machine trusts"


ANY_CONNECTION = ConnectionFields()


def network_cause(error: BaseException, fields: ConnectionFields = ANY_CONNECTION) -> str:
    """Return why a connection or an answer did not come, and what to check."""
    chain = list(_chain(error))
    names = {type(each).__name__ for each in chain}
    address = fields.named(fields.address)
    if names & {"NameResolutionError", "gaierror"} or isinstance(error, UnicodeError):  # the name cannot be encoded
        return f"the host name cannot be resolved; check {address} and the DNS."
    if names & {"SSLError", "SSLCertVerificationError", "SSLEOFError"}:
        ssl_text = next((str(each) for each in reversed(chain) if "SSL" in type(each).__name__), "")
        return f"the TLS connection failed ({safe_to_show(ssl_text)}); check {fields.authorities()}, and {address}."
    if names & {"ProxyError"}:
        own = f"{fields.named(fields.proxy)}, and " if fields.proxy else ""
        return f"the proxy refused or is not there; check {own}HTTPS_PROXY of this machine."
    if names & {"ConnectTimeout", "ConnectTimeoutError"} or isinstance(error, TimeoutError):  # of a plain socket
        return f"no connection in time; check {address}, the port and the firewall."
    if names & {"ReadTimeout", "ReadTimeoutError"}:
        return "no answer in time."
    if names & {"ConnectionRefusedError"}:
        return f"the connection was refused; check {address} and the port."
    if names & {"IncompleteRead", "ChunkedEncodingError", "ContentDecodingError", "DecodeError"}:
        return "the answer was cut short."
    if isinstance(error, OSError) and error.strerror:
        return f"no connection ({error.strerror})."
    return f"the connection broke ({type(error).__name__})."


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it wraps: errors of requests, urllib3 and ssl wrap each other."""
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        yield cause
        seen.append(cause)
        inner = getattr(cause, "reason", None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__ or cause.__context__


def unanswered(what: str, error: ValueError | OSError, fields: ConnectionFields) -> FlashpointProviderError:
    """Return the error of a request that was not answered.

    :param what: names the request.
    :param fields: of the connection with the address.
    """
    address = fields.named(fields.address)
    if isinstance(error, ValueError):  # requests and urllib3 raise it for impossible addresses and headers
        return ConfigurationError(
            f"{what}: the address, the proxy or the token cannot be used ({type(error).__name__}); check {address}."
        )
    if not isinstance(error, requests.RequestException):  # a missing file
        return ConfigurationError(f"{what}: {error}. Check {fields.authorities()}.")
    for each in _chain(error):
        if isinstance(each, ssl.SSLError) and each.reason in NO_TLS:
            # A server without TLS, or plain text within a connection: that of a balancer that is out of order.
            return NetworkError(
                f"{what}: the server answered without TLS. If it has none, correct the port, or begin {address} with "
                "http://."
            )
        if isinstance(each, ssl.SSLCertVerificationError):
            return ConfigurationError(
                f"{what}: the certificate of the server is not trusted ({each.verify_message}); check "
                f"{fields.authorities()}, and {address}."
            )
    return NetworkError(f"{what}: {network_cause(error, fields)}")


def shown_address(url: str) -> str:
    """Return a URL as a message shows it: without user and query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    scheme = f"{parts.scheme}://" if parts.scheme else ""
    return f"{scheme}{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def error_reason(body: Any) -> str:
    """Return the reason in an error body, from the keys that services use; empty where there is none.

    It is foreign text: it must pass `safe_to_show`.
    """
    return _text(body, _MAX_LEVELS) if isinstance(body, Mapping) else ""


def _text(value: Any, levels: int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and levels:
        return "; ".join(filter(None, (_text(each, levels - 1) for each in value)))
    if isinstance(value, Mapping) and levels:
        reason = next(filter(None, (_text(_in_order(name, value), levels - 1) for name in _REASON_NAMES)), "")
        place = value.get("loc") if reason else None
        where = ".".join(map(str, place)) if isinstance(place, list) else str(place or "")
        return f"{where}: {reason}" if where else reason
    return ""


def _in_order(name: str, body: Mapping[str, Any]) -> Any:
    """Return the value of a key, beginning with the reason: in Devo's ``object`` a general text may come before it."""
    value = body.get(name)
    return [*value[1:], *value[:1]] if name == "object" and isinstance(value, list) else value
