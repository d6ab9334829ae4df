"""Lines: an event is one line of JSON, which ends with its only newline."""

from __future__ import annotations

from typing import Any

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.errors import DataError


def encode(record: Any, *, max_line_bytes: int | None = None) -> bytes:
    """Return ``record`` as a line: its JSON and a newline.

    JSON escapes control characters, so no text in a record can end the line early. Lone surrogates are written as
    ``\\udXXX`` escapes.

    :param max_line_bytes: the longest line allowed, newline included; None for any.
    :raises DataError: the line is longer than that.
    """
    line = codec.encode(record) + b"\n"
    if max_line_bytes is not None and len(line) > max_line_bytes:
        raise DataError(f"A line has {len(line)} bytes; max_line_bytes allows {max_line_bytes}.")
    return line
