"""Servers for the tests of the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from devo_clients import CSV, SETTINGS, Ingestion, LookupsClient

from sandbox.certificates import Certificates, make_certificates
from sandbox.devo.server import DevoServer


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def _running_devo(certificates: Certificates) -> Iterator[DevoServer]:
    with DevoServer(replace(SETTINGS, directory=certificates.directory)) as server:
        yield server


@pytest.fixture
def devo(_running_devo: DevoServer) -> Iterator[DevoServer]:
    """An empty sandbox Devo."""
    yield _running_devo
    _running_devo.syslog_faults.clear()
    _running_devo.faults.clear()
    _running_devo.lookups.clear()
    _running_devo.tables.clear()


@pytest.fixture
def client(devo: DevoServer) -> LookupsClient:
    return LookupsClient(devo)


@pytest.fixture
def colors(devo: DevoServer, client: LookupsClient) -> DevoServer:
    """A sandbox Devo with the lookup Colors."""
    assert client.wait("Colors", client.deploy("POST", "Colors", CSV))["status"] == "COMPLETED"
    return devo


@pytest.fixture(params=["tls", "tcp"])
def ingestion(certificates: Certificates, request: pytest.FixtureRequest) -> Iterator[Ingestion]:
    """A syslog listener of each kind."""
    made = Ingestion(certificates, request.param)
    made.listener.start()
    yield made
    made.listener.stop()


@pytest.fixture
def tls(certificates: Certificates) -> Iterator[Ingestion]:
    """A syslog listener that speaks TLS."""
    made = Ingestion(certificates, "tls")
    made.listener.start()
    yield made
    made.listener.stop()
