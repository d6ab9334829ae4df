"""JSON in and out, quick where it can be and faithful where it cannot.

`msgspec` refuses what strict JSON forbids but services send: lone surrogates, ``NaN``, numbers beyond a
double. For these the standard library takes over, so that one odd record never costs a page.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def decode(text: bytes) -> Any:
    """Return the value of a JSON text. Integers keep every digit; what is no JSON number stays text.

    :raises ValueError: the text is not JSON.
    """
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(text.decode("utf-8", "replace"), parse_float=_finite, parse_constant=str)


def encode(value: Any) -> bytes:
    """Return ``value`` as one JSON text without a raw control character, hence without a line break.

    Lone surrogates, which UTF-8 cannot hold, leave as their ``\\udXXX`` escapes.
    """
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode("ascii")


def _finite(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits
