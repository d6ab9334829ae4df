"""The HTTP ingestion of a sandbox Devo: ``/<mode>/<domain>/token!<token>/<host>/<tag>``.

Modes, path, gzip, the limit of 32 MB and the statuses 200 and 204 are those of the vendor's page (Sending data to
Devo by HTTP endpoint). Where the page is silent the sandbox is strict: it names the error of a request and takes
nothing from it. Lines are recorded by tag, exactly like those that arrive over syslog.
"""

from __future__ import annotations

import re
import zlib
from hmac import compare_digest
from urllib.parse import unquote, unquote_plus

from sandbox.devo.settings import DevoSettings
from sandbox.devo.tables import DevoTables
from sandbox.http_service.message import Refusal, Request, Response
from sandbox.http_service.server import Route

MAX_BODY_BYTES = 32_000_000

_PATH = "/{}/(?P<domain>[^/]+)/token!(?P<token>[^/]+)/(?P<host>[^/]+)/(?P<tag>[^/]+)"
_TOKEN = re.compile(r"/token![^/]*")
_TAG = re.compile(r"[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]+)+")
_HOST = re.compile(r"[^\s:]+")


def without_token(path: str) -> str:
    """Return the path with its token masked."""
    return _TOKEN.sub("/token!***", path)


class Ingestion:
    """Takes events by HTTP into the tables."""

    def __init__(self, tables: DevoTables, settings: DevoSettings) -> None:
        self._tables = tables
        self._settings = settings

    def routes(self) -> list[Route]:
        """Return the routes of the ingestion."""
        event, stream = _PATH.format("event"), _PATH.format("stream")
        return [
            Route("POST", stream, self._stream, "events, one a line; gzip is allowed"),
            Route("POST", event, self._event, "one event, in the body or the query"),
            Route("GET", event, self._event, "one event, in the query"),
        ]

    def _stream(self, request: Request) -> Response:
        header = self._header(request)
        self._record(header, _body(request))
        return Response(200)

    def _event(self, request: Request) -> Response:
        header = self._header(request)
        message = _body(request) or unquote_plus(request.raw_query).encode()
        if not message or b"\n" in message.removesuffix(b"\n"):
            raise _refusal(400, "An event is one line.")
        self._record(header, message)
        return Response(204)

    def _header(self, request: Request) -> bytes:
        """Return the syslog header for the events of the request, after checking its token, domain, host and tag."""
        token, domain, host, tag = (unquote(request.groups[name]) for name in ("token", "domain", "host", "tag"))
        if not compare_digest(token.encode(), self._settings.http_token.encode()):
            raise _refusal(401, "The token is unknown.")
        if domain != self._settings.domain:
            raise _refusal(403, "The token belongs to another domain.")
        if not _TAG.fullmatch(tag) or not _HOST.fullmatch(host):
            raise _refusal(400, "The tag or the host is not valid.")
        return f"<14>Jan  1 00:00:00 {host} {tag}: ".encode()

    def _record(self, header: bytes, lines: bytes) -> None:
        """Record lines, each with the header before it. The last may lack its newline."""
        connection = self._tables.open("http")
        self._tables.turns.take(connection)
        if lines:
            connection.wire.append(header + lines.removesuffix(b"\n").replace(b"\n", b"\n" + header) + b"\n")
        self._tables.end(connection, "eof")


def _body(request: Request) -> bytes:
    """Return the inflated body; refuse one that is too long, wrongly encoded or not UTF-8."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise _refusal(415, "The body may be gzip, or not encoded.")
    body = request.body.read(MAX_BODY_BYTES + 1)
    if encoding == "gzip" and body:
        body = _inflated(body)
    if len(body) > MAX_BODY_BYTES:
        raise _refusal(413, f"The body has more than {MAX_BODY_BYTES} bytes.")
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise _refusal(400, "The body is not UTF-8.") from error
    return body


def _inflated(body: bytes) -> bytes:
    engine = zlib.decompressobj(wbits=31)
    try:
        text = engine.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise _refusal(400, "The body is not gzip.") from error
    if len(text) <= MAX_BODY_BYTES and (not engine.eof or engine.unused_data):
        raise _refusal(400, "The body is not one whole gzip member.")
    return text


def _refusal(status: int, message: str) -> Refusal:
    return Refusal(status, {"message": message})
