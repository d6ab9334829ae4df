"""The sandbox's query API: it answers devo-sdk, refuses what is wrong, and hides what it is told to lose."""

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
        timeout=30,
    )


def shown(devo: DevoServer) -> list[str]:
    return ask(devo).text.splitlines()


def test_client_of_devo_sdk(filled: DevoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """devo-sdk's own client gets its answer."""
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


def test_what_is_lost_is_not_shown(filled: DevoServer) -> None:
    """One event of each id that was lost is missing; the table itself still holds it."""
    filled.index.lose("a", "b")
    assert shown(filled) == ['{"id":"b","events":1}', '{"id":"c","events":1}']
    assert filled.tables.count(TAG) == 4


def test_what_is_late_is_shown_later(filled: DevoServer) -> None:
    """As many queries as were told see nothing; the next one sees all."""
    filled.index.lag(2)
    assert [len(shown(filled)) for _ in range(3)] == [0, 0, 3]


def test_script_from_another_process(filled: DevoServer) -> None:
    """What is lost and late can be scripted over HTTP too, and a script that is none is refused."""
    place = f"{filled.url}/__sandbox__/index"
    assert requests.post(place, json={"lose": ["a"], "lag": 1}, timeout=30).status_code == 204
    assert [len(shown(filled)) for _ in range(2)] == [0, 2]
    assert requests.post(place, json={"loose": ["a"]}, timeout=30).status_code == 400
    assert requests.delete(place, timeout=30).status_code == 204
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
        {"query": "from my.app.x select *"},
        {"query": QUERY + " limit 1"},
        {"query": ids_query(TAG, "id", message_column="message")},
        {"query": None},
        {"surprise": 1},
    ],
    ids=str,
)
def test_what_is_wrong_is_refused(filled: DevoServer, changes: dict[str, Any]) -> None:
    """A query without bounds, in another mode, of another shape or with more than belongs to it is refused."""
    assert ask(filled, **changes).status_code == 400


def test_token(filled: DevoServer) -> None:
    """Nothing is told without the token."""
    assert requests.post(f"{filled.url}/search/query", json={}, timeout=30).status_code == 401
