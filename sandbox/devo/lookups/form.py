"""Reads multipart/form-data from a stream. Parts of more than a megabyte are kept in temporary files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING, BinaryIO, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from sandbox.errors import InvalidSettingError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_CHUNK_BYTES = 256 * 1024
_PART_MEMORY_BYTES = 1024 * 1024


@dataclass
class Part:
    """One part: its name, its media type, and its body, which is closed with the form unless it is kept."""

    name: str
    content_type: str
    body: BinaryIO
    kept: bool = False

    def keep(self) -> BinaryIO:
        """Return the body, which the caller closes."""
        self.kept = True
        return self.body


def read_parts(stream: BinaryIO, headers: Message) -> Iterator[Part]:
    """Yield the parts of the form that ``headers`` announce, in order.

    :raises InvalidSettingError: the body is not such a form, or a part is not framed as RFC 7578 says.
    """
    boundary = headers.get_boundary()
    if headers.get_content_type() != "multipart/form-data" or not boundary:
        raise InvalidSettingError("The body is not multipart/form-data with a boundary.")
    with closing(_PartCollector()) as collector:
        try:
            parser = MultipartParser(boundary.encode("latin-1", "replace"), collector.callbacks())
            while chunk := stream.read(_CHUNK_BYTES):
                parser.write(chunk)
                yield from collector.take()
        except FormParserError as error:
            raise InvalidSettingError(f"The form cannot be read: {error}.") from error
        if not collector.ended:
            raise InvalidSettingError("The form ends without its last boundary.")


class _PartCollector:
    """Builds parts from the callbacks of the parser."""

    def __init__(self) -> None:
        self.ended = False
        self._field, self._value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._parts: list[Part] = []
        self._complete: list[Part] = []

    def callbacks(self) -> MultipartCallbacks:
        """Return the callbacks by the parser's names for them."""
        return {
            "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_body,
            "on_part_data": self._add_data,
            "on_part_end": self._end_part,
            "on_end": self._end_form,
        }

    def take(self) -> list[Part]:
        """Return the parts that were completed since the last call."""
        complete, self._complete = self._complete, []
        return complete

    def close(self) -> None:
        """Close all bodies that are not kept."""
        for part in self._parts:
            if not part.kept:
                part.body.close()

    def _end_header(self) -> None:
        self._headers[bytes(self._field).lower()] = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _begin_body(self) -> None:
        name = parse_options_header(self._headers.get(b"content-disposition"))[1].get(b"name")
        if name is None:
            raise InvalidSettingError("A part of the form has no name.")
        content_type = parse_options_header(self._headers.get(b"content-type", b"text/plain"))[0]
        body = tempfile.SpooledTemporaryFile(_PART_MEMORY_BYTES)  # ruff: ignore[open-file-with-context-handler]
        part = Part(name.decode("utf-8", "replace"), content_type.decode("latin-1"), cast(BinaryIO, body))
        self._parts.append(part)
        self._headers.clear()

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        self._parts[-1].body.write(data[start:end])

    def _end_part(self) -> None:
        self._parts[-1].body.seek(0)
        self._complete.append(self._parts[-1])

    def _end_form(self) -> None:
        self.ended = True
