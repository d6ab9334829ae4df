"""Blocks of documents for benchmarks. Each of their millions of documents is made when it is requested."""

from __future__ import annotations

import json
from abc import abstractmethod
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from datetime import datetime
from typing import Any, overload

from sandbox.dataset.seed import digest
from sandbox.errors import InvalidSettingError

# type, value.<type>, fpid, uuid, timestamp, header_.indexed_at
_LEAST_COLUMNS = 6
_US_PER_S = 1_000_000


class GeneratedBlock(Sequence[dict[str, Any]]):
    """``count`` documents of one group, updated evenly over ``[from_, to)``. A ``Block`` of the search index.

    No document is kept in memory. A subclass makes the JSON of each one.
    """

    def __init__(self, group: str, count: int, from_: datetime, to: datetime, seed: int) -> None:
        self.group = group.lower()
        self._count = count
        self._start_s = int(from_.timestamp())
        self._span_s = int(to.timestamp()) - self._start_s
        self._mark = bytes.fromhex(digest("bulk", seed, group))[:8]

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, place: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, place: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(place, slice):
            return [json.loads(self.body(offset)) for offset in range(self._count)[place]]
        return json.loads(self.body(range(self._count)[place]))  # type: ignore[no-any-return]

    @abstractmethod
    def body(self, offset: int) -> bytes:
        """Return the JSON of the document at ``offset``."""

    def time_us(self, offset: int) -> int:
        """Return the update time of the document at ``offset``, in microseconds since 1970."""
        return self.time_s(offset) * _US_PER_S

    def time_s(self, offset: int) -> int:
        """Return the update time of the document at ``offset``, in seconds since 1970."""
        return self._start_s + self._span_s * offset // self._count

    def identity(self, offset: int) -> str:
        """Return the ``fpid`` of the document at ``offset``."""
        return urlsafe_b64encode(self._mark + offset.to_bytes(8, "big")).decode().rstrip("=")

    def offset(self, identity: str) -> int | None:
        """Return the offset of the document with this ``fpid``, or None if this block does not hold it."""
        try:
            raw = urlsafe_b64decode(identity + "==")
        except (Base64Error, ValueError):
            return None
        offset = int.from_bytes(raw[8:], "big")
        return offset if len(raw) == 16 and raw[:8] == self._mark and offset < self._count else None

    def unique_id(self, offset: int) -> str:
        """Return a UUID of version 4 for the document at ``offset``."""
        digits = f"{self._mark.hex()}{offset:016x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


class BulkIndicators(GeneratedBlock):
    """Plain indicators: flattened, each has ``columns`` columns."""

    def __init__(self, group: str, count: int, from_: datetime, to: datetime, columns: int, seed: int) -> None:
        if columns < _LEAST_COLUMNS:
            raise InvalidSettingError(f"Bulk indicators have at least {_LEAST_COLUMNS} columns, not {columns}.")
        super().__init__(group, count, from_, to, seed)
        fields = ",".join(f'"column_{place}":"text of %s in {place}"' for place in range(columns - _LEAST_COLUMNS))
        name = json.dumps(group).replace("%", "%%")
        self._fields = columns - _LEAST_COLUMNS
        self._template = (
            f'{{"type":{name},"value":{{{name}:"%s"}},"fpid":"%s","uuid":"%s","timestamp":"%d",'
            f'"header_":{{"indexed_at":%d}}{"," if fields else ""}{fields}}}'
        )

    def body(self, offset: int) -> bytes:
        """Return the JSON of the indicator at ``offset``."""
        at = self.time_s(offset)
        value = f"{offset:x}.{self._mark.hex()}.example"
        filled = (value, self.identity(offset), self.unique_id(offset), at - 99, at, *(offset,) * self._fields)
        return (self._template % filled).encode()


def bulk_indicators(
    indicator_type: str, count: int, from_: datetime, to: datetime, columns: int = 20, seed: int = 0
) -> BulkIndicators:
    """Return ``count`` plain indicators, updated evenly over ``[from_, to)``, each made when it is requested.

    :param columns: number of columns of a flattened indicator; at least 6.
    """
    return BulkIndicators(indicator_type, count, from_, to, columns, seed)
