"""Reasons for error messages: short, and without address, query or body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from airflow_provider_flashpoint.core.foreign_text import safe_to_show
from airflow_provider_flashpoint.errors import ConfigurationError, FlashpointProviderError, NetworkError

# The keys of a reason, the most exact first. ``object`` and ``msg`` are those of Devo's query API.
_REASON_NAMES = ("errors", "object", "detail", "message", "msg", "errorMessage", "error")
_MAX_LEVELS = 8


def network_cause(error: BaseException) -> str:
    """Return why a connection or an answer did not come.

    Errors of requests, urllib3 and ssl wrap each other, so the names of all count.
    """
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        inner = getattr(cause, "reason", None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__ or cause.__context__
    names = {type(each).__name__ for each in chain}
    if names & {"NameResolutionError", "gaierror"} or isinstance(error, UnicodeError):  # the name cannot be encoded
        return "the host name cannot be resolved; check the host of the connection and the DNS."
    if names & {"SSLError", "SSLCertVerificationError", "SSLEOFError"}:
        ssl_text = next((str(each) for each in reversed(chain) if "SSL" in type(each).__name__), "")
        return f"the TLS connection failed; check `verify` and the certificates ({safe_to_show(ssl_text)})."
    if names & {"ProxyError"}:
        return "the proxy refused or is not there; check `proxy`."
    if names & {"ConnectTimeout", "ConnectTimeoutError"} or isinstance(error, TimeoutError):  # of a plain socket
        return "no connection in time; check the host, the port and the firewall."
    if names & {"ReadTimeout", "ReadTimeoutError"}:
        return "no answer in time."
    if names & {"ConnectionRefusedError"}:
        return "the connection was refused; check the host and the port."
    if names & {"IncompleteRead", "ChunkedEncodingError", "ContentDecodingError", "DecodeError"}:
        return "the answer was cut short."
    if isinstance(error, OSError) and error.strerror:
        return f"no connection ({error.strerror})."
    return f"the connection broke ({type(error).__name__})."


def unanswered(what: str, error: ValueError | OSError) -> FlashpointProviderError:
    """Return the error of a request that was not answered."""
    if isinstance(error, ValueError):  # requests and urllib3 raise it for impossible addresses and headers
        return ConfigurationError(f"{what}: check the host and the proxy of the connection ({type(error).__name__}).")
    if isinstance(error, requests.RequestException):
        return NetworkError(f"{what}: {network_cause(error)}")
    return ConfigurationError(f"{what}: {error}. Check `verify` and the certificates.")  # a missing file


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
