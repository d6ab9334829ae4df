"""Lines: an event is one line of JSON, which ends with its only newline."""

from __future__ import annotations

from typing import Any

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.errors import DataError

_VISIBLE = str.maketrans({"\n": "\\n", "\r": "\\r", "\0": "\\0"})


def encode(record: Any, *, max_line_bytes: int | None = None) -> bytes:
    """Return ``record`` as a line: its JSON and a newline.

    JSON escapes control characters, so no text in a record can end the line early. Lone surrogates are written as
    ``\\udXXX`` escapes.

    :param max_line_bytes: the longest line allowed, newline included; None for any.
    :raises DataError: the line is longer than that.
    """
    return _limited(codec.encode(record) + b"\n", max_line_bytes)


def encode_text(text: str, *, max_line_bytes: int | None = None) -> bytes:
    r"""Return text that is not JSON as a line.

    A newline, carriage return or NUL becomes the two characters ``\n``, ``\r`` or ``\0``, and a lone surrogate
    ``\udXXX``. Backslashes are not doubled, so the original text cannot always be restored.

    :param max_line_bytes: the longest line allowed, newline included; None for any.
    :raises DataError: the line is longer than that.
    """
    return _limited(text.translate(_VISIBLE).encode("utf-8", "backslashreplace") + b"\n", max_line_bytes)


def _limited(line: bytes, max_line_bytes: int | None) -> bytes:
    if max_line_bytes is not None and len(line) > max_line_bytes:
        raise DataError(f"A line has {len(line)} bytes; max_line_bytes allows {max_line_bytes}.")
    return line
