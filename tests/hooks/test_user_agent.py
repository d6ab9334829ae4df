"""The User-Agent of every request to both services, under the Airflow that is installed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow import __version__ as AIRFLOW_VERSION

from airflow_provider_flashpoint import __version__
from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
from airflow_provider_flashpoint.core.flashpoint.api import DataSet
from airflow_provider_flashpoint.hooks.devo import DevoHook
from airflow_provider_flashpoint.hooks.flashpoint import FlashpointHook
from sandbox.devo.server import DevoServer
from sandbox.devo.settings import DevoSettings
from sandbox.flashpoint.server import FlashpointServer
from sandbox.http_service.message import Request, Response
from sandbox.http_service.server import HttpServer

pytestmark = pytest.mark.airflow

EXPECTED = f"airflow-provider-flashpoint/{__version__} apache-airflow/{AIRFLOW_VERSION}"
CSV = b'key,_extra\n"a",""\n'


def deploy(hook: DevoHook) -> None:
    hook.lookups().deploy("Lookup", columns=("key",), key="key", csv_file=io.BytesIO(CSV), operation=Operation.CREATE)


def send(hook: DevoHook) -> None:
    with hook.event_writer("my.app.flashpoint.agent") as writer:
        writer.write(writer.encode({"a": 1}))


def use_session(hook: DevoHook) -> None:
    settings = hook.settings()
    with hook.get_conn() as session:
        session.get(f"{settings.api_base_url}/lookup/{settings.domain}", timeout=10)


TO_DEVO: dict[str, Callable[[DevoHook], Any]] = {
    "events checked": lambda hook: hook.check_events(),
    "events sent": send,
    "lookups checked": lambda hook: hook.check_lookups(),
    "lookup deployed": deploy,
    "lookups listed": lambda hook: list(hook.lookups_api().lookups()),
    "lookup dropped": lambda hook: hook.lookups_api().drop("Lookup"),
    "table queried": lambda hook: hook.check_queries("my.app.flashpoint.agent"),
    "connection tested": lambda hook: hook.test_connection(),
    "session used": use_session,
}


@pytest.fixture
def agents(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The User-Agent of each request that a sandbox answered."""
    seen: list[str | None] = []
    respond = HttpServer.respond

    def note(service: HttpServer, request: Request) -> Response:
        seen.append(request.headers["User-Agent"])
        return respond(service, request)

    monkeypatch.setattr(HttpServer, "respond", note)
    return seen


@pytest.fixture(scope="module")
def devo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevoServer]:
    with DevoServer(DevoSettings(directory=tmp_path_factory.mktemp("certificates"))) as server:
        yield server


@pytest.mark.parametrize("action", TO_DEVO)
def test_requests_to_devo(
    devo: DevoServer, agents: list[str | None], monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """Every request to Devo names the product, its version and Airflow's."""
    extra = {
        "event_transport": "http",
        "http_token": devo.settings.http_token,
        "http_base_url": devo.url,
        "domain": devo.settings.domain,
        "api_base_url": devo.api_url,
        "query_base_url": devo.url,
    }
    connection = {"conn_type": "devo", "password": devo.settings.api_token, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_DEVO_TEST", json.dumps(connection))
    TO_DEVO[action](DevoHook("devo_test"))
    assert set(agents) == {EXPECTED}


@pytest.mark.parametrize("data_set", [DataSet.INDICATORS, DataSet.ALERTS])
def test_requests_to_flashpoint(agents: list[str | None], monkeypatch: pytest.MonkeyPatch, data_set: DataSet) -> None:
    """Every request to Flashpoint does so too."""
    with FlashpointServer() as server:
        connection = {"conn_type": "flashpoint"} | server.airflow_connection()
        monkeypatch.setenv("AIRFLOW_CONN_FLASHPOINT_TEST", json.dumps(connection))
        FlashpointHook("flashpoint_test").client().check(data_set)
    assert set(agents) == {EXPECTED}
