"""Sandboxes for the tests of the client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.flashpoint.server import FlashpointServer
from sandbox.flashpoint.settings import FlashpointSettings
from tests.core.flashpoint.reading import ServerOf


@pytest.fixture
def server_of() -> Iterator[ServerOf]:
    """Make servers with these settings."""
    servers: list[FlashpointServer] = []

    def make(**settings: Any) -> FlashpointServer:
        servers.append(FlashpointServer(FlashpointSettings(**settings)).start())
        return servers[-1]

    yield make
    for server in servers:
        server.stop()
