"""The connections of an HTTP server of the sandbox: read requests, send answers, apply faults."""

from __future__ import annotations

import socket
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socketserver import TCPServer
from sys import exception
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from sandbox.http_service.faults import Fault, reset_connection
from sandbox.http_service.message import Refusal, Request, Response, body_reader

if TYPE_CHECKING:
    from sandbox.http_service.server import HttpServer

CONTROL = "/__sandbox__"

_DEFAULT_STATUS = {"status": 503, "html": 502, "malformed": 200}
_BROKEN = b'[{"type": "domain", "value": {"dom'
_HTML = "<html><head><title>Gateway</title></head><body><h1>{}</h1><p>Not the service.</p></body></html>"


class _ConnectionSpent(ConnectionError):
    """A fault ended the connection."""


class Listener(ThreadingHTTPServer):
    """Accepts connections, one thread each, and can break the open ones."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], server: HttpServer, context: ssl.SSLContext | None) -> None:
        self.sandbox = server
        self._context = context
        self._open: set[socket.socket] = set()
        super().__init__(address, _Connection)

    def server_bind(self) -> None:
        # The method of the parent class looks up the host's name, which can take seconds.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._context is not None:
            # The handshake happens at the first read, in the thread of the connection.
            connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Clients that disconnect are normal; anything else is a defect of the sandbox and is shown.
        if not isinstance(exception(), OSError):
            super().handle_error(request, client_address)

    def close_connections(self) -> None:
        """Break the open connections."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Sandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    server: Listener

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing, since the control plane has a log of requests."""

    def _answer(self) -> None:
        sandbox = self.server.sandbox
        try:
            body = body_reader(self.rfile, self.headers)
        except Refusal as refusal:
            self.close_connection = True
            self._send(refusal.response)
            return
        request = Request.parse(self.command, self.path, self.headers, body)
        if request.path.startswith(CONTROL):
            self._send(self._control(request))
            return
        fault = sandbox.faults.take(f"{self.command} {unquote_plus(self.path)}")
        response = self._response(request, fault)
        # Logged before it is sent, so that a client with the answer finds it in the log.
        self._log(request, response.status, fault)
        self._send(response, fault if fault and fault.when == "after" else None)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _answer

    def _control(self, request: Request) -> Response:
        if not ip_address(self.client_address[0]).is_loopback:
            return Response.json({"detail": "The control plane answers only this machine"}, status=403)
        response = self.server.sandbox.respond(request)
        request.drain()
        return response

    def _response(self, request: Request, fault: Fault | None) -> Response:
        """Return the answer, after applying the fault's effects that precede it."""
        respond = self.server.sandbox.respond
        if fault is None:
            response = respond(request)
        else:
            _take(request, fault.after_received_bytes or 0)
            if fault.when == "before" and fault.kind == "reset":
                self._log(request, None, fault)
            if fault.when == "before":
                self._strike(fault)
            response = respond(request) if fault.when == "after" or fault.kind == "stall" else _instead(fault)
            if fault.kind in _DEFAULT_STATUS:
                response = _instead(fault)
        # The rest of the body would be read as the next request.
        request.drain()
        return response

    def _send(self, response: Response, fault: Fault | None = None) -> None:
        """Send the answer. A connection fault applies before it or within its body."""
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status not in (204, 304):
            self.send_header("Content-Length", str(len(response.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        body = b"" if self.command == "HEAD" else response.body
        sent = 0
        if fault is not None:
            if fault.kind == "cut" or fault.after_bytes is not None:
                sent = len(body) // 2 if fault.after_bytes is None else fault.after_bytes
                self.end_headers()
                self.wfile.write(body[:sent])
                self._strike(fault)
            else:
                self._strike(fault)
                self.end_headers()
        else:
            self.end_headers()
        self.wfile.write(body[sent:])

    def _strike(self, fault: Fault) -> None:
        """Apply a fault to the connection."""
        if fault.kind == "stall":
            self.server.sandbox.faults.hold(fault)
        elif fault.kind in ("reset", "cut"):
            self.close_connection = True
            if fault.kind == "reset":
                reset_connection(self.connection)
            raise _ConnectionSpent

    def _log(self, request: Request, status: int | None, fault: Fault | None) -> None:
        sandbox = self.server.sandbox
        path = sandbox.loggable_path(request.path)
        kind = fault.kind if fault else None
        sandbox.log.append(request.method, path, request.raw_query, dict(request.headers), status, kind)


def _take(request: Request, count: int) -> None:
    while count > 0 and (piece := request.body.read(min(count, 65_536))):
        count -= len(piece)


def _instead(fault: Fault) -> Response:
    """Return the fault's answer, which replaces that of the handler."""
    status = fault.status or _DEFAULT_STATUS[fault.kind]
    if fault.kind == "html":
        page = str(fault.body or _HTML.format(status))
        return Response(status, {"Content-Type": "text/html"} | dict(fault.headers), page.encode())
    if fault.kind == "malformed":
        return Response(status, {"Content-Type": "application/json"} | dict(fault.headers), _BROKEN)
    if isinstance(fault.body, str):
        return Response(status, {"Content-Type": "text/plain"} | dict(fault.headers), fault.body.encode())
    body = {"detail": f"Scripted fault {status}"} if fault.body is None else fault.body
    return Response.json(body, status=status, headers=fault.headers)
