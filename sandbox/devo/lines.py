"""Cuts the bytes of a syslog connection into lines, and finds the tag of a line.

Three kinds of frames may follow each other on one connection: lines that end with a newline, frames
that begin with their length (RFC 6587, ``47 <14>...``), and gzip members that hold lines. A line is
``<PRI>DATE HOST TAG: MESSAGE``. Nothing is repaired: carriage returns, NUL and bytes that are not UTF-8
stay as they arrived.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from sandbox.devo.spool import Spool

UNKNOWN_TAG = "unknown.unknown"

_BLOCK_BYTES = 4 * 1024 * 1024
_INFLATE_BYTES = 64 * 1024
_MAX_FRAME_BYTES = 256 * 1024 * 1024
_GZIP = b"\x1f\x8b"
_LENGTH = re.compile(rb"(\d{1,9}) (?=<)")
_HEADER = re.compile(
    rb"<(?P<priority>\d{1,3})>"
    rb"(?P<date>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
    rb"|\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)"
    rb" (?P<host>[^\s:]+)"
    rb" (?P<date_form>\([a-z]+\))?(?P<tag>[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]+)+)"
)
_HIGHEST_PRIORITY = 191
_REMEMBERED_HEADERS = 10_000


class Header(NamedTuple):
    """The part of a line before its message; ``date_form`` is a prefix of the tag such as ``(usd)``."""

    priority: int
    date: str
    host: str
    date_form: str
    tag: str


class Line(NamedTuple):
    """A complete line and its place: ``offset`` in the spool of received, or of inflated bytes."""

    inflated: bool
    offset: int
    content: bytes


def parse_header(line: bytes) -> tuple[Header | None, int]:
    """Return the header of a line and the start of its message, or ``(None, 0)`` for any other text."""
    end = line.find(b": ")
    match = _HEADER.fullmatch(line, 0, end) if end > 0 else None
    if match is None or int(match["priority"]) > _HIGHEST_PRIORITY:
        return None, 0
    priority, *texts = match.groups(default=b"")
    return Header(int(priority), *(text.decode("latin-1") for text in texts)), end + 2


class TagFinder:
    """Finds the tag of a line and the start of its message. Remembers headers, since they repeat."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[str, int]] = {}

    def find(self, line: bytes) -> tuple[str, int]:
        """Return tag and start of the message. A line without a header is a message of ``unknown.unknown``."""
        prefix = line[: line.find(b": ") + 2]
        if found := self._known.get(prefix):
            return found
        header, start = parse_header(line)
        if header is None:
            return UNKNOWN_TAG, 0
        if len(self._known) >= _REMEMBERED_HEADERS:
            self._known.clear()
        self._known[prefix] = header.tag, start
        return header.tag, start


class LineCutter:
    """Cuts the bytes of one connection into lines, and remembers its position.

    :param wire: the received bytes.
    :param inflated: takes the content of gzip members.
    """

    def __init__(self, wire: Spool, inflated: Spool) -> None:
        self._wire = wire
        self._inflated = inflated
        self.position = 0

    def advance(self, end: int) -> Iterator[Line]:
        """Yield the lines that are complete within the first ``end`` received bytes."""
        block_bytes = _BLOCK_BYTES
        while self.position < end:
            block = self._wire.read(self.position, min(block_bytes, end - self.position))
            start = self.position
            yield from self._cut(block)
            if self.position > start:
                block_bytes = _BLOCK_BYTES
            elif len(block) < block_bytes:
                return
            else:
                block_bytes *= 2

    def remainder(self) -> bytes:
        """Return the bytes after the last complete line."""
        return self._wire.read(self.position, len(self._wire) - self.position)

    def _cut(self, block: bytes) -> Iterator[Line]:
        """Yield the lines of a block, and move ``position`` past its last complete frame."""
        base = self.position
        at = 0
        while at < len(block):
            if block.startswith(_GZIP, at) and (member := _inflate(block, at)) is not None:
                text, at = member
                if at < 0:
                    return
                self.position = base + at
                yield from self._inflated_lines(text)
                continue
            length = _LENGTH.match(block, at)
            if length and int(length[1]) <= _MAX_FRAME_BYTES:
                start, end = length.end(), length.end() + int(length[1])
                if end > len(block):
                    return
                content, following = block[start:end].removesuffix(b"\n"), end
            else:
                start, end = at, block.find(b"\n", at)
                if end < 0:
                    return
                content, following = block[start:end], end + 1
            self.position = base + following
            yield Line(False, base + start, content)
            at = following

    def _inflated_lines(self, text: bytes) -> Iterator[Line]:
        if not text:
            return
        offset = len(self._inflated)
        self._inflated.append(text)
        for content in text.removesuffix(b"\n").split(b"\n"):
            yield Line(True, offset, content)
            offset += len(content) + 1


def _inflate(block: bytes, at: int) -> tuple[bytes, int] | None:
    """Return the content of the gzip member at ``at`` and its end (-1 if it is cut), or None if there is none."""
    engine = zlib.decompressobj(wbits=31)
    pieces = []
    try:
        while not engine.eof and at < len(block):
            piece = block[at : at + _INFLATE_BYTES]
            pieces.append(engine.decompress(piece))
            at += len(piece) - len(engine.unused_data)
    except zlib.error:
        return None
    return b"".join(pieces), at if engine.eof else -1
