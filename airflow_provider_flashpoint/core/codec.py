"""JSON in and out, quick where it can be and faithful where it cannot.

`msgspec` refuses what strict JSON forbids but services send: lone surrogates, ``NaN``, numbers beyond a
double, integers of any length. For these the standard library takes over, so that one odd record never costs a page.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import msgspec

from airflow_provider_flashpoint.errors import DataError

_TOO_DEEP = "Values are nested more deeply than can be read or written."

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


def decode(text: bytes) -> Any:
    """Return the value of a JSON text. Integers keep every digit; what Python takes for no number stays text.

    :raises ValueError: the text is not JSON.
    :raises DataError: it is nested more deeply than can be read, about 1,000 levels.
    """
    try:
        return _decoder.decode(text)
    except ValueError:
        return _decode_odd(text)
    except RecursionError as error:
        raise DataError(_TOO_DEEP) from error


def encode(value: Any) -> bytes:
    """Return ``value`` as one JSON text without a raw control character, hence without a line break.

    Lone surrogates, which UTF-8 cannot hold, leave as their ``\\udXXX`` escapes.

    :raises DataError: the value is nested more deeply than can be written.
    """
    try:
        try:
            return _encoder.encode(value)
        except UnicodeEncodeError:
            return json.dumps(value, separators=(",", ":")).encode("ascii")
    except RecursionError as error:
        raise DataError(_TOO_DEEP) from error


def encode_lines(values: Sequence[Any]) -> bytes:
    """Return the JSON text of each value, each ended by a newline; errors as in `encode`."""
    try:
        return _encoder.encode_lines(values)
    except (UnicodeEncodeError, RecursionError):
        return b"".join(encode(value) + b"\n" for value in values)


def decode_lines(lines: bytes) -> list[Any]:
    """Return the values of whole lines of JSON.

    :raises ValueError, DataError: a line is not JSON, or cannot be read, as in `decode`.
    """
    try:
        return _decoder.decode_lines(lines)
    except (ValueError, RecursionError):
        return [decode(line) for line in lines.splitlines() if line]


def _decode_odd(text: bytes) -> Any:
    plain = text.decode("utf-8", "replace")
    try:
        return json.loads(plain, parse_float=_finite, parse_int=_whole, parse_constant=str)
    except RecursionError as error:
        raise DataError(_TOO_DEEP) from error


def _whole(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:  # Python refuses more than 4,300 digits, since reading them takes quadratic time
        return digits


def _finite(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits
