"""Reproducible random numbers, identities and times for invented data."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from functools import lru_cache
from random import Random
from uuid import UUID

EDGE_S = 300
# One of this number of records lies exactly on a multiple of five minutes, the border of two windows.
_EDGE_EVERY = 37


def chance(*parts: object) -> Random:
    """Return random numbers that depend only on ``parts``."""
    return Random(":".join(map(str, parts)))  # ruff: ignore[S311] - made-up data, no secrets


def digest(*parts: object) -> str:
    """Return 64 hex digits that depend only on ``parts``."""
    return hashlib.sha256(":".join(map(str, parts)).encode()).hexdigest()


def fpid(*parts: object) -> str:
    """Return an id in Flashpoint's form: 22 characters of URL-safe base64."""
    return urlsafe_b64encode(bytes.fromhex(digest("fpid", *parts))[:16]).decode().rstrip("=")


def uuid(*parts: object) -> str:
    """Return a UUID of version 4."""
    return str(UUID(hex=digest("uuid", *parts)[:32], version=4))


def iso(epoch_s: float) -> str:
    """Return ``YYYY-MM-DDTHH:MM:SSZ``."""
    # Five times faster than strftime, which blocks of a million documents need.
    day, second = divmod(int(epoch_s), 86_400)
    return f"{_date(day)}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"


@lru_cache(maxsize=1024)
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d")


def moment_s(seed: int, number: int, count: int, from_: datetime, to: datetime) -> int:
    """Return the second of record ``number`` of ``count``. The records spread over ``[from_, to)``, roughly in order.

    The first lies on ``from_``; some lie on multiples of five minutes.
    """
    start, end = int(from_.timestamp()), int(to.timestamp())
    step = (end - start) / count
    place = start + int((number + chance(seed, "moment", number).random()) * step) if number else start
    if number % _EDGE_EVERY == 0 and place - place % EDGE_S >= start:
        place -= place % EDGE_S
    return max(start, min(place, end - 1))


def timed_like(number: int) -> int:
    """Return the number of the record whose time this record has: of each five, the fourth has that of the third."""
    return number - (number % 5 == 3)


def observed(epoch_s: int, raw: str | None = None) -> dict[str, object]:
    """Return the object in which Flashpoint wraps some times."""
    return {"date-time": iso(epoch_s)[:-1] + "+00:00", "raw": raw or str(epoch_s), "timestamp": epoch_s}
