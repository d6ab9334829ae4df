"""Events over Devo's HTTP ingestion: many lines in one gzipped request, confirmed by its answer.

The token is part of the URL, and URLs get into logs and messages in many ways. So `HttpChannel` uses a URL with a
placeholder, and only the connection of `ingestion_client` replaces it by the token.

Source: the vendor's page "Sending data to Devo by HTTP endpoint".
"""

from __future__ import annotations

import contextlib
import gzip
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.devo.connection.header import check_tag, sender_name
from airflow_provider_flashpoint.core.devo.transport import Transport
from airflow_provider_flashpoint.core.http.client import HttpClient, Request
from airflow_provider_flashpoint.core.http.deadline import DEFAULT_ANSWER_S, DeadlineAdapter
from airflow_provider_flashpoint.core.http.reason import ConnectionFields
from airflow_provider_flashpoint.core.http.refusals import error_of, refusal
from airflow_provider_flashpoint.core.http.session import new_session
from airflow_provider_flashpoint.core.secrets.known import remember

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.devo.events.ports import Channel
    from airflow_provider_flashpoint.core.devo.settings import DevoSettings

# The vendor's limit of a request. Whether it applies before or after gzip is not documented.
MAX_REQUEST_BYTES = 32_000_000

_HIDDEN = "***"
# Devo may refuse an empty body with 400, which is after it accepted the token.
_CHECK_STATUSES = (200, 204, 400)


def ingestion_client(base_url: str, token: str, *, answer_s: float = DEFAULT_ANSWER_S, **options: Any) -> HttpClient:
    """Return a client whose connections replace the placeholder of `HttpChannel` by ``token``.

    :param base_url: such as ``https://http-us.devo.io``.
    :param answer_s: seconds for one answer.
    :param options: those of `HttpClient`.
    """
    session = new_session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _TokenAdapter(token, answer_s))
    return HttpClient(session, base_url=base_url, service="Devo", **options)


class HttpChannel:
    """Sends lines of one tag to the ``stream`` mode of the HTTP ingestion; see `Channel`.

    An answer of 200 or 204 confirms a request: Devo's front end has received it, before it processes the events. A
    request whose answer is lost is sent again, and its events may then arrive twice.

    :param http: an `ingestion_client`.
    :param domain: the Devo domain of the token.
    :param host: the sender's name; None for the name of this machine.
    :raises ConfigurationError: the tag is invalid.
    """

    # Fewer and longer requests take less time, but a repetition costs more.
    send_bytes = 4 * 1024 * 1024
    max_line_bytes = MAX_REQUEST_BYTES

    def __init__(self, http: HttpClient, *, domain: str, tag: str, host: str | None = None) -> None:
        self.connections = 0
        self._http = http
        segments = (domain, f"token!{_HIDDEN}", sender_name(host), check_tag(tag))
        self._path = "/stream/" + "/".join(quote(each, safe="!*()") for each in segments)

    def frame(self, lines: Sequence[bytes]) -> bytes:
        """Return a gzipped body."""
        return gzip.compress(b"".join(lines), compresslevel=1, mtime=0)

    def send(self, data: bytes) -> bool:
        """Send a body and return True: its answer confirms it. Raises the errors of `HttpClient.send`.

        :raises RejectedError, ServerError: the answer is an error, although its status is not.
        """
        response = self._post(data, {"Content-Encoding": "gzip"}, accept=(200, 204))
        with contextlib.suppress(ValueError):  # the usual answer is empty
            answer = codec.decode(response.content)
            if reason := refusal(answer):
                raise error_of(answer, reason, otherwise=500)
        return True

    def confirm(self, *, goes_on: bool = False) -> None:
        """Do nothing: each send is confirmed by its answer."""

    def abandon(self) -> None:
        """Close the idle connection; nothing is in flight between two sends."""
        self._http.close()

    def check(self) -> None:
        """Send a request without a line; see `Channel`."""
        with contextlib.closing(self._http):
            self._post(b"", {}, accept=_CHECK_STATUSES)

    def _post(self, data: bytes, headers: Mapping[str, str], *, accept: tuple[int, ...]) -> requests.Response:
        self.connections += 1

        def body() -> tuple[Any, Mapping[str, str]]:
            # A file, so that the timeout applies to each block and not to the whole body. An empty file would be sent
            # without a Content-Length.
            return io.BytesIO(data) if data else None, {"Content-Type": "text/plain; charset=utf-8", **headers}

        return self._http.send(Request("POST", self._path, data=body, retry=False, accept=accept))


class _TokenAdapter(DeadlineAdapter):
    """Makes connections that know the token, unlike pools, which log URLs, and errors, which contain them."""

    def __init__(self, token: str, answer_s: float) -> None:
        remember(token)
        self._token = quote(token, safe="")
        super().__init__(answer_s)

    def connection_class(self, base: Any) -> Any:
        return _with_token(super().connection_class(base), self._token)


def _with_token(connection_class: Any, token: str) -> Any:
    class TokenConnection(connection_class):  # type: ignore[misc]
        def putrequest(self, method: str, url: str, *args: Any, **options: Any) -> None:
            super().putrequest(method, url.replace(f"/token!{_HIDDEN}/", f"/token!{token}/", 1), *args, **options)

    return TokenConnection


def _channel(settings: DevoSettings, tag: str) -> Channel:
    timeout_s = (settings.connect_timeout_s, settings.confirm_timeout_s)
    fields = ConnectionFields(settings.conn_id, address="http_base_url", credential="http_token", verify="", proxy="")
    http = ingestion_client(settings.http_base_url, settings.http_token, timeout_s=timeout_s, fields=fields)
    return HttpChannel(http, domain=settings.domain, tag=tag)


TRANSPORT = Transport(
    make=_channel,
    needs=("http_token", "domain", "http_base_url"),
    refuses={
        "event_framing": "which is for syslog: the HTTP ingestion takes one event per line",
        "event_date_field": "which is for syslog: the HTTP ingestion dates events by their arrival",
    },
    ready=lambda settings: "ready over HTTP, and the token is not refused.",
)
