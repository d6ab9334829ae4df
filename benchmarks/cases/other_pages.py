"""Requests for other pages of Airflow's api-server, with the plugin of the status page and without it.

The whole application of the api-server answers in the contender's process, over its ASGI interface: sockets would only
add to both sides. The third contender repeats the second, so their ratio is the noise of the measurement.
"""

from __future__ import annotations

import asyncio
import os
from functools import partial
from importlib import metadata
from typing import Any

from benchmarks.case import OURS, Bar, Case, Contender, Measured, Work

_WITHOUT, _AGAIN = "without the plugin", "without the plugin, again"
_PAGES = ("/dags", "/api/v2/version", "/api/v2/dags")  # of the UI, of the API, of the API from the database
_WARM_UP = 20  # rounds; the first ones load modules
_PREFIX = "/flashpoint-status"
_PLUGIN = "from airflow_provider_flashpoint.status_page.plugin import FlashpointPlugin\n"


def answer_requests(work: Work, *, has_plugin: bool) -> Measured:
    """Start the api-server's application, and request its pages one after another."""
    home = work.directory / "airflow"
    plugins = home / "plugins"
    plugins.mkdir(parents=True)
    if has_plugin:
        (plugins / "flashpoint.py").write_text(_PLUGIN, encoding="utf-8")
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    _hide_installed_plugin()
    from airflow.api_fastapi.app import create_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.utils.db import initdb

    initdb()
    app = create_app()
    if has_plugin != any(getattr(route, "path", None) == _PREFIX for route in app.routes):
        raise ValueError(f"{_PREFIX} is {'not ' if has_plugin else ''}in the application.")
    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="reader", role="viewer"))
    loop = asyncio.new_event_loop()

    def run(rounds: int = work.count) -> int:
        return loop.run_until_complete(_request_all(app, token, rounds))

    run(_WARM_UP)
    return run


def _hide_installed_plugin() -> None:
    """Make Airflow find the plugins of all packages but this one, whether this one is installed or not."""
    found: Any = metadata.Distribution.entry_points
    kept = property(
        lambda self: metadata.EntryPoints(
            each
            for each in found.fget(self)
            if each.group != "airflow.plugins" or not each.value.startswith("airflow_provider_flashpoint.")
        )
    )
    setattr(metadata.Distribution, "entry_points", kept)  # noqa: B010  mypy knows it as read-only


async def _request_all(app: Any, token: str, rounds: int) -> int:
    for _ in range(rounds):
        for path in _PAGES:
            status = await _status_of(app, path, token)
            if status != 200:
                raise ValueError(f"{path} was answered {status}.")
    return rounds * len(_PAGES)


async def _status_of(app: Any, path: str, token: str) -> int:
    """Return the status of the answer to a request, which is read to its end."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
    }
    statuses: list[int] = []
    ended = asyncio.Event()
    unread = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if unread:
            return unread.pop()
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:  # noqa: RUF029  the interface
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        elif not message.get("more_body"):
            ended.set()

    await app(scope, receive, send)
    return statuses[0]


CASES = [
    Case(
        name="other-pages",
        title="requests for other pages of Airflow",
        unit="requests",
        count=300,
        contenders={
            OURS: Contender(partial(answer_requests, has_plugin=True)),
            _WITHOUT: Contender(partial(answer_requests, has_plugin=False)),
            _AGAIN: Contender(partial(answer_requests, has_plugin=False)),
        },
        bars=(
            Bar(
                "requests for other pages of Airflow: CPU time without the plugin, times",
                "cpu_s",
                to=_WITHOUT,
                at_most=1.05,
            ),
        ),
        server=None,
    )
]
