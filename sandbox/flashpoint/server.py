"""The Flashpoint sandbox as one server: the API, which needs a token, and the control plane."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sandbox.flashpoint.control import FlashpointControl
from sandbox.flashpoint.data_sets.credentials import Credentials
from sandbox.flashpoint.data_sets.reports import Reports
from sandbox.flashpoint.data_sets.vulnerabilities import Vulnerabilities
from sandbox.flashpoint.indicators_v2 import IndicatorsV2
from sandbox.flashpoint.legacy import INDICATORS_V1, LEGACY_INDICATORS, AttributeIndicators, LegacyAlerts
from sandbox.flashpoint.notifications import Notifications
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.flashpoint.store import FlashpointStore
from sandbox.http_service.faults import FaultScript
from sandbox.http_service.message import Refusal, Request, Response
from sandbox.http_service.server import Handler, HttpServer, Route

_BEARER = re.compile(r"Bearer ([A-Za-z0-9._~+/-]+=*)", re.ASCII)


class FlashpointServer(HttpServer):
    """Serves all API generations of Flashpoint, chosen by path, for the documents in ``store``.

    :param settings: the behaviour and the token.
    """

    def __init__(
        self,
        settings: FlashpointSettings | None = None,
        *,
        faults: FaultScript | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(faults=faults, host=host, port=port, ssl_context=ssl_context)
        self.settings = settings or FlashpointSettings()
        self.store = FlashpointStore(self.settings.bounds)
        self.add_routes(FlashpointControl(self.store).routes())
        for path in (LEGACY_INDICATORS, INDICATORS_V1):
            self._add_api(AttributeIndicators(self.store, self.settings, path).routes())
        for service in (LegacyAlerts, IndicatorsV2, Notifications, Credentials, Vulnerabilities, Reports):
            self._add_api(service(self.store, self.settings).routes())

    def airflow_connection(self, api: str | None = None) -> dict[str, Any]:
        """Return the fields of an Airflow connection to this server, for an API generation."""
        connection = {"conn_type": "flashpoint", "host": self.url, "password": self.settings.token}
        return connection | ({"extra": {"api": api}} if api else {})

    def _add_api(self, routes: Iterable[Route]) -> None:
        self.add_routes(replace(route, handler=self._guarded(route.handler)) for route in routes)

    def _guarded(self, handler: Handler) -> Handler:
        def guarded(request: Request) -> Response:
            self._authorize(request)
            # Waiting for the stop event lets a slow server stop at once.
            self.stopping.wait(self.settings.latency_s)
            return handler(request)

        return guarded

    def _authorize(self, request: Request) -> None:
        given = request.headers.get_all("Authorization", [])
        if not given:
            raise Refusal(401, {"message": "Invalid signature"})
        match = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
        if match is None:
            raise Refusal(401, {"message": "Bad token; invalid JSON"})
        if match[1] == self.settings.forbidden_token:
            raise Refusal(403, {"message": "Forbidden"})
        if match[1] != self.settings.token:
            raise Refusal(401, {"message": "Invalid signature"})
