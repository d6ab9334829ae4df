"""Select the rows that hold the newest version of their key, in memory that does not grow with the rows.

Each row is three numbers: the digest of its key, its version, its place. They are spread over files by digest, so that
all rows of one key are in one file, and the files are processed one after the other. Versions that were delivered
before take part without a place: a row older than one of them is superseded too.
"""

from __future__ import annotations

import struct
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_flashpoint.core.devo.lookups.csv_rows import cell
from airflow_provider_flashpoint.core.flashpoint.rows.flatten import is_container
from airflow_provider_flashpoint.core.identity import id_digest, id_of
from airflow_provider_flashpoint.core.window import epoch_us

_FILES = 64
_ENTRY = struct.Struct("=4q")  # two numbers of the digest, version, place
_ENTRIES_READ = 1024
_BYTES_IN_MEMORY = 1 << 15  # of each file
CLOCK_SKEW_US = 3_600_000_000
"""How far Flashpoint's clock may be ahead of this machine's."""

_KNOWN = -1  # the place of a version that was delivered before
_DIGEST = struct.Struct("<2q")

Known = tuple[int, int, int]
"""The two numbers of a key's digest, and a version."""

PACKED = struct.Struct("=3q")
"""The format of a `Known` in files."""


def digest_of(key: str) -> tuple[int, int]:
    """Return 128 bits that stand for a key, as two signed numbers."""
    first, second = _DIGEST.unpack(id_digest(key))
    return first, second


@dataclass(frozen=True, slots=True)
class RowKey:
    """Where a row has its key and its version.

    :param column: the flattened name of the key.
    :param version_fields: flattened names of times; the newest of them grows with each version.
    """

    column: str
    version_fields: tuple[str, ...]

    def value_in(self, row: Mapping[str, Any]) -> str | None:
        """Return the key of a row as its cell in the lookup, None if it has none: a key is an id, see `id_of`."""
        key = id_of(row.get(self.column))
        return None if key is None or is_container(key) else cell(key)

    def version_of(self, row: Mapping[str, Any]) -> int:
        """Return the newest time after 1970 of the version fields, in microseconds since then, or 0 if none.

        A time in the future is none, since it would keep all later versions away.
        """
        latest_us = _latest_us()
        moments = (epoch_us(row.get(field)) or 0 for field in self.version_fields)
        return max([0, *(moment for moment in moments if moment <= latest_us)])

    def entry_of(self, row: Mapping[str, Any]) -> Known | None:
        """Return the digest of the key and the version of a row, None if it has no key."""
        value = self.value_in(row)
        return None if value is None else (*digest_of(value), self.version_of(row))


class NewestVersions:
    """Collects keys and versions of rows, and finds the rows that are superseded.

    Use as a context manager; it removes its files. Rows without a version (0) are never superseded by versions that
    were delivered before, since nothing shows that they are older.
    """

    def __init__(self) -> None:
        self._files = [_new_file() for _ in range(_FILES)]
        self._places = 0
        self._latest_us = _latest_us()
        self.oldest_version: int | None = None
        """The oldest version of a row, None if no row has one."""

    def __enter__(self) -> NewestVersions:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def add_rows(self, entries: Iterable[Known | None]) -> None:
        """Add the rows of a stage in their order; None stands for a row without a key."""
        for place, entry in enumerate(entries, start=self._places):
            self._places = place + 1
            if entry is None:
                continue
            self._put(*entry, place)
            version = entry[2]
            if version and (self.oldest_version is None or version < self.oldest_version):
                self.oldest_version = version

    def add_known(self, known: Iterable[Known]) -> None:
        """Add versions that were delivered before."""
        for first, second, version in known:
            self._put(first, second, version, _KNOWN)

    def _put(self, first: int, second: int, version: int, place: int) -> None:
        if version > self._latest_us:  # of a ledger or a stage of an earlier version
            version = 0
        self._files[first % _FILES].write(_ENTRY.pack(first, second, version, place))

    def superseded(self) -> Superseded:
        """Return the superseded places. Of two rows with the same key and version the later one wins."""
        superseded = bytearray((self._places + 7) // 8)
        for number in range(_FILES):
            newest: dict[tuple[int, int], tuple[int, int]] = {}
            for first, second, version, place in self._entries(number):
                there = newest.setdefault((first, second), (version, place))
                if there == (version, place):
                    continue
                loser = place
                if _beats((version, place), there):
                    newest[first, second] = (version, place)
                    loser = there[1]
                if loser != _KNOWN:
                    superseded[loser >> 3] |= 1 << (loser & 7)
        return Superseded(bytes(superseded))

    def delivered(self, superseded: Superseded) -> Iterator[Known]:
        """Yield the key and version of every row that is not superseded."""
        for number in range(_FILES):
            for first, second, version, place in self._entries(number):
                if place != _KNOWN and place not in superseded:
                    yield first, second, version

    def _entries(self, number: int) -> Iterator[tuple[int, ...]]:
        file = self._files[number]
        file.seek(0)
        while block := file.read(_ENTRY.size * _ENTRIES_READ):
            yield from _ENTRY.iter_unpack(block)


def _latest_us() -> int:
    return time.time_ns() // 1000 + CLOCK_SKEW_US


def _new_file() -> tempfile.SpooledTemporaryFile[bytes]:
    return tempfile.SpooledTemporaryFile(_BYTES_IN_MEMORY, prefix="newest-")


class Superseded:
    """A set of places; ``count`` is its size."""

    def __init__(self, bits: bytes) -> None:
        self._bits = bits
        self.count = int.from_bytes(bits, "little").bit_count()

    def __contains__(self, place: int) -> bool:
        return bool(self._bits[place >> 3] & (1 << (place & 7)))


def _beats(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether ``one`` supersedes ``other``, each a version and a place."""
    (version, place), (other_version, other_place) = one, other
    if place == _KNOWN:
        return (other_place == _KNOWN and version > other_version) or 0 < other_version < version
    if other_place == _KNOWN:
        return version == 0 or version >= other_version
    return (version, place) > (other_version, other_place)
