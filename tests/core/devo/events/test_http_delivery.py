"""Events to the sandbox Devo over HTTP, with every way in which a request can fail."""

from __future__ import annotations

import gzip
import http.client
import logging
import queue
import socket
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from devo_peers import FakeClock, Peer

from airflow_provider_flashpoint.core.devo.events.http import MAX_REQUEST_BYTES, HttpChannel, ingestion_client
from airflow_provider_flashpoint.core.devo.events.writer import EventWriter, encode
from airflow_provider_flashpoint.errors import (
    AuthenticationError,
    ConfigurationError,
    DataError,
    DeliveryError,
    ForbiddenError,
    NetworkError,
    RateLimitedError,
    RejectedError,
    ServerError,
)
from sandbox.devo.server import DevoServer
from sandbox.devo.settings import DevoSettings
from sandbox.http_service.faults import Fault

TAG = "threatintel.flashpoint.intelligence.alerts"
EVENTS = [encode({"id": f"{number:05}", "body": "x" * 980}) for number in range(60_000)]
EVENTS_IN_SEND = HttpChannel.send_bytes // len(EVENTS[0])
TOKEN = "a/token?of 32 characters#100%abc"


@pytest.fixture(scope="module")
def _running(certificates_directory: Path) -> Iterator[DevoServer]:
    with DevoServer(DevoSettings(directory=certificates_directory, domain="a domain", http_token=TOKEN)) as server:
        yield server


@pytest.fixture
def devo(_running: DevoServer) -> Iterator[DevoServer]:
    """A sandbox Devo without events, whose token and domain must be quoted in a URL."""
    yield _running
    _running.faults.clear()
    _running.tables.clear()
    _running.http.log.clear()


def channel_to(url: str, *, token: str = TOKEN, tag: str = TAG, **options: Any) -> HttpChannel:
    return HttpChannel(ingestion_client(url, token, **options), domain="a domain", tag=tag)


def writer_to(devo: DevoServer, **options: Any) -> EventWriter:
    return EventWriter(channel_to(devo.url, sleep=lambda _: None), **({"sleep": lambda _: None} | options))


def assert_arrived(devo: DevoServer, *, repeated: int) -> None:
    """Check that each event arrived, and exactly so many were repeated."""
    count = devo.tables.ids(TAG, "id")
    assert count.distinct == len(EVENTS)
    assert count.duplicates == repeated


def test_healthy_peer_gets_each_event_once(devo: DevoServer) -> None:
    """Without a fault, every event arrives once and in order, many in a request."""
    with writer_to(devo) as writer:
        writer.write(EVENTS)
        assert writer.confirm() == len(EVENTS)
    assert [f"{message}\n".encode() for message in devo.tables.messages(TAG)] == EVENTS
    assert writer.statistics.sends == writer.statistics.confirms == -(-len(EVENTS) // EVENTS_IN_SEND)


FAULTS = {
    "reset before anything is read": (Fault("reset", "POST /stream", skip=2), 0),
    "reset in the body": (Fault("reset", "POST /stream", skip=2, after_received_bytes=3000), 0),
    "server error": (Fault("status", "POST /stream", skip=2, status=500), 0),
    "gateway": (Fault("html", "POST /stream", skip=2), 0),
    "web page": (Fault("html", "POST /stream", skip=2, status=200), 0),
    "asked to wait": (Fault("status", "POST /stream", skip=2, status=429, headers={"Retry-After": "1"}), 0),
    "answer lost": (Fault("reset", "POST /stream", skip=2, when="after"), EVENTS_IN_SEND),
    "answer lost to a gateway": (Fault("status", "POST /stream", skip=2, when="after", status=504), EVENTS_IN_SEND),
}


@pytest.mark.parametrize(("fault", "repeated"), FAULTS.values(), ids=list(FAULTS))
def test_fault_loses_nothing(devo: DevoServer, fault: Fault, repeated: int) -> None:
    """However a request fails, none of 60,000 events is lost, and at most one request arrives twice."""
    devo.faults.add(fault)
    with writer_to(devo) as writer:
        writer.write(EVENTS)
    assert writer.statistics.repeated == EVENTS_IN_SEND
    assert_arrived(devo, repeated=repeated)


def test_every_other_answer_lost(devo: DevoServer) -> None:
    """Each of many lost answers in one run repeats one request, and loses no event."""
    devo.faults.add(*[Fault("reset", "POST /stream", skip=2 * turn, when="after") for turn in range(5)])
    with writer_to(devo) as writer:
        writer.write(EVENTS)
    assert_arrived(devo, repeated=5 * EVENTS_IN_SEND)


def test_wait_is_as_long_as_devo_asks(devo: DevoServer, clock: FakeClock) -> None:
    """Retry-After of a transient refusal is the wait before the next attempt."""
    devo.faults.add(Fault("status", status=429, headers={"Retry-After": "17"}), Fault("status", status=503))
    with writer_to(devo, sleep=clock.sleep) as writer:
        writer.write(EVENTS[:1])
    assert clock.sleeps == [17.0, 2.0]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RejectedError),
        (401, AuthenticationError),
        (403, ForbiddenError),
        (404, RejectedError),
        (413, RejectedError),
        (302, RejectedError),
    ],
)
def test_refusal_is_not_repeated(devo: DevoServer, status: int, kind: type[Exception]) -> None:
    """A permanent refusal is raised at once, and the events stay unconfirmed."""
    devo.faults.add(Fault("status", status=status, times=None))
    writer = writer_to(devo)
    writer.write(EVENTS[:3])
    with pytest.raises(kind, match=f"status {status}"):
        writer.confirm()
    assert writer.unconfirmed == 3
    assert devo.faults.fired() == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"error": {"message": "no such domain", "code": 403}}, RejectedError),
        ({"status": 400, "msg": "no such domain"}, RejectedError),
        ({"error": "no such domain"}, DeliveryError),
        ({"errors": [{"message": "no such domain"}]}, DeliveryError),
        ({"success": False, "message": "no such domain"}, DeliveryError),
        ({"code": 500, "object": ["Error", "no such domain"]}, DeliveryError),
    ],
)
def test_error_under_status_200_confirms_nothing(devo: DevoServer, answer: Any, kind: type[Exception]) -> None:
    """If the answer to events is an error under status 200, they stay unconfirmed, and the error has Devo's reason."""
    devo.faults.add(Fault("status", status=200, times=None, body=answer))
    writer = writer_to(devo, max_attempts=2)
    writer.write(EVENTS[:3])
    with pytest.raises(kind, match="no such domain"):
        writer.confirm()
    assert writer.unconfirmed == 3


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimitedError), (503, ServerError)])
def test_error_counts_the_events_when_attempts_run_out(devo: DevoServer, status: int, kind: type[Exception]) -> None:
    """After the last attempt, the error has the number of lines and Devo's last answer."""
    devo.faults.add(Fault("status", status=status, times=None))
    writer = writer_to(devo, max_attempts=3)
    writer.write(EVENTS[:3])
    with pytest.raises(DeliveryError, match=f"3 lines in 3 attempts.*status {status}") as caught:
        writer.confirm()
    assert caught.value.unconfirmed == 3
    assert isinstance(caught.value.__cause__, kind)


def test_silence_is_a_break(devo: DevoServer) -> None:
    """If an answer does not come in time, the request is sent again."""
    devo.faults.add(Fault("stall", "POST /stream", when="after"))
    with EventWriter(channel_to(devo.url, timeout_s=(10.0, 2.0)), sleep=lambda _: None) as writer:
        writer.write(EVENTS[:3])
    assert devo.tables.ids(TAG, "id").duplicates == 3


def test_longest_line_is_what_a_request_may_hold(devo: DevoServer) -> None:
    """A line as long as a request is sent by itself; a longer one is refused when it is encoded."""
    writer = writer_to(devo)
    longest = writer.encode("x" * (MAX_REQUEST_BYTES - 3))
    with pytest.raises(DataError, match=f"{MAX_REQUEST_BYTES + 1} bytes"):
        writer.encode("x" * (MAX_REQUEST_BYTES - 2))
    with writer:
        writer.write([EVENTS[0], longest, EVENTS[1]])
    assert [len(message) + 1 for message in devo.tables.messages(TAG)] == [
        len(EVENTS[0]),
        MAX_REQUEST_BYTES,
        len(EVENTS[1]),
    ]
    assert writer.statistics.sends == 3


def test_tag_is_checked_before_anything_is_sent(devo: DevoServer) -> None:
    """A tag that would change the URL is refused."""
    with pytest.raises(ConfigurationError, match="Invalid Devo tag"):
        channel_to(devo.url, tag="my.app/../x")


def test_no_connection_stays_open(peer: Callable[[Callable[[socket.socket], None]], Peer]) -> None:
    """Closing a writer closes its connection to Devo, and so does a check."""
    ended: queue.Queue[int] = queue.Queue()

    def answer_to_the_end(connection: socket.socket) -> None:
        connection.settimeout(60)  # so that a connection that stays open ends the test
        requests = 0
        with connection.makefile("rb") as reader:
            while reader.readline():
                headers = http.client.parse_headers(reader)
                reader.read(int(headers["Content-Length"]))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                requests += 1
        ended.put(requests)

    channel = channel_to(f"http://127.0.0.1:{peer(answer_to_the_end).port}")
    with EventWriter(channel, send_bytes=1) as writer:
        writer.write(EVENTS[:2])
    assert ended.get(timeout=60) == 2
    channel.check()
    assert ended.get(timeout=60) == 1


def test_host_cannot_lead_elsewhere(devo: DevoServer) -> None:
    """Characters that host names do not have become a dash."""
    HttpChannel(ingestion_client(devo.url, TOKEN), domain="a domain", tag=TAG, host="a b/../c").send(
        gzip.compress(b"x\n")
    )
    header = devo.tables.events(TAG)[0].header
    assert header is not None
    assert header.host == "a-b-..-c"


def test_check_sends_no_event(devo: DevoServer) -> None:
    """The check sends one request, and leaves nothing in Devo."""
    channel_to(devo.url).check()
    assert devo.tables.names() == []
    assert [request.status for request in devo.http.log.requests("POST")] == [200]


def test_check_finds_a_wrong_token(devo: DevoServer) -> None:
    """The check finds an unknown token."""
    with pytest.raises(AuthenticationError, match="status 401"):
        channel_to(devo.url, token="guess").check()


def test_check_tolerates_that_nothing_was_sent(devo: DevoServer) -> None:
    """A front end that refuses a request because it is empty has accepted the token."""
    devo.faults.add(Fault("status", status=400))
    channel_to(devo.url).check()


@pytest.mark.parametrize(
    "fault",
    [
        None,
        Fault("reset"),
        Fault("cut"),
        Fault("html"),
        Fault("status", status=302, headers={"Location": "/elsewhere"}),
        Fault("status", status=401, body={"message": f"The token {TOKEN} is unknown"}),
        Fault("status", status=500, body={"message": f"no {TOKEN}"}),
    ],
    ids=["none", "reset", "cut", "html", "302", "401", "500"],
)
def test_token_is_never_told(devo: DevoServer, fault: Fault | None, caplog: pytest.LogCaptureFixture) -> None:
    """No log of any level, and no error with its causes, contains the token, plain or quoted."""
    caplog.set_level(logging.DEBUG)
    told = ""
    devo.faults.add(*([fault] if fault else []))
    try:
        with writer_to(devo, max_attempts=1) as writer:
            writer.write(EVENTS[:1])
    except (RejectedError, AuthenticationError, DeliveryError) as error:
        told = "".join(traceback.format_exception(error))
    assert caplog.records
    assert bool(told) == (fault is not None and fault.kind != "cut")
    for form in (TOKEN, "a%2Ftoken", "token%3Fof"):
        assert form not in caplog.text + told


def test_token_is_never_told_where_nobody_answers(caplog: pytest.LogCaptureFixture) -> None:
    """Errors of the connection itself do not contain the token either."""
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(NetworkError) as caught:
        channel_to(f"http://127.0.0.1:{port}").send(b"")
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "token!***" in told
    assert "a%2Ftoken" not in told


def test_token_stays_hidden_behind_a_proxy(
    devo: DevoServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a proxy events arrive as well, and no log contains the token."""
    caplog.set_level(logging.DEBUG)
    for name, value in {"http_proxy": devo.url, "no_proxy": "", "NO_PROXY": ""}.items():
        monkeypatch.setenv(name, value)
    with EventWriter(channel_to("http://devo.invalid")) as writer:
        writer.write(EVENTS[:1])
    assert devo.tables.count(TAG) == 1
    assert "devo.invalid/stream" in caplog.text
    assert "a%2Ftoken" not in caplog.text
