"""Lines by Devo's HTTP ingestion: many in one request, gzipped, and confirmed by its answer.

The token is part of the address. Addresses get into logs and messages on many ways, so everything down to the
connection is told an address without it, see `ingestion_client`.

Source: the vendor's page "Sending data to Devo by HTTP endpoint".
"""

from __future__ import annotations

import contextlib
import gzip
import io
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

from airflow_provider_flashpoint.core.devo.connection.header import check_tag, sender_name
from airflow_provider_flashpoint.core.http.client import HttpClient

# The vendor's limit of a request. Whether it means the body before or after gzip is not said.
MAX_REQUEST_BYTES = 32_000_000

_HIDDEN = "***"
# An empty body may be refused for being empty, which is after the token was accepted.
_CHECK_STATUSES = (200, 204, 400)


def ingestion_client(base_url: str, token: str, **options: Any) -> HttpClient:
    """Return a client whose connections put ``token`` in the place that `HttpChannel` leaves for it.

    :param base_url: such as ``https://http-us.devo.io``.
    :param options: those of `HttpClient`.
    """
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _TokenAdapter(token))
    secrets = (token, quote(token, safe=""))
    return HttpClient(session, base_url=base_url, service="Devo", secrets=secrets, **options)


class HttpChannel:
    """Sends one tag's lines to the ``stream`` mode of the HTTP ingestion.

    A request whose answer is 200 or 204 is confirmed: Devo's front end has received it. The vendor says that this
    comes before the events are processed. A request whose answer is lost is sent again, and then may arrive twice.

    :param http: an `ingestion_client`.
    :param domain: the Devo domain that the token belongs to.
    :param host: the sender's name; this machine's where it is None.
    :raises ConfigurationError: the tag is not valid.
    """

    # Fewer and longer requests cost less time on the way, and more to repeat.
    send_bytes = 4 * 1024 * 1024
    max_line_bytes = MAX_REQUEST_BYTES

    def __init__(self, http: HttpClient, *, domain: str, tag: str, host: str | None = None) -> None:
        self.connections = 0
        self._http = http
        place = (domain, f"token!{_HIDDEN}", sender_name(host), check_tag(tag))
        self._path = "/stream/" + "/".join(quote(each, safe="!*()") for each in place)

    def frame(self, lines: Sequence[bytes]) -> bytes:
        """Return the gzipped body that carries ``lines``."""
        return gzip.compress(b"".join(lines), compresslevel=1, mtime=0)

    def send(self, data: bytes) -> bool:
        """Send a body and return True once the answer confirms it.

        :raises NetworkError, ServerError, RateLimitedError: it may not have arrived, and may be sent again.
        :raises AuthenticationError, ForbiddenError, RejectedError, ConfigurationError: it would be refused again.
        """
        self._post(data, {"Content-Encoding": "gzip"}, accept=(200, 204))
        return True

    def confirm(self, *, goes_on: bool = False) -> None:
        """Return at once: each send is confirmed by itself."""

    def abandon(self) -> None:
        """Close the idle connection; nothing is on its way between two sends."""
        self._http.close()

    def check(self) -> None:
        """Send a request without a line: raises what stands against sending, the token's refusal included."""
        with contextlib.closing(self._http):
            self._post(b"", {}, accept=_CHECK_STATUSES)

    def _post(self, data: bytes, headers: Mapping[str, str], *, accept: tuple[int, ...]) -> None:
        self.connections += 1

        def body() -> tuple[Any, Mapping[str, str]]:
            # From a file, so that the time allowed is for each piece and not for the whole of it. An empty one would
            # go without its length.
            return io.BytesIO(data) if data else None, {"Content-Type": "text/plain; charset=utf-8", **headers}

        self._http.send("POST", self._path, data=body, retry=False, accept=accept)


class _TokenAdapter(HTTPAdapter):
    """Has connections that know the token; pools, which log addresses, and errors, which hold them, do not."""

    def __init__(self, token: str) -> None:
        self._token = quote(token, safe="")
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        if "ConnectionCls" not in vars(pool):
            pool.ConnectionCls = _with_token(pool.ConnectionCls, self._token)
        return pool


def _with_token(connection_class: Any, token: str) -> Any:
    class TokenConnection(connection_class):  # type: ignore[misc]
        def putrequest(self, method: str, url: str, *args: Any, **options: Any) -> None:
            super().putrequest(method, url.replace(f"/token!{_HIDDEN}/", f"/token!{token}/", 1), *args, **options)

    return TokenConnection
