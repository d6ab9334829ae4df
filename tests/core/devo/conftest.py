"""A sandbox Devo and odd peers, for the tests of the Devo side."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from devo_peers import FakeClock, Issued, Peer, issue

from sandbox.devo.server import DevoServer
from sandbox.devo.settings import DevoSettings


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def authority() -> Issued:
    return issue("Test authority")


@pytest.fixture(scope="session")
def certificates_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture
def devo(certificates_directory: Path) -> Iterator[DevoServer]:
    with DevoServer(DevoSettings(directory=certificates_directory)) as server:
        yield server


@pytest.fixture
def peer() -> Iterator[Callable[[Callable[[socket.socket], None]], Peer]]:
    """Return a function that makes peers; they are closed at the end."""
    peers: list[Peer] = []

    def make(behave: Callable[[socket.socket], None]) -> Peer:
        peers.append(Peer(behave))
        return peers[-1]

    yield make
    for each in peers:
        each.close()
