"""Brings the status page into Airflow 3.1 and later. Every process of Airflow imports this, so it imports little."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from airflow.providers.common.compat.sdk import AirflowPlugin

PAGE = "/plugin/flashpoint"
"""The path of the page in Airflow's UI."""

_PREFIX = "/flashpoint-status"
_Message = MutableMapping[str, Any]


async def status_page(
    scope: _Message, receive: Callable[[], Awaitable[_Message]], send: Callable[[_Message], Awaitable[None]]
) -> None:
    """Answer a request to the page. The first one loads it, so no other process and no other page waits for that."""
    api = await asyncio.to_thread(import_module, "airflow_provider_flashpoint.status_page.api")
    await api.app(scope, receive, send)


def _has_pages() -> bool:
    return find_spec("airflow.sdk") is not None


class FlashpointPlugin(AirflowPlugin):
    """The status page. Airflow 2 has no such pages; there, `airflow-flashpoint state show --watch` shows the same."""

    name = "flashpoint"
    fastapi_apps: list[Any] = (
        [{"app": status_page, "url_prefix": _PREFIX, "name": "Flashpoint status"}] if _has_pages() else []
    )
    # The address is relative, since Airflow may be behind a path of a proxy.
    external_views: list[Any] = (
        [
            {
                "name": "Flashpoint",
                "href": f"{_PREFIX[1:]}/",
                "url_route": "flashpoint",
                "destination": "nav",
            }
        ]
        if _has_pages()
        else []
    )
