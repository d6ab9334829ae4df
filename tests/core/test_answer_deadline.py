"""An answer ends in time in each of its parts, also in those that come before the first byte of its body."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import airflow_provider_flashpoint
from airflow_provider_flashpoint.core.devo.events.http import HttpChannel, ingestion_client
from airflow_provider_flashpoint.core.devo.queries import QueryClient
from airflow_provider_flashpoint.core.http.client import HttpClient, Request
from airflow_provider_flashpoint.core.http.session import new_session, trust
from airflow_provider_flashpoint.errors import NetworkError
from tests.core.devo.devo_peers import issue, server_context

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = OK + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n"


def _gzip(content: bytes, flush: int) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(content) + packer.flush(flush)


ENDLESS = {
    "status line": (b"", b"H"),
    "header": (OK + b"X-Odd: ", b"a"),
    "headers of an error": (b"HTTP/1.1 503 Busy\r\nX-Odd: ", b"a"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (OK + b"Content-Length: 100000\r\n\r\n", b" "),
    "body without a length": (OK + b"\r\n", b" "),
    "line of a chunk": (CHUNKED + b"2;", b"a"),
    "trailer": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n"),
    "header of gzip": (GZIP + b"\x1f\x8b\x08\x08" + bytes(6), b"n"),
    "empty blocks of gzip": (GZIP + _gzip(b"{", zlib.Z_FULL_FLUSH), b"\x00\x00\x00\xff\xff"),
    "empty members of gzip": (GZIP, _gzip(b"", zlib.Z_FINISH)),
}


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Return a function that starts a server, whose answer begins and then repeats a text for ever."""
    ended, listeners = threading.Event(), []

    def answer(listener: socket.socket, begin: bytes, again: bytes, tls: ssl.SSLContext | None) -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with tls.wrap_socket(connection, server_side=True) if tls else connection as peer:
                    peer.recv(1 << 16)
                    peer.sendall(begin)
                    while not ended.wait(0.01):
                        peer.sendall(again)

    def start(begin: bytes, again: bytes, tls: ssl.SSLContext | None = None) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=answer, args=(listener, begin, again, tls), daemon=True).start()
        return f"{'https://localhost' if tls else 'http://127.0.0.1'}:{listener.getsockname()[1]}"

    yield start
    ended.set()
    for listener in listeners:
        listener.close()


def client(url: str, *, answer_s: float = 0.3) -> HttpClient:
    return HttpClient(new_session(answer_s=answer_s), base_url=url, service="Service", max_attempts=1)


@pytest.mark.parametrize("part", ENDLESS)
def test_an_answer_ends_in_time_whatever_part_of_it_does_not(serve: Callable[..., str], part: str) -> None:
    """An answer that goes on byte by byte is an error after its time, which another attempt may cure."""
    start = time.monotonic()
    with pytest.raises(NetworkError, match=r"^Service GET \S+/x: no answer in time\.$"):
        client(serve(*ENDLESS[part])).read_json(Request("GET", "/x"))
    assert time.monotonic() - start < 60


@pytest.mark.parametrize("part", ["status line", "header", "trailer", "empty blocks of gzip"])
def test_an_answer_over_tls_ends_in_time(serve: Callable[..., str], part: str, tmp_path: Path) -> None:
    """The time counts for encrypted answers too."""
    authority = issue("authority")
    http = client(serve(*ENDLESS[part], server_context(issue("localhost", authority), tmp_path)))
    trust(http.session, authority.cert)
    with pytest.raises(NetworkError, match="no answer in time"):
        http.read_json(Request("GET", "/x"))


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 Connected\r\nX-Odd: ", b"HTTP/1.1 407 No\r\n\r\n"])
def test_a_proxy_answers_in_time(serve: Callable[..., str], begin: bytes) -> None:
    """The answer of a proxy, before the tunnel is open, ends in time or is refused."""
    http = client("https://service.invalid")
    http.session.proxies = {"https": serve(begin, b"a")}
    start = time.monotonic()
    with pytest.raises(NetworkError):
        http.read_json(Request("GET", "/x"))
    assert time.monotonic() - start < 60


@pytest.mark.parametrize("part", ["header", "body", "empty blocks of gzip"])
def test_an_answer_to_a_query_ends_in_time(serve: Callable[..., str], part: str) -> None:
    """An answer that is read as a stream ends in time too."""
    query = QueryClient(client(serve(*ENDLESS[part]))).id_counts("my.app.x", "id", since=datetime.now(UTC))
    with pytest.raises(NetworkError, match="no answer in time"):
        list(query)


@pytest.mark.parametrize("part", ["header", "body", "trailer"])
def test_an_answer_of_the_http_ingestion_ends_in_time(serve: Callable[..., str], part: str) -> None:
    """The connections that know the token of the HTTP ingestion have a deadline too."""
    http = ingestion_client(serve(*ENDLESS[part]), "made-up", answer_s=0.3)
    with pytest.raises(NetworkError, match="no answer in time"):
        HttpChannel(http, domain="d", tag="my.app.x").send(b"x")


def test_every_session_of_the_package_has_a_deadline() -> None:
    """No module makes its session or adapter by itself."""
    package = Path(airflow_provider_flashpoint.__file__).parent
    own = {
        path.name
        for path in package.rglob("*.py")
        if re.search(
            r"requests\.Session\(|\((HTTP|TCPKeepAlive)Adapter\)|requests\.(get|post|put|request)\(",
            path.read_text("utf-8"),
        )
    }
    assert own == {"session.py", "deadline.py"}


def test_a_connection_outlives_the_time_of_an_answer() -> None:
    """The time begins with each answer, also over a connection that stays open."""
    listener = socket.create_server(("127.0.0.1", 0))
    accepted = []

    def answer() -> None:
        connection, _ = listener.accept()
        accepted.append(connection)
        while connection.recv(1 << 16):
            time.sleep(1.5)
            connection.sendall(OK + b"Content-Length: 2\r\n\r\n{}")

    threading.Thread(target=answer, daemon=True).start()
    http = client(f"http://127.0.0.1:{listener.getsockname()[1]}", answer_s=4)
    assert [http.read_json(Request("GET", "/x")) for _ in range(3)] == [{}] * 3
    http.close()
    listener.close()
    assert len(accepted) == 1
