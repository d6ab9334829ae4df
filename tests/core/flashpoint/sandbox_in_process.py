"""A sandbox without sockets: the same server, asked by a `requests` adapter, fast enough for thousands of requests."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter

from airflow_provider_flashpoint.core.flashpoint.api import Api
from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
from airflow_provider_flashpoint.core.http.client import BearerAuth, HttpClient
from sandbox.flashpoint.server import FlashpointServer
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.http_service.message import Request

Query = dict[str, str]
_URL = "http://sandbox"


class InProcess(BaseAdapter):
    """Answers requests by a server that is not started.

    ``before`` changes the query of a request, ``after`` the JSON of an answer. ``queries`` holds the queries so far.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.server = FlashpointServer(FlashpointSettings(**settings))
        self.before: Callable[[Query], Query] = lambda query: query
        self.after: Callable[[Any], Any] | None = None
        self.queries: list[Query] = []

    def client(self, api: Api, **settings: Any) -> FlashpointClient:
        session = requests.Session()
        session.auth = BearerAuth(self.server.settings.token)
        session.mount(_URL, self)
        http = HttpClient(session, base_url=_URL, service="Flashpoint", sleep=lambda _: None)
        return FlashpointClient(http, **{"api": api, "requests_in_flight": 1, **settings})

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        split = urlsplit(str(request.url))
        query = self.before(dict(parse_qsl(split.query)))
        self.queries.append(query)
        headers = Message()
        for name, value in request.headers.items():
            headers[name] = str(value)
        body = io.BytesIO(request.body.encode() if isinstance(request.body, str) else request.body or b"")
        asked = Request.parse(str(request.method), f"{split.path}?{urlencode(query)}", headers, body)
        answer = self.server.respond(asked)
        content = answer.body
        if self.after and answer.status == 200:
            content = json.dumps(self.after(json.loads(content))).encode()
        raw = urllib3.HTTPResponse(
            io.BytesIO(content),
            headers={**answer.headers, "Content-Length": str(len(content))},
            status=answer.status,
            preload_content=False,
        )
        return HTTPAdapter().build_response(request, raw)  # type: ignore[no-untyped-call,no-any-return]

    def close(self) -> None:
        """Nothing is open."""
