"""What the tests of the client share: a sandbox, a client of it, and the records of a window."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import requests

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
from airflow_provider_flashpoint.core.http.client import BearerAuth, HttpClient
from airflow_provider_flashpoint.core.window import Window
from sandbox.flashpoint.server import FlashpointServer

FROM = datetime(2024, 1, 1, tzinfo=UTC)
TO = datetime(2024, 1, 1, 1, tzinfo=UTC)
WINDOW = Window(FROM, TO)
COUNT = 60

ServerOf = Callable[..., FlashpointServer]


def client_of(server: FlashpointServer, *, token: str | None = None, **settings: Any) -> FlashpointClient:
    session = requests.Session()
    session.auth = BearerAuth(token or server.settings.token)
    http = HttpClient(session, base_url=server.url, service="Flashpoint", sleep=lambda _: None)
    return FlashpointClient(http, **{"api": Api.LEGACY, **settings})


def read(
    client: FlashpointClient, window: Window = WINDOW, data_set: DataSet = DataSet.INDICATORS, **filters: Any
) -> list[dict[str, Any]]:
    return [
        codec.decode(codec.encode(record))
        for page in client.source(data_set, **filters).pages(window)
        for record in page
    ]
