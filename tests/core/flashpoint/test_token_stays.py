"""The token goes to the scheme, host and port of the connection alone, whatever answers and settings point to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_flashpoint.errors import ConfigurationError, RejectedError
from sandbox.flashpoint.server import FlashpointServer
from sandbox.http_service.faults import Fault
from sandbox.http_service.message import Request, Response
from sandbox.http_service.server import HttpServer
from tests.core.flashpoint.reading import WINDOW
from tests.core.flashpoint.test_contract import ROWS, Row, of_each_row

LINKS = ("next", "href", "first", "prev", "self")
Lure = Callable[[str, str], str]
LURES: dict[str, Lure] = {
    "another port": lambda own, other: other,
    "no scheme": lambda own, other: other.removeprefix("http:"),
    "own host as user": lambda own, other: other.replace("//", f"//{own}@"),
    "another scheme": lambda own, other: f"https://{own}",
}


class LuringServer(FlashpointServer):
    """A sandbox whose links, and whose headers that name places, lead elsewhere."""

    def __init__(self, other: str, lure: Lure) -> None:
        super().__init__()
        self.rewritten = 0
        self._other = other
        self._lure = lure

    def respond(self, request: Request) -> Response:
        answer = super().respond(request)
        place = self._lure(urlsplit(self.url).netloc, self._other)
        headers = dict.fromkeys(("Location", "Content-Location", "Refresh"), f"{place}{request.path}")
        body = json.dumps(self._lured(json.loads(answer.body), place)).encode() if answer.body else b""
        return replace(answer, body=body, headers={**answer.headers, **headers})

    def _lured(self, value: Any, place: str) -> Any:
        if isinstance(value, list):
            return [self._lured(each, place) for each in value]
        if not isinstance(value, dict):
            return value
        for name, inner in value.items():
            if name in LINKS and isinstance(inner, str) and "?" in inner:
                split = urlsplit(inner)
                value[name] = f"{place}{split.path}?{split.query}"
                self.rewritten += 1
            elif name in ("links", "pagination", *LINKS):
                value[name] = self._lured(inner, place)
        return value


@pytest.fixture
def elsewhere() -> Iterator[HttpServer]:
    """A server on another port, to which nothing may be sent."""
    with HttpServer() as other:
        yield other
        assert other.log.requests() == []


@pytest.mark.parametrize("lure", LURES.values(), ids=LURES)
@of_each_row
def test_links_are_followed_by_their_parameters_alone(elsewhere: HttpServer, row: Row, lure: Lure) -> None:
    """A next page is requested from the connection's own address, wherever its link leads, and all records come."""
    with LuringServer(elsewhere.url, lure) as server:
        published = row.published(server)
        assert row.read(row.client(server, page_size=7)) == published


def test_the_links_of_the_sandbox_are_changed(elsewhere: HttpServer) -> None:
    """The test above changes links: of alerts, of notifications, and of the indicators of version 2."""
    lured = set()
    for row in ROWS:
        with LuringServer(elsewhere.url, LURES["another port"]) as server:
            row.published(server)
            row.read(row.client(server, page_size=7))
            lured |= {(row.api.value, row.data_set.value)} if server.rewritten else set()
    assert lured >= {
        ("legacy", "alerts"),
        ("ignite_v1", "alerts"),
        ("ignite_v2", "alerts"),
        ("ignite_v2", "indicators"),
    }


@pytest.mark.parametrize("status", [302, 308])
@of_each_row
def test_redirects_are_not_followed(elsewhere: HttpServer, row: Row, status: int) -> None:
    """A redirect is an error that names the host, at once."""
    with FlashpointServer() as server:
        server.faults.add(Fault("status", status=status, headers={"Location": f"{elsewhere.url}/x"}, times=None))
        with pytest.raises(RejectedError, match=rf"status {status}.*check `host` of the connection"):
            row.read(row.client(server))
        assert server.faults.fired() == 1


@pytest.mark.parametrize("path", ["@{}/x", ".{}/x", "//{}/x", "http://{}/x"])
def test_a_path_cannot_name_another_host(elsewhere: HttpServer, path: str) -> None:
    """A path that would change the address of the connection is refused before anything is sent."""
    row = ROWS[0]
    with FlashpointServer() as server:
        source = row.client(server).source(row.data_set, path=path.format(urlsplit(elsewhere.url).netloc))
        with pytest.raises(ConfigurationError, match="must begin with one /"):
            list(source.pages(WINDOW))
        assert server.log.requests() == []
