"""JSON whose lists stay text: `split` leaves the records of a page undecoded, `decode_record` the items of its lists.

Where msgspec refuses a text, `codec.decode` decodes all of it.
A page that waits for its turn then costs no more memory than its bytes, and an odd record slows down no other record.
Long lists make up most of an indicator, and become one cell each: their text is copied, and never decoded.
"""

from __future__ import annotations

import codecs
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
    try:
        return _split_strict(text)
    except (ValueError, RecursionError):
        return codec.decode(text)


def decode_record(text: bytes | msgspec.Raw) -> Any:
    """Return the value of a record; the items of its lists may be `msgspec.Raw`.

    :raises ValueError, DataError: as `codec.decode`.
    """
    return codec.decode(text) if _OTHER_ESCAPES.search(text) else codec.decode(text, _decoder)


def list_text(items: list[Any]) -> str:
    """Return the compact JSON text of a list; numbers of raw items stay as the server wrote them."""
    if not items:
        return "[]"
    text = codec.encode(items)
    try:
        return text.decode()
    except UnicodeDecodeError:  # raw items are not checked
        return codec.encode(codec.decode(text)).decode()


def _split_strict(text: bytes) -> Any:
    text = text.removeprefix(codecs.BOM_UTF8)
    if not _COMPACT.match(text):
        return _decoder.decode(msgspec.json.format(text, indent=-1))
    try:
        return _decoder.decode(text)
    except ValueError:  # most likely a lone surrogate
        return _split_masked(text)


def _split_masked(text: bytes) -> Any:
    """Split a text whose lone surrogates are replaced, and return the items of its lists as they stand in ``text``."""
    masked = _ESCAPE.sub(lambda escape: _REPLACEMENT if escape[1] else escape[0], text)
    position = 0

    def original(value: Any) -> Any:
        nonlocal position
        if isinstance(value, dict):
            return {key: original(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [original(item) for item in value]
        if isinstance(value, msgspec.Raw):
            start = masked.index(bytes(value), position)
            position = start + len(bytes(value))
            return msgspec.Raw(text[start:position])
        return value

    return original(_decoder.decode(masked))
