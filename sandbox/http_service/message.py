"""Requests, request bodies and responses of the sandbox's HTTP servers."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

_MAX_CHUNK_HEADER_BYTES = 1024


@dataclass(frozen=True)
class Response:
    """An answer. The server adds ``Content-Length``."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def json(cls, value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """Return an answer with ``value`` as JSON."""
        return cls(status, {"Content-Type": "application/json"} | dict(headers or {}), encode_json(value))


class Refusal(Exception):
    """Ends a handler early with a JSON answer."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        self.response = Response.json(body, status=status, headers=headers)
        super().__init__(status)


@dataclass(frozen=True)
class Request:
    """A request for a handler.

    ``path`` is as sent, without the query. ``query`` maps each name to its decoded values, empty ones included;
    ``raw_query`` is as sent. ``body`` is a binary file that reads from the connection, so that an upload does not
    fill memory. ``groups`` are the named groups of the route's pattern.
    """

    method: str
    path: str
    query: dict[str, list[str]]
    raw_query: str
    headers: Message
    body: BinaryIO
    groups: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, method: str, target: str, headers: Message, body: BinaryIO) -> Request:
        """Return the request with its target split into path and query."""
        split = urlsplit(target)
        query = parse_qs(split.query, keep_blank_values=True, errors="replace")
        return cls(method, split.path, query, split.query, headers, body)

    def json(self) -> Any:
        """Read the whole body and return it as JSON.

        :raises Refusal: 400, the body is not JSON.
        """
        try:
            return json.loads(self.body.read())
        except ValueError as error:
            raise Refusal(400, {"detail": "The body is not JSON"}) from error

    def drain(self) -> None:
        """Read and discard the rest of the body."""
        while self.body.read(65_536):
            pass


def encode_json(value: Any) -> bytes:
    """Return compact JSON in UTF-8, or in ASCII with escapes if a text has lone surrogates."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def body_reader(stream: io.BufferedIOBase, headers: Message) -> io.BufferedReader:
    """Return the body that follows ``headers`` on ``stream``: chunked, of a known length, or empty.

    :raises Refusal: 400, the length is not a number.
    """
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        return io.BufferedReader(_ChunkedBody(stream))
    length = headers.get("Content-Length", "0").strip()
    if not re.fullmatch(r"\d{1,15}", length):
        raise Refusal(400, {"detail": "Content-Length is not a number"})
    return io.BufferedReader(_FixedBody(stream, int(length)))


class _FixedBody(io.RawIOBase):
    """A body of ``length`` bytes."""

    def __init__(self, stream: io.BufferedIOBase, length: int) -> None:
        self._stream = stream
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._left)
        if not wanted:
            return 0
        count = self._stream.readinto1(memoryview(buffer)[:wanted])
        if not count:
            raise ConnectionAbortedError("the client went away inside the body")
        self._left -= count
        return count


class _ChunkedBody(io.RawIOBase):
    """A body in chunks, each preceded by its length in hexadecimal. Trailers are skipped."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self._left = 0
        self._started = False
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left and not self._ended:
            self._next_chunk()
        if self._ended:
            return 0
        wanted = min(len(buffer), self._left)
        count = self._stream.readinto1(memoryview(buffer)[:wanted])
        if not count:
            raise ConnectionAbortedError("the client went away inside a chunk")
        self._left -= count
        return count

    def _next_chunk(self) -> None:
        if self._started:
            self._line()
        self._started = True
        size = self._line().split(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,12}", size):
            raise ConnectionAbortedError("the length of a chunk is not hexadecimal")
        self._left = int(size, 16)
        if not self._left:
            while self._line().strip():
                pass
            self._ended = True

    def _line(self) -> bytes:
        line = self._stream.readline(_MAX_CHUNK_HEADER_BYTES)
        if not line.endswith(b"\n"):
            raise ConnectionAbortedError("the client went away between chunks")
        return line
