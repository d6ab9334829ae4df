"""Ids: the one rule for what identifies a record, for events, rows of lookups and pages alike."""

from __future__ import annotations

import hashlib
import math
import re

from airflow_provider_flashpoint.core import codec

DIGEST_BYTES = 16
_VISIBLE = re.compile(r"[^\s\x00\ufeff\u200b-\u200d\u2060]")

_NO_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity"})  # as `codec.decode` reads them

Id = str | int | float


def id_of(value: object) -> Id | None:
    """Return ``value`` where it is an id, None where it is not.

    An id is a text with a visible character, or a number above zero. Services send an empty text, ``0``, ``[]`` or
    ``NaN`` for a missing id, and such values would make one record of many.
    """
    if isinstance(value, str):
        return value if _VISIBLE.search(value) and value not in _NO_NUMBERS else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if 0 < value < math.inf else None


def id_digest(identity: Id) -> bytes:
    """Return 128 bits that stand for an id. A number and the text of its digits are two ids."""
    if isinstance(identity, str):
        return hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
    return hashlib.blake2b(codec.encode(identity), digest_size=DIGEST_BYTES, person=b"number").digest()
