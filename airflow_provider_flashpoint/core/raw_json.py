"""JSON of which only a part is decoded: pages are split into records, and the items of lists stay text.

A page that waits for its turn then costs no more memory than its bytes, and an odd record slows down no other record.
Most of an indicator are long lists, which become one cell each: their text is copied, and never decoded.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from airflow_provider_flashpoint.core import codec

_DECODED_LEVELS = 8  # dictionaries below this level are decoded whole
# The start of a page whose server writes no blanks between tokens.
_COMPACT = re.compile(rb'\[?\{"[^"\\]*":\S|\[\]')
# Escapes that `codec.encode` writes in another way.
_OTHER_ESCAPES = re.compile(rb"\\[u/]")
# Any escape; group 1 is a surrogate without its other half.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_REPLACEMENT = rb"\ufffd"  # as long as the escape that it replaces


def _type_with_raw_lists(levels: int) -> Any:
    inner: Any = _type_with_raw_lists(levels - 1) if levels else Any
    return str | int | float | bool | list[msgspec.Raw] | dict[str, inner] | None


_decoder = msgspec.json.Decoder(_type_with_raw_lists(_DECODED_LEVELS))


def split(text: bytes) -> Any:
    """Return the value of a page; the items of its lists are compact `msgspec.Raw`, or decoded where that fails.

    :raises ValueError, DataError: as `codec.decode`.
    """
    compact = _COMPACT.match(text)
    try:
        return _decoder.decode(text if compact else msgspec.json.format(text, indent=-1))
    except (ValueError, RecursionError):
        masked = _ESCAPE.sub(lambda escape: _REPLACEMENT if escape[1] else escape[0], text)
    try:
        value = _decoder.decode(masked)
    except (ValueError, RecursionError):
        return codec.decode(text)
    return _unmasked(value, masked, text) if compact else codec.decode(text)


def decode_record(text: bytes | msgspec.Raw) -> Any:
    """Return the value of a record; the items of its lists may be `msgspec.Raw`.

    :raises ValueError, DataError: as `codec.decode`.
    """
    if _OTHER_ESCAPES.search(text):
        return codec.decode(text)
    try:
        return _decoder.decode(text)
    except (ValueError, RecursionError):
        return codec.decode(text)


def list_text(items: list[Any]) -> str:
    """Return the compact JSON text of a list; numbers of raw items stay as the server wrote them."""
    if not items:
        return "[]"
    text = codec.encode(items)
    try:
        return text.decode()
    except UnicodeDecodeError:  # raw items are not checked
        return codec.encode(codec.decode(text)).decode()


def _unmasked(value: Any, masked: bytes, text: bytes) -> Any:
    """Return ``value`` of the ``masked`` text with the items of its lists as they stand in ``text``."""
    position = 0

    def original(item: msgspec.Raw) -> msgspec.Raw:
        nonlocal position
        start = masked.index(bytes(item), position)
        position = start + len(bytes(item))
        return msgspec.Raw(text[start:position])

    if isinstance(value, list):
        return [original(item) for item in value]
    if isinstance(value, dict):
        return {
            key: [original(item) for item in inner] if isinstance(inner, list) else inner
            for key, inner in value.items()
        }
    return value
