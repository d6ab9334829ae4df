"""Reads multipart/form-data part by part from a stream, never holding more than a piece of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from typing import Any, BinaryIO, NamedTuple, cast

from airflow_provider_flashpoint.errors import ConfigurationError

_PIECE_BYTES = 256 * 1024
_MAX_HEADER_BYTES = 16 * 1024


class Part(NamedTuple):
    """One part: its name, its media type, and its body, which must be read before the next part is."""

    name: str
    content_type: str
    body: BinaryIO


def read_parts(stream: BinaryIO, headers: Message) -> Iterator[Part]:
    """Yield the parts of the form that ``headers`` announce, in order; skips what is left unread of each.

    :raises ConfigurationError: it is no such form, or a part is not framed as RFC 7578 says.
    """
    boundary = headers.get_boundary()
    if headers.get_content_type() != "multipart/form-data" or not boundary:
        raise ConfigurationError("The body is not multipart/form-data with a boundary.")
    buffer = _Buffer(stream, boundary.encode("latin-1", "replace"))
    # What precedes the first boundary has no meaning.
    io.BufferedReader(_PartBody(buffer)).read()
    while buffer.take(2) != b"--":
        named = BytesParser().parsebytes(buffer.headers(), headersonly=True)
        name = named.get_param("name", header="content-disposition")
        if not isinstance(name, str):
            raise ConfigurationError("A part of the form has no name.")
        body = io.BufferedReader(_PartBody(buffer), _PIECE_BYTES)
        yield Part(name, named.get_content_type(), cast(BinaryIO, body))
        while body.read(_PIECE_BYTES):
            pass


class _Buffer:
    """What was read of the stream and not yet handed out."""

    def __init__(self, stream: BinaryIO, boundary: bytes) -> None:
        self._stream = stream
        self._delimiter = b"\r\n--" + boundary
        # The first boundary may stand at the very beginning, without the line break that delimits.
        self._held = bytearray(b"\r\n")

    def content(self, max_bytes: int) -> bytes:
        """Return up to ``max_bytes`` of the current part; nothing at its end, once the delimiter is taken."""
        while True:
            at = self._held.find(self._delimiter)
            if at == 0:
                del self._held[: len(self._delimiter)]
                return b""
            # The delimiter may begin in the last bytes held.
            safe = at if at > 0 else len(self._held) - len(self._delimiter) + 1
            if safe > 0:
                count = min(safe, max_bytes)
                content = bytes(self._held[:count])
                del self._held[:count]
                return content
            self._fill()

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes."""
        while len(self._held) < count:
            self._fill()
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def headers(self) -> bytes:
        """Return the headers of the part that begins here, up to and with their empty line."""
        while (at := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > _MAX_HEADER_BYTES:
                raise ConfigurationError("A part of the form has no end of its headers.")
            self._fill()
        return self.take(at + 4)

    def _fill(self) -> None:
        piece = self._stream.read(_PIECE_BYTES)
        if not piece:
            raise ConfigurationError("The form ends without its last boundary.")
        self._held += piece


class _PartBody(io.RawIOBase):
    def __init__(self, buffer: _Buffer) -> None:
        self._buffer = buffer
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = b"" if self._ended else self._buffer.content(len(buffer))
        self._ended = not content
        buffer[: len(content)] = content
        return len(content)
