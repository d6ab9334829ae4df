"""JSON in and out, quick where it can be and faithful where it cannot.

`msgspec` refuses what strict JSON forbids but services send: lone surrogates, ``NaN``, numbers beyond a
double. For these the standard library takes over, so that one odd record never costs a page.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import msgspec

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


def decode(text: bytes) -> Any:
    """Return the value of a JSON text. Integers keep every digit; what is no JSON number stays text.

    :raises ValueError: the text is not JSON.
    """
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(text.decode("utf-8", "replace"), parse_float=_finite, parse_constant=str)


def encode(value: Any) -> bytes:
    """Return ``value`` as one JSON text without a raw control character, hence without a line break.

    Lone surrogates, which UTF-8 cannot hold, leave as their ``\\udXXX`` escapes.
    """
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode("ascii")


def encode_lines(values: Sequence[Any]) -> bytes:
    """Return the JSON text of each value, each ended by a newline."""
    try:
        return _encoder.encode_lines(values)
    except UnicodeEncodeError:
        return b"".join(encode(value) + b"\n" for value in values)


def decode_lines(lines: bytes) -> list[Any]:
    """Return the values of whole lines of JSON.

    :raises ValueError: a line is not JSON.
    """
    try:
        return _decoder.decode_lines(lines)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [decode(line) for line in lines.splitlines() if line]


def _finite(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits
