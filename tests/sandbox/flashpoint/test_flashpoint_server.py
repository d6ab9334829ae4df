"""The Flashpoint sandbox as a server: authentication, refusals, control plane."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from sandbox.certificates import make_certificates
from sandbox.dataset.documents import alerts, indicators
from sandbox.errors import InvalidSettingError
from sandbox.flashpoint.server import FlashpointServer
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.http_service.faults import Fault

TIMEOUT_S = 120
FROM = datetime(2024, 1, 1, tzinfo=UTC)
TO = datetime(2024, 1, 1, 6, tzinfo=UTC)
SETTINGS = FlashpointSettings(token="known.token", forbidden_token="poor.token")


@pytest.fixture(scope="module")
def server() -> Iterator[FlashpointServer]:
    with FlashpointServer(SETTINGS) as server:
        server.store.publish_indicators(indicators(1, 300, FROM, TO))
        server.store.publish_alerts(alerts(1, 30, FROM, TO))
        yield server


@pytest.fixture
def own_server() -> Iterator[FlashpointServer]:
    with FlashpointServer(SETTINGS) as server:
        yield server


def get(server: FlashpointServer, path: str, **headers: str) -> requests.Response:
    return requests.get(server.url + path, headers=headers, timeout=TIMEOUT_S)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v4/indicators/attribute",
        "/api/alerting/v1/alerts",
        "/technical-intelligence/v1/attribute",
        "/technical-intelligence/v2/indicators",
        "/alert-management/v1/notifications",
    ],
)
@pytest.mark.parametrize(
    ("authorization", "status", "message"),
    [
        (None, 401, "Invalid signature"),
        ("Bearer other.token", 401, "Invalid signature"),
        ("known.token", 401, "Bad token; invalid JSON"),
        ("Bearer Bearer known.token", 401, "Bad token; invalid JSON"),
        ("Bearer  known.token", 401, "Bad token; invalid JSON"),
        ("Bearer ", 401, "Bad token; invalid JSON"),
        ("Basic a25vd246", 401, "Bad token; invalid JSON"),
        ("Bearer poor.token", 403, "Forbidden"),
    ],
)
def test_only_one_known_bearer_is_let_in(
    server: FlashpointServer, path: str, authorization: str | None, status: int, message: str
) -> None:
    """Any header but exactly ``Bearer <token>`` with a known token is refused with the reason."""
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = get(server, path, **headers)
    assert (answer.status_code, answer.json()) == (status, {"message": message})


def test_the_known_token_is_let_in(server: FlashpointServer) -> None:
    """The token of the settings is accepted."""
    answer = get(server, "/api/v4/indicators/attribute", Authorization="Bearer known.token")
    assert answer.status_code == 200


def test_no_secret_shows_in_a_repr() -> None:
    """The repr of the settings has no token."""
    assert ".token" not in repr(SETTINGS)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/v4/nothing", 404), ("POST", "/api/v4/indicators/attribute", 405)],
)
def test_unknown_paths_and_methods_are_refused_as_json(
    server: FlashpointServer, method: str, path: str, status: int
) -> None:
    """An unknown path is a 404 and an unknown method a 405, both with a JSON body."""
    answer = requests.request(method, server.url + path, timeout=TIMEOUT_S)
    assert (answer.status_code, list(answer.json())) == (status, ["detail"])


def test_requests_share_a_connection(server: FlashpointServer) -> None:
    """The server keeps a connection alive: two requests are answered on one socket."""
    request = f"GET /__sandbox__/summary HTTP/1.1\r\nHost: {server.url}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as connection:
        connection.sendall(request + request)
        received = b""
        while received.count(b"HTTP/1.1 200") < 2:
            piece = connection.recv(65_536)
            assert piece
            received += piece


def test_a_length_that_is_no_number_is_refused(server: FlashpointServer) -> None:
    """A Content-Length that is not a number is a 400 and ends the connection."""
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as connection:
        connection.sendall(b"POST /__sandbox__/alerts HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n")
        with connection.makefile("rb") as answer:
            assert answer.read().startswith(b"HTTP/1.1 400 ")


def test_an_upload_in_chunks_is_read(own_server: FlashpointServer) -> None:
    """A body of unknown length, in chunks of any size, is read completely."""
    text = json.dumps(list(alerts(3, 20, FROM, TO))).encode()
    chunks = (text[start : start + 1000] for start in range(0, len(text), 1000))
    answer = requests.post(f"{own_server.url}/__sandbox__/alerts", data=chunks, timeout=TIMEOUT_S)
    assert answer.json() == {"published": 20, "new": 20}


def test_a_chunk_without_a_length_ends_the_connection(own_server: FlashpointServer) -> None:
    """An invalid chunk ends the connection."""
    head = b"POST /__sandbox__/alerts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", own_server.port), TIMEOUT_S) as connection:
        connection.sendall(head + b"many\r\n[]\r\n")
        assert connection.recv(1) == b""


def test_it_speaks_tls_with_a_context(tmp_path: Path) -> None:
    """With a TLS context the server and its faults use TLS."""
    made = make_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.server_cert, made.server_key)
    with FlashpointServer(SETTINGS, ssl_context=context) as server:
        url = f"{server.url}/api/alerting/v1/alerts"
        server.faults.add(Fault("reset"))
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=TIMEOUT_S, verify=str(made.chain))
        status = requests.get(url, timeout=TIMEOUT_S, verify=str(made.chain)).status_code
    assert (url[:8], status) == ("https://", 401)


def test_the_log_shows_requests_without_secrets(own_server: FlashpointServer) -> None:
    """The log has method, path, query and status, but no token and no Authorization header."""
    get(
        own_server,
        "/api/v4/indicators/attribute?types=ip-dst%7Cport&api_key=hidden",
        Authorization="Bearer known.token",
        **{"X-FP-IntegrationPlatform": "Airflow"},
    )
    answer = get(own_server, "/__sandbox__/requests")
    (entry,) = answer.json()["requests"]
    assert answer.json()["count"] == 1
    assert (entry["method"], entry["path"], entry["query"], entry["status"], entry["fault"]) == (
        "GET", "/api/v4/indicators/attribute", "types=ip-dst%7Cport&api_key=***", 400, None,
    )  # fmt: skip
    assert entry["headers"]["X-FP-IntegrationPlatform"] == "Airflow"
    assert "known.token" not in answer.text


def test_the_log_is_forgotten_on_request(own_server: FlashpointServer) -> None:
    """DELETE on the log empties it."""
    get(own_server, "/api/v4/nothing")
    requests.delete(f"{own_server.url}/__sandbox__/requests", timeout=TIMEOUT_S)
    assert own_server.log.to_json() == {"count": 0, "requests": []}


def test_the_index_lists_every_route(server: FlashpointServer) -> None:
    """The first page of the control plane lists the API and the control itself."""
    listed = {(each["method"], each["path"]) for each in get(server, "/__sandbox__/").json()["routes"]}
    assert {
        ("GET", "/api/v4/indicators/attribute"),
        ("GET", "/api/alerting/v1/alerts"),
        ("POST", "/__sandbox__/faults"),
        ("POST", "/__sandbox__/indicators/touch"),
    } <= listed


def test_documents_are_published_over_the_control_plane(own_server: FlashpointServer) -> None:
    """Posted documents are served unchanged, and replace earlier versions."""
    documents = list(indicators(2, 120, FROM, TO, types=("domain",)))
    posted = [
        requests.post(f"{own_server.url}/__sandbox__/indicators", data=json.dumps(documents), timeout=TIMEOUT_S).json()
        for _ in range(2)
    ]
    served = get(own_server, "/api/v4/indicators/attribute?limit=1000", Authorization="Bearer known.token").json()
    assert posted == [{"published": 120, "new": 120}, {"published": 120, "new": 0}]
    by_identity = {each["fpid"]: each for each in served}
    assert by_identity == {each["fpid"]: each for each in documents}


def test_alerts_are_published_over_the_control_plane(own_server: FlashpointServer) -> None:
    """Posted alerts are in the expected result, oldest first."""
    documents = list(alerts(2, 40, FROM, TO))
    requests.post(f"{own_server.url}/__sandbox__/alerts", data=json.dumps(documents), timeout=TIMEOUT_S)
    expected = get(own_server, "/__sandbox__/expected/alerts").json()
    assert expected["count"] == 40
    assert set(expected["ids"]) == {each["alert_id"] for each in documents}


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("indicators", {"fpid": "x"}, "list of objects"),
        ("indicators", [{"type": "domain"}], "fpid"),
        ("alerts", [{"alert_id": "no uuid"}], "alert_id"),
        ("indicators/touch", {"fpid": "nobody"}, "nobody"),
        ("indicators/touch", {"colour": "red"}, "fpid"),
        ("indicators/bulk", {"type": "domain"}, "count"),
    ],
)
def test_invalid_control_requests_are_refused_by_name(
    own_server: FlashpointServer, path: str, body: object, named: str
) -> None:
    """An invalid control request is a 400 with the reason, and changes nothing."""
    answer = requests.post(f"{own_server.url}/__sandbox__/{path}", json=body, timeout=TIMEOUT_S)
    assert answer.status_code == 400
    assert named in answer.json()["detail"]
    assert len(own_server.store.indicators) == len(own_server.store.alerts) == 0


def test_bulk_indicators_are_published_over_the_control_plane(own_server: FlashpointServer) -> None:
    """Indicators of a block are served like others."""
    request = {"type": "sha256", "count": 5_000, "from": FROM.isoformat(), "to": TO.isoformat(), "columns": 8}
    requests.post(f"{own_server.url}/__sandbox__/indicators/bulk", json=request, timeout=TIMEOUT_S)
    answer = get(
        own_server,
        "/api/v4/indicators/attribute?types=sha256&limit=3&skip=4997",
        Authorization="Bearer known.token",
    )
    assert (answer.headers["x-fp-total-hits"], len(answer.json())) == ("5000", 3)


def test_a_server_that_is_not_started_has_no_address() -> None:
    """Reading the address before the start is an error that says so."""
    with pytest.raises(InvalidSettingError, match="before it is started"):
        _ = FlashpointServer().url


def test_a_stopped_server_breaks_its_connections_and_stops_once() -> None:
    """After ``stop`` an open connection is broken; a second ``stop`` does nothing."""
    server = FlashpointServer(SETTINGS).start()
    address = server.url
    with requests.Session() as session:
        assert session.get(f"{address}/__sandbox__/summary", timeout=TIMEOUT_S).status_code == 200
        server.stop()
        server.stop()
        with pytest.raises(requests.ConnectionError):
            session.get(f"{address}/__sandbox__/summary", timeout=TIMEOUT_S)


def test_latency_does_not_hold_a_server_that_stops() -> None:
    """A server with a latency of an hour stops at once."""
    with FlashpointServer(FlashpointSettings(token="t", latency_s=3600.0)) as server:
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{server.url}/api/alerting/v1/alerts", headers={"Authorization": "Bearer t"}, timeout=0.2)
        assert not server.log.requests()
