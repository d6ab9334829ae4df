"""JSON in and out, fast for strict JSON and lossless for the rest.

`msgspec` refuses what strict JSON forbids but services send: lone surrogates, ``NaN``, numbers beyond a double,
integers of any length, a byte order mark, UTF-16. The standard library reads these, and writes the surrogates.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import msgspec

from airflow_provider_flashpoint.errors import DataError

_TOO_DEEP = "A JSON value is nested too deeply to be read or written."

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


def decode(text: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[Any] = _decoder) -> Any:
    """Return the value of a JSON text. Integers keep every digit; numbers beyond a double become text.

    :param decoder: decodes strict JSON.
    :raises ValueError: the text is not JSON.
    :raises DataError: it is nested more deeply than about 1,000 levels.
    """
    try:
        return decoder.decode(text)
    except ValueError:
        return _decode_odd(text)
    except RecursionError as error:
        raise DataError(_TOO_DEEP) from error


def encode(value: Any) -> bytes:
    """Return ``value`` as compact JSON without a raw control character, hence without a line break.

    Lone surrogates, which UTF-8 cannot hold, are written as ``\\udXXX`` escapes.

    :raises DataError: the value is nested too deeply.
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

    :raises ValueError, DataError: as `decode`.
    """
    try:
        return _decoder.decode_lines(lines)
    except (ValueError, RecursionError):
        return [decode(line) for line in lines.splitlines() if line]


def _decode_odd(text: bytes | msgspec.Raw) -> Any:
    octets = bytes(text)
    plain = octets.decode(json.detect_encoding(octets), "replace").lstrip("\ufeff")  # a byte order mark, or several
    try:
        return json.loads(plain, parse_float=_finite, parse_int=_whole, parse_constant=str)
    except RecursionError as error:
        raise DataError(_TOO_DEEP) from error


def _whole(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:  # Python refuses more than 4,300 digits
        return digits


def _finite(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits
