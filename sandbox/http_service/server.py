"""The HTTP/1.1 server of the sandbox's HTTP services: routes, faults, control plane, log of requests."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Self

from sandbox.errors import InvalidSettingError
from sandbox.http_service.connection import CONTROL, Listener
from sandbox.http_service.faults import Fault, FaultScript
from sandbox.http_service.message import Refusal, Request, Response
from sandbox.http_service.request_log import RequestLog

_POLL_S = 0.02

Handler = Callable[[Request], Response]


@dataclass(frozen=True)
class Route:
    """The handler for ``method`` at the paths that ``pattern`` matches in full.

    ``summary`` describes it in the index of the control plane.
    """

    method: str
    pattern: str
    handler: Handler
    summary: str = ""


class HttpServer:
    """Serves routes on a port of the loopback interface, with scripted faults and a control plane.

    Usable as a context manager. ``/__sandbox__/`` needs no credentials, has no faults, and answers only clients on
    this machine.

    :param faults: the script to apply; a new one by default.
    :param port: 0 takes a free one, which is part of ``url``.
    :param ssl_context: for TLS; None for plain TCP.
    """

    def __init__(
        self,
        routes: Iterable[Route] = (),
        *,
        faults: FaultScript | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.faults = faults or FaultScript()
        self.log = RequestLog()
        self.stopping = threading.Event()
        self._address = (host, port)
        self._ssl_context = ssl_context
        self._listener: Listener | None = None
        self._routes = [
            Route("GET", f"{CONTROL}/?", self._index, "this list"),
            Route("GET", f"{CONTROL}/faults", self._get_faults, "the faults, and how often each fired"),
            Route("POST", f"{CONTROL}/faults", self._post_faults, "add faults: an object or a list of them"),
            Route("DELETE", f"{CONTROL}/faults", self._delete_faults, "forget all faults, end the stalls"),
            Route("POST", f"{CONTROL}/faults/release", self._release_faults, "end the current stalls"),
            Route("GET", f"{CONTROL}/requests", self._get_requests, "the requests so far, oldest first"),
            Route("DELETE", f"{CONTROL}/requests", self._delete_requests, "forget the requests"),
        ]
        self.add_routes(routes)

    def add_routes(self, routes: Iterable[Route]) -> None:
        """Append routes. The first that matches answers."""
        self._routes.extend(routes)

    @property
    def port(self) -> int:
        """The port.

        :raises InvalidSettingError: the server is not started.
        """
        if self._listener is None:
            raise InvalidSettingError("The sandbox server has no address before it is started.")
        return self._listener.server_port

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return f"{'https' if self._ssl_context else 'http'}://{self._address[0]}:{self.port}"

    def start(self) -> Self:
        """Serve in threads until ``stop``."""
        self.stopping.clear()
        self._listener = Listener(self._address, self, self._ssl_context)
        threading.Thread(target=self._listener.serve_forever, args=(_POLL_S,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop listening, end stalls, break open connections. A second call does nothing."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self.stopping.set()
        self.faults.release()
        listener.shutdown()
        listener.server_close()
        listener.close_connections()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def loggable_path(self, path: str) -> str:
        """Return the path for the log of requests. Override this if paths hold secrets."""
        return path

    def respond(self, request: Request) -> Response:
        """Return the answer of the first route that matches, else 404, or 405 if only the method does not match."""
        known = False
        for route in self._routes:
            match = re.fullmatch(route.pattern, request.path)
            if match is None:
                continue
            if route.method == request.method:
                try:
                    return route.handler(replace(request, groups=match.groupdict()))
                except Refusal as refusal:
                    return refusal.response
            known = True
        if known:
            return Response.json({"detail": "Method Not Allowed"}, status=405)
        return self.not_found(request)

    def not_found(self, request: Request) -> Response:
        """Return the answer for a path that no route matches."""
        return Response.json({"detail": "Not Found"}, status=404)

    def _index(self, request: Request) -> Response:
        return Response.json({
            "routes": [{"method": r.method, "path": r.pattern, "summary": r.summary} for r in self._routes]
        })

    def _get_faults(self, request: Request) -> Response:
        return Response.json({"fired": self.faults.fired(), "faults": self.faults.to_json()})

    def _post_faults(self, request: Request) -> Response:
        value = request.json()
        try:
            faults = [Fault.from_json(each) for each in (value if isinstance(value, list) else [value])]
        except InvalidSettingError as error:
            raise Refusal(400, {"detail": str(error)}) from error
        self.faults.add(*faults)
        return Response.json({"added": len(faults)}, status=201)

    def _delete_faults(self, request: Request) -> Response:
        self.faults.clear()
        return Response(204)

    def _release_faults(self, request: Request) -> Response:
        self.faults.release()
        return Response(204)

    def _get_requests(self, request: Request) -> Response:
        return Response.json(self.log.to_json())

    def _delete_requests(self, request: Request) -> Response:
        self.log.clear()
        return Response(204)
