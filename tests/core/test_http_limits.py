"""An answer is bounded in bytes after decompression and in time, whatever its status."""

from __future__ import annotations

import gzip
import itertools
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from requests_mock import Mocker

from airflow_provider_flashpoint.core.http.body import AnswerLimits
from airflow_provider_flashpoint.core.http.client import HttpClient, Request
from airflow_provider_flashpoint.errors import DataError, FlashpointProviderError, NetworkError

BASE = "https://service.example"
MIB = 1 << 20
BOMB = gzip.compress(bytes(100 * MIB), 9)


def client(base_url: str = BASE, *, max_attempts: int = 2, **limits: Any) -> HttpClient:
    return HttpClient(
        requests.Session(),
        base_url=base_url,
        service="Service",
        max_attempts=max_attempts,
        limits=AnswerLimits(**limits),
        sleep=lambda _: None,
    )


def _read_stream(http: HttpClient, request: Request) -> Any:
    stream = Request(request.method, request.path, stream=True)
    return http.read(stream, lambda response: http.body(stream, response))


WAYS: list[Callable[[HttpClient, Request], Any]] = [HttpClient.send, HttpClient.read_json, _read_stream]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", BOMB),
        ("deflate", zlib.compress(bytes(100 * MIB), 9)),
        ("gzip, gzip", gzip.compress(BOMB)),
        ("gzip", gzip.compress(bytes(3 * MIB))),
        ("identity", b"x" * (2 * MIB + 1)),
        ("", b"x" * (3 * MIB)),
    ],
    ids=["gzip", "deflate", "gzip twice", "little too large", "plain by one byte", "plain"],
)
def test_an_answer_is_bounded_in_bytes(requests_mock: Mocker, way: Any, encoding: str, content: bytes) -> None:
    """A body beyond the limit is an error after one attempt, and never in memory as a whole."""
    requests_mock.get(f"{BASE}/x", content=content, headers={"Content-Encoding": encoding})
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"Service GET \S+/x: the answer has more than 2097152 bytes"):
            way(client(max_bytes=2 * MIB), Request("GET", "/x"))
        assert tracemalloc.get_traced_memory()[1] < 20 * MIB
    finally:
        tracemalloc.stop()
    assert requests_mock.call_count == 1


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 429, 500, 503])
def test_an_error_body_is_bounded_in_bytes(requests_mock: Mocker, status: int) -> None:
    """The status of an error counts although its body is too large to be read."""
    requests_mock.get(f"{BASE}/x", status_code=status, content=BOMB, headers={"Content-Encoding": "gzip"})
    tracemalloc.start()
    try:
        with pytest.raises(FlashpointProviderError, match=f"status {status}"):
            client().send(Request("GET", "/x"))
        assert tracemalloc.get_traced_memory()[1] < 20 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 1, MIB, 2 * MIB])
@pytest.mark.parametrize("encode", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_an_answer_within_the_limit_is_whole(requests_mock: Mocker, size: int, encode: Any) -> None:
    """Up to the limit, a body comes as it was sent."""
    encoding = "gzip" if encode is gzip.compress else "identity"
    requests_mock.get(f"{BASE}/x", content=encode(b"x" * size), headers={"Content-Encoding": encoding})
    assert client(max_bytes=2 * MIB).send(Request("GET", "/x")).content == b"x" * size


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server that announces a long body and sends it byte by byte."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                status = b"503 Busy" if b"/busy" in connection.recv(1 << 16) else b"200 OK"
                connection.sendall(b"HTTP/1.1 %b\r\nContent-Length: 100000\r\n\r\n" % status)
                try:
                    while not ended.wait(0.01):
                        connection.sendall(b" ")
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    ended.set()
    listener.close()


class _SlowAttempts(requests.adapters.BaseAdapter):
    """Lets time pass in each attempt, and ends it without an answer."""

    def __init__(self, attempt_s: float) -> None:
        super().__init__()
        self.attempt_s = attempt_s
        self.now_s = 0.0
        self.attempts = 0

    def send(self, *_: Any, **__: Any) -> Any:
        self.attempts += 1
        self.now_s += self.attempt_s
        raise requests.ReadTimeout

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("attempt_s", "attempts"),
    [(900.0, 1), (901.0, 1), (1e9, 1), (500.0, 2), (460.0, 2), (440.0, 3), (299.0, 3), (120.0, 6), (0.0, 6)],
)
@pytest.mark.parametrize("way", WAYS)
def test_a_request_is_bounded_in_time_with_its_retries(way: Any, attempt_s: float, attempts: int) -> None:
    """After 15 minutes a request is not sent again, however many attempts and waits are left."""
    slow = _SlowAttempts(attempt_s)
    session = requests.Session()
    session.mount(BASE, slow)
    limits = AnswerLimits(clock=lambda: slow.now_s)
    http = HttpClient(session, base_url=BASE, service="Service", limits=limits, sleep=slow.sleep)
    with pytest.raises(NetworkError):
        way(http, Request("GET", "/x"))
    assert slow.attempts == attempts


def _lines(content: Any, headers: dict[str, str] | None = None, **limits: Any) -> list[bytes]:
    with Mocker() as mocker:
        mocker.get(f"{BASE}/x", content=content, headers=headers or {})
        response = requests.get(f"{BASE}/x", stream=True)
        return list(AnswerLimits(**limits).lines(response, name="Service"))


@pytest.mark.parametrize(
    ("content", "headers", "limits", "message"),
    [
        (b"x" * (3 * MIB), {}, {}, "a line of more than 1048576 bytes"),
        (b"{}\n" + b" " * (2 * MIB) + b"\n{}", {}, {}, "a line of more than 1048576 bytes"),
        (gzip.compress(bytes(100 * MIB), 9), {"Content-Encoding": "gzip"}, {}, "a line of more than 1048576 bytes"),
        (b"{}\n" * MIB, {}, {"max_bytes": MIB}, "more than 1048576 bytes after decompression"),
        (
            gzip.compress(b"{}\n" * 40 * MIB),
            {"Content-Encoding": "gzip"},
            {"max_bytes": MIB},
            "more than 1048576 bytes",
        ),
        (b"{}\n" * MIB, {}, {"clock": itertools.count(0, 400).__next__}, "not complete after 900 s"),
    ],
    ids=["endless line", "long line", "line in gzip", "bytes", "bytes in gzip", "time"],
)
def test_a_streamed_answer_is_bounded(content: bytes, headers: dict[str, str], limits: Any, message: str) -> None:
    """Lines that are read as they come are bounded too: all of them in bytes and in time, and each in its length."""
    tracemalloc.start()
    try:
        with pytest.raises((DataError, NetworkError), match=message):
            _lines(content, headers, **limits)
        assert tracemalloc.get_traced_memory()[1] < 100 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "content", [b"", b"a", b"a\n", b"a\nb", b"\n\n", b"a\r\nb\r\n", b"x" * MIB + b"\n" + b"y" * MIB]
)
def test_lines_are_whole(content: bytes) -> None:
    """Lines within the limits come as they were sent."""
    assert b"\n".join(_lines(content)) == content


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_is_bounded_in_time(dripping: str, way: Any) -> None:
    """A body that arrives byte by byte is an error after the limit, which another attempt may cure."""
    with pytest.raises(NetworkError, match=r"Service GET \S+/x: the answer was not complete after 0\.2 s"):
        way(client(dripping, max_attempts=1, max_s=0.2), Request("GET", "/x"))


def test_an_error_body_is_bounded_in_time(requests_mock: Mocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status of an error counts although its body takes too long."""
    ticks = itertools.count(0, 100)
    limits = AnswerLimits(max_s=30.0, clock=lambda: float(next(ticks)))
    monkeypatch.setattr("airflow_provider_flashpoint.core.http.client._ERROR_LIMITS", limits)
    requests_mock.get(f"{BASE}/x", status_code=503, json={"message": "busy"})
    with pytest.raises(FlashpointProviderError, match=r"status 503\."):
        client().send(Request("GET", "/x"))


def test_a_slow_answer_that_moves_is_whole(requests_mock: Mocker) -> None:
    """An answer that ends within the limit is read, however many parts it has."""
    ticks = itertools.count()
    limits = {"max_s": 1000.0, "clock": lambda: float(next(ticks))}
    requests_mock.get(f"{BASE}/x", content=b"x" * MIB)
    assert len(client(**limits).send(Request("GET", "/x")).content) == MIB
