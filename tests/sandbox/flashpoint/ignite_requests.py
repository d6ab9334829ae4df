"""Requests of a plain client of Ignite, for the tests of the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from sandbox.flashpoint.server import FlashpointServer

TIMEOUT_S = 120
FROM = datetime(2024, 1, 1, tzinfo=UTC)
TO = datetime(2024, 1, 1, 6, tzinfo=UTC)

Ask = Callable[..., requests.Response]


def asker(server: FlashpointServer, path: str) -> Ask:
    """Return a function that sends a query to ``path``."""

    def ask(query: dict[str, Any] | str = "") -> requests.Response:
        headers = {"Authorization": f"Bearer {server.settings.token}"}
        return requests.get(f"{server.url}{path}", params=query, headers=headers, timeout=TIMEOUT_S)

    return ask


def walk(ask: Ask, query: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the items of all pages, by the parameters of the next links, as real clients do."""
    found: list[dict[str, Any]] = []
    while True:
        answer = ask(query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        following = page["pagination"]["next"]
        if following is None:
            return found
        query = {name: values[0] for name, values in parse_qs(urlsplit(following).query).items()}
