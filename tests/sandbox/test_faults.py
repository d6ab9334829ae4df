"""Scripted faults: when each fires, and its effect on a plain client."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
import requests

from sandbox.errors import InvalidSettingError
from sandbox.http_service.faults import Fault, FaultScript, retry_after_date
from sandbox.http_service.message import Request, Response
from sandbox.http_service.server import HttpServer, Route

TIMEOUT_S = 120


class Counter:
    """A service with one effect: it sums up posted numbers."""

    def __init__(self) -> None:
        self.total = 0

    def get(self, request: Request) -> Response:
        return Response.json({"total": self.total, "padding": "x" * 1000})

    def post(self, request: Request) -> Response:
        while piece := request.body.read(65_536):
            self.total += len(piece)
        return Response.json({"total": self.total})


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def server(counter: Counter) -> Iterator[HttpServer]:
    routes = [Route("GET", "/total", counter.get), Route("POST", "/total", counter.post)]
    with HttpServer(routes) as server:
        yield server


@pytest.fixture
def client() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def test_skip_and_times_bound_when_a_fault_fires() -> None:
    """A fault skips ``skip`` matching occasions, then fires ``times`` times."""
    fault = Fault("status", match="GET /a", skip=2, times=2)
    script = FaultScript([fault])
    occasions = ["GET /a", "GET /b", "GET /a", "GET /a", "GET /b", "GET /a", "GET /a"]
    assert [script.take(each) is fault for each in occasions] == [
        False,
        False,
        False,
        True,
        False,
        True,
        False,
    ]


def test_a_fault_without_times_never_ends() -> None:
    """``times=None`` fires at every occasion."""
    script = FaultScript([Fault("reset", times=None)])
    assert all(script.take("connection 1") for _ in range(50))


def test_the_next_fault_follows_when_the_first_is_spent() -> None:
    """Faults fire in the order of the script, one per occasion."""
    script = FaultScript([Fault("status", status=500), Fault("html")])
    kinds = [fault.kind if (fault := script.take("GET /")) else None for _ in range(3)]
    assert kinds == ["status", "html", None]


def test_firings_are_counted_one_by_one_across_threads() -> None:
    """Concurrent threads never take more than ``times``."""
    script = FaultScript([Fault("status", times=40)])
    taken: list[Fault | None] = []
    threads = [threading.Thread(target=lambda: taken.extend(script.take("GET /") for _ in range(20))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(fault is not None for fault in taken) == script.fired() == 40


def test_a_fault_survives_json() -> None:
    """``from_json`` reads the output of ``to_json``."""
    fault = Fault("status", match="POST", times=None, skip=3, status=429, headers={"Retry-After": "7"}, body={"a": 1})
    assert Fault.from_json(fault.to_json()) == fault


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"kind": "explode"}, "explode"),
        ({"kind": "status", "colour": "red"}, "colour"),
        ({"status": 500}, "kind"),
        (["status"], "kind"),
        ({"kind": "status", "match": "("}, "regular expression"),
        ({"kind": "status", "match": 5}, "regular expression"),
        ({"kind": "status", "when": "never"}, "never"),
        ({"kind": "status", "times": "3"}, "times"),
        ({"kind": "reset", "after_bytes": -1}, "after_bytes"),
        ({"kind": "stall", "stall_s": "long"}, "stall_s"),
        ({"kind": "status", "headers": ["Retry-After"]}, "headers"),
    ],
)
def test_a_wrong_fault_is_refused_by_name(value: object, named: str) -> None:
    """An invalid fault is refused with a message that names the error."""
    with pytest.raises(InvalidSettingError, match=named):
        Fault.from_json(value)


def test_status_keeps_the_request_from_having_an_effect(
    server: HttpServer, counter: Counter, client: requests.Session
) -> None:
    """A status fault replaces the handler's answer with the scripted status, headers and body."""
    server.faults.add(Fault("status", status=429, headers={"Retry-After": "3"}, body={"detail": "slow down"}))
    answer = client.post(f"{server.url}/total", data=b"x" * 100_000, timeout=TIMEOUT_S)
    assert (answer.status_code, answer.headers["Retry-After"], answer.json(), counter.total) == (
        429, "3", {"detail": "slow down"}, 0,
    )  # fmt: skip


def test_status_after_lets_the_request_have_its_effect(
    server: HttpServer, counter: Counter, client: requests.Session
) -> None:
    """With ``when="after"`` the handler runs and only its answer is lost."""
    server.faults.add(Fault("status", status=504, when="after"))
    answer = client.post(f"{server.url}/total", data=b"x" * 100, timeout=TIMEOUT_S)
    assert (answer.status_code, counter.total) == (504, 100)


def test_retry_after_date_lies_ahead() -> None:
    """The HTTP-date for Retry-After is now plus the delay, to the second."""
    ahead = parsedate_to_datetime(retry_after_date(3600)) - datetime.now(UTC)
    assert timedelta(seconds=3590) < ahead <= timedelta(seconds=3600)


def test_the_connection_lives_on_behind_a_status(server: HttpServer) -> None:
    """The unread body of a refused upload is not read as the next request on the connection."""
    server.faults.add(Fault("status", status=503))
    upload = b"POST /total HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as connection:
        connection.sendall(upload + b"GET /total HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with connection.makefile("rb") as answers:
            assert re.findall(rb"HTTP/1.1 (\d+)", answers.read()) == [b"503", b"200"]


@pytest.mark.parametrize(("status", "expected"), [(None, 502), (200, 200)])
def test_html_looks_like_a_proxy(
    server: HttpServer, client: requests.Session, status: int | None, expected: int
) -> None:
    """An html fault answers an HTML page, with 502 or the given status."""
    server.faults.add(Fault("html", status=status))
    answer = client.get(f"{server.url}/total", timeout=TIMEOUT_S)
    assert answer.status_code == expected
    assert answer.headers["Content-Type"] == "text/html"
    assert answer.text.startswith("<html>")


def test_malformed_is_a_success_without_valid_json(server: HttpServer, client: requests.Session) -> None:
    """A malformed fault answers 200 with truncated JSON."""
    server.faults.add(Fault("malformed"))
    answer = client.get(f"{server.url}/total", timeout=TIMEOUT_S)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize("when", ["before", "after"])
def test_reset_breaks_the_connection(server: HttpServer, counter: Counter, client: requests.Session, when: str) -> None:
    """A reset leaves the client without an answer, before or after the effect of the request."""
    server.faults.add(Fault.from_json({"kind": "reset", "when": when}))
    with pytest.raises(requests.ConnectionError):
        client.post(f"{server.url}/total", data=b"x" * 10, timeout=TIMEOUT_S)
    assert counter.total == (10 if when == "after" else 0)


def test_reset_is_a_reset(server: HttpServer) -> None:
    """A reset ends the connection with RST, which a client can distinguish from an orderly end."""
    server.faults.add(Fault("reset"))
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as connection:
        connection.sendall(b"GET /total HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_reset_inside_the_body(server: HttpServer, client: requests.Session) -> None:
    """A reset after some bytes breaks the body of an answer."""
    server.faults.add(Fault("reset", after_bytes=10))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.get(f"{server.url}/total", timeout=TIMEOUT_S).json()


def test_reset_inside_an_upload(server: HttpServer, counter: Counter, client: requests.Session) -> None:
    """A reset after received bytes ends an upload without an effect."""
    server.faults.add(Fault("reset", after_received_bytes=200_000))
    with pytest.raises(requests.ConnectionError):
        client.post(f"{server.url}/total", data=b"x" * 5_000_000, timeout=TIMEOUT_S)
    assert counter.total == 0


@pytest.mark.parametrize(("after_bytes", "read"), [(None, 512), (12, 12), (0, 0)])
def test_cut_sends_less_than_it_promised(
    server: HttpServer, client: requests.Session, after_bytes: int | None, read: int
) -> None:
    """A cut body ends in order after half of its Content-Length, or after the given bytes."""
    server.faults.add(Fault("cut", after_bytes=after_bytes))
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match=rf"IncompleteRead\({read} bytes read"):
        client.get(f"{server.url}/total", timeout=TIMEOUT_S)


def test_stall_outlasts_a_client_that_gives_up(server: HttpServer, counter: Counter, client: requests.Session) -> None:
    """A stall without a duration delays the answer until it is released; then the request goes on."""
    server.faults.add(Fault("stall"))
    with pytest.raises(requests.ReadTimeout):
        client.post(f"{server.url}/total", data=b"x", timeout=0.2)
    assert counter.total == 0
    server.faults.release()
    assert client.get(f"{server.url}/total", timeout=TIMEOUT_S).status_code == 200


def test_stall_with_seconds_goes_on_by_itself(server: HttpServer, counter: Counter, client: requests.Session) -> None:
    """A stall of some seconds is followed by the handler's answer."""
    server.faults.add(Fault("stall", stall_s=0.01))
    assert client.post(f"{server.url}/total", data=b"xy", timeout=TIMEOUT_S).json() == {"total": 2}


def test_stall_inside_the_body_is_released_by_its_event(server: HttpServer, client: requests.Session) -> None:
    """After a stall within the body, its own event releases the rest."""
    released = threading.Event()
    server.faults.add(Fault("stall", after_bytes=5, released=released))
    with client.get(f"{server.url}/total", stream=True, timeout=TIMEOUT_S) as answer:
        first = answer.raw.read(5)
        released.set()
        assert first + answer.raw.read() == b'{"total":0,"padding":"' + b"x" * 1000 + b'"}'


def test_stopping_ends_a_stall() -> None:
    """A server that stops does not wait for a stall; the client sees the end of the connection."""
    failures: list[Exception] = []

    def ask(url: str) -> None:
        try:
            requests.get(f"{url}/total", timeout=TIMEOUT_S)
        except requests.RequestException as error:
            failures.append(error)

    with HttpServer([Route("GET", "/total", lambda request: Response.json("x" * 10_000_000))]) as server:
        server.faults.add(Fault("stall"))
        asker = threading.Thread(target=ask, args=(server.url,))
        asker.start()
        while not server.faults.fired():
            threading.Event().wait(0.005)
    asker.join(TIMEOUT_S)
    assert not asker.is_alive()


def test_faults_are_scripted_over_the_control_plane(server: HttpServer, client: requests.Session) -> None:
    """POST adds faults, GET counts their firings, DELETE forgets them; none applies to the control plane."""
    control = f"{server.url}/__sandbox__/faults"
    added = client.post(control, json=[{"kind": "status", "match": "GET", "times": None}], timeout=TIMEOUT_S)
    statuses = [client.get(f"{server.url}/total", timeout=TIMEOUT_S).status_code for _ in range(2)]
    listed = client.get(control, timeout=TIMEOUT_S).json()
    client.delete(control, timeout=TIMEOUT_S)
    statuses.append(client.get(f"{server.url}/total", timeout=TIMEOUT_S).status_code)
    assert added.status_code == 201
    assert statuses == [503, 503, 200]
    assert listed == {
        "fired": 2,
        "faults": [{"kind": "status", "match": "GET", "times": None, "matched": 2, "fired": 2}],
    }


def test_a_wrong_fault_over_the_control_plane_adds_nothing(server: HttpServer, client: requests.Session) -> None:
    """One invalid fault refuses the whole list."""
    faults = [{"kind": "status"}, {"kind": "explode"}]
    answer = client.post(f"{server.url}/__sandbox__/faults", json=faults, timeout=TIMEOUT_S)
    assert (answer.status_code, server.faults.to_json()) == (400, [])
