"""The query API of the sandbox: its answers for devo-sdk, its refusals, and scripted losses."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from devo.api import SIMPLECOMPACT_TO_OBJ, Client, ClientConfig

from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
from airflow_provider_flashpoint.core.devo.queries import ids_query
from airflow_provider_flashpoint.core.devo.settings import DevoSettings
from airflow_provider_flashpoint.core.devo.transports import event_channel
from sandbox.devo.server import DevoServer

TAG = "my.app.flashpoint.index"
QUERY = ids_query(TAG, "id")


@pytest.fixture
def filled(devo: DevoServer) -> DevoServer:
    """A Devo whose table holds the ids a, b, b, c."""
    settings = DevoSettings(conn_id="devo_test", host="127.0.0.1", port=devo.plain_port, insecure=True)
    with EventWriter(event_channel(settings, TAG)) as writer:
        writer.write([writer.encode({"id": each}) for each in "abbc"])
    devo.index.clear()
    return devo


def ask(devo: DevoServer, **changes: Any) -> requests.Response:
    body = {"query": QUERY, "from": 0, "to": "now", "mode": {"type": "json/simple"}} | changes
    return requests.post(
        f"{devo.url}/search/query",
        json={name: value for name, value in body.items() if value is not None},
        headers={"Authorization": f"Bearer {devo.settings.api_token}"},
        timeout=120,
    )


def shown(devo: DevoServer) -> list[str]:
    return ask(devo).text.splitlines()


def test_client_of_devo_sdk(filled: DevoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client of devo-sdk gets its answer."""
    monkeypatch.setenv("UNSECURE_HTTP", "true")
    config = ClientConfig(response="json/simple/compact", processor=SIMPLECOMPACT_TO_OBJ, stream=True)
    client = Client(
        address=f"{filled.url}/search/query", auth={"token": filled.settings.api_token}, config=config, timeout=30
    )
    found = client.query(query=QUERY, dates={"from": "2020-01-01", "to": "now()"})
    assert [dict(each) for each in found] == [
        {"id": "a", "events": 1},
        {"id": "b", "events": 2},
        {"id": "c", "events": 1},
    ]


def test_lost_events_are_not_shown(filled: DevoServer) -> None:
    """One event of each lost id is missing from queries; the table still has it."""
    filled.index.lose("a", "b")
    assert shown(filled) == ['{"id":"b","events":1}', '{"id":"c","events":1}']
    assert filled.tables.count(TAG) == 4


def test_late_events_are_shown_later(filled: DevoServer) -> None:
    """The scripted number of queries sees nothing; the next one sees everything."""
    filled.index.lag(2)
    assert [len(shown(filled)) for _ in range(3)] == [0, 0, 3]


def test_script_from_another_process(filled: DevoServer) -> None:
    """Losses and lag can be scripted over HTTP; an invalid script is refused."""
    place = f"{filled.url}/__sandbox__/index"
    assert requests.post(place, json={"lose": ["a"], "lag": 1}, timeout=120).status_code == 204
    assert [len(shown(filled)) for _ in range(2)] == [0, 2]
    assert requests.post(place, json={"loose": ["a"]}, timeout=120).status_code == 400
    assert requests.delete(place, timeout=120).status_code == 204
    assert len(shown(filled)) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"to": None},
        {"from": None},
        {"from": "1h"},
        {"from": 5, "to": 5},
        {"mode": "json"},
        {"mode": {"type": "csv"}},
        {"surprise": 1},
    ],
    ids=str,
)
def test_invalid_requests_are_refused(filled: DevoServer, changes: dict[str, Any]) -> None:
    """A request without bounds, with another mode or extra fields is refused."""
    assert ask(filled, **changes).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "from my.app.x select *",
        QUERY + " limit 1",
        ids_query(TAG, "id", message_column="message"),
        QUERY.replace(TAG, "my.app.with-hyphen"),
        None,
    ],
)
def test_query_that_is_not_understood(filled: DevoServer, query: Any) -> None:
    """A query of another shape gets status 500, with the reason second in ``object``."""
    answer = ask(filled, query=query)
    assert answer.status_code == 500
    assert answer.json()["object"][1].startswith("QUERY_PARSING_ERROR")


def test_token(filled: DevoServer) -> None:
    """A query without the token gets no data."""
    assert requests.post(f"{filled.url}/search/query", json={}, timeout=120).status_code == 401
