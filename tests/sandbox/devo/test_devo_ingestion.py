"""The HTTP ingestion of the sandbox: accepted and refused requests, and the recorded lines."""

from __future__ import annotations

import gzip
import json
import logging
from typing import Any

import pytest
import requests
from devo_clients import SETTINGS, TAG

from sandbox.devo.ingestion import MAX_BODY_BYTES
from sandbox.devo.server import DevoServer
from sandbox.http_service.faults import Fault

GZIP = {"Content-Encoding": "gzip"}


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Silence the client of these tests, which logs each address with its token."""
    caplog.set_level(logging.INFO, "urllib3")


def post(devo: DevoServer, body: bytes, *, headers: Any = None, **path: str) -> requests.Response:
    """Post a body to the ingestion; ``path`` replaces parts of the address."""
    parts = {"mode": "stream", "domain": "acme", "token": SETTINGS.http_token, "host": "web1", "tag": TAG} | path
    url = "{}/{mode}/{domain}/token!{token}/{host}/{tag}".format(devo.url, **parts)
    return requests.post(url, data=body, headers=headers, timeout=120)


def test_each_line_is_an_event(devo: DevoServer) -> None:
    """The lines of a stream are events of the table and host in the address, in order."""
    assert post(devo, "one\nzwei ñ€😀\r\nthree".encode()).status_code == 200
    assert devo.tables.messages(TAG) == ["one", "zwei ñ€😀\r", "three"]
    header = devo.tables.events(TAG)[0].header
    assert header is not None
    assert (header.host, header.tag) == ("web1", TAG)
    assert [each.transport for each in devo.tables.connections()] == ["http"]


def test_gzip_is_inflated(devo: DevoServer) -> None:
    """The content of a gzipped body counts."""
    assert post(devo, gzip.compress(b"one\ntwo\n"), headers=GZIP).status_code == 200
    assert devo.tables.messages(TAG) == ["one", "two"]


def test_empty_stream_is_no_event(devo: DevoServer) -> None:
    """A stream without lines is accepted and has no effect."""
    assert post(devo, b"").status_code == 200
    assert devo.tables.names() == []


def test_empty_line_is_an_event(devo: DevoServer) -> None:
    """A line without a message is an event without a message, as over syslog."""
    assert post(devo, b"\n\none\n").status_code == 200
    assert devo.tables.messages(TAG) == ["", "", "one"]


def test_event_is_one_line(devo: DevoServer) -> None:
    """The mode for one event answers 204 and refuses a second event."""
    assert post(devo, b"one", mode="event").status_code == 204
    assert post(devo, b"one\ntwo", mode="event").status_code == 400
    assert devo.tables.messages(TAG) == ["one"]


def test_event_may_stand_in_the_query(devo: DevoServer) -> None:
    """One event may be in the query of the address."""
    url = f"{devo.url}/event/acme/token!{SETTINGS.http_token}/web1/{TAG}?a%20b%3Dc"
    assert requests.get(url, timeout=120).status_code == 204
    assert devo.tables.messages(TAG) == ["a b=c"]


REFUSALS: dict[str, tuple[int, bytes, dict[str, Any]]] = {
    "unknown token": (401, b"x", {"token": "guess"}),
    "other domain": (403, b"x", {"domain": "other"}),
    "no tag": (400, b"x", {"tag": "notag"}),
    "tag that would forge": (400, b"x", {"tag": "my.app%0A%3C14%3Ex"}),
    "host that would forge": (400, b"x", {"host": "a%20b"}),
    "other encoding": (415, b"x", {"headers": {"Content-Encoding": "br"}}),
    "no gzip": (400, b"x", {"headers": GZIP}),
    "cut gzip": (400, gzip.compress(b"x" * 1000)[:-9], {"headers": GZIP}),
    "more after gzip": (400, gzip.compress(b"x") + b"x", {"headers": GZIP}),
    "no UTF-8": (400, b"\xff", {}),
    "too long": (413, b"x" * (MAX_BODY_BYTES + 1), {}),
    "too long when inflated": (413, gzip.compress(b"x" * (MAX_BODY_BYTES + 1), 1), {"headers": GZIP}),
    "other mode": (404, b"x", {"mode": "file"}),
}


@pytest.mark.parametrize(("status", "body", "options"), REFUSALS.values(), ids=list(REFUSALS))
def test_refusal_takes_nothing(devo: DevoServer, status: int, body: bytes, options: dict[str, Any]) -> None:
    """The status names the error of a request, and none of its lines is recorded."""
    assert post(devo, body, **options).status_code == status
    assert devo.tables.names() == []


def test_longest_body_is_taken(devo: DevoServer) -> None:
    """A body of exactly the limit is accepted."""
    assert post(devo, b"x" * MAX_BODY_BYTES).status_code == 200
    assert devo.tables.count(TAG) == 1


def test_break_in_the_body_takes_nothing(devo: DevoServer) -> None:
    """No line of an interrupted request is recorded."""
    devo.faults.add(Fault("reset", "POST /stream", after_received_bytes=10))
    with pytest.raises(requests.ConnectionError):
        post(devo, b"one\ntwo\nthree\n" * 1000)
    assert devo.tables.names() == []


def test_lost_answer_takes_all(devo: DevoServer) -> None:
    """A request whose answer is lost has taken effect."""
    devo.faults.add(Fault("reset", "POST /stream", when="after"))
    with pytest.raises(requests.ConnectionError):
        post(devo, b"one\ntwo\n")
    assert devo.tables.messages(TAG) == ["one", "two"]


def test_log_of_requests_has_no_token(devo: DevoServer) -> None:
    """The control plane shows requests without the token."""
    post(devo, b"one\n")
    shown = requests.get(f"{devo.url}/__sandbox__/requests", timeout=120).text
    assert "/stream/acme/token!***/web1" in shown
    assert SETTINGS.http_token not in shown


def test_addresses_name_the_ingestion(devo: DevoServer) -> None:
    """The connection of the sandbox has the fields of the HTTP transport."""
    extra = json.loads(json.dumps(devo.airflow_connection()))["extra"]
    assert (extra["http_base_url"], extra["http_token"]) == (devo.url, SETTINGS.http_token)
