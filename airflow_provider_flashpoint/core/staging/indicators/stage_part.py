"""A part of a stage: a file of rows, and beside it the versions of these rows.

``part-00000.jsonl.gz``    the rows as compressed JSON lines
``part-00000.keys``        24 bytes for each row: the digest of its key, and its version; if the key is known

With the versions a sync finds the newest rows without decoding them. Rows share their names, which are written once::

    [["type","value.domain"]]    names; the first ones of a part have the number 0
    ["domain","a.example",0]     a row: its values, and the number of its names
    {"type":"domain"}            a row with its names, as all rows before version 3 of the manifest, or with rare names
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

from isal import isal_zlib

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.rows.flatten import Row
from airflow_provider_flashpoint.core.staging.indicators.newest import PACKED, Known, RowKey
from airflow_provider_flashpoint.core.staging.storage import StoragePath, new_file, read_whole, write_whole

# Blocks that fit into the cache of the processor.
_BLOCK_BYTES = 1 << 18
_COMPRESSED_BYTES = 1 << 16
_LINES_AT_ONCE = 50
_LEVEL = 1  # a stage lives for days and is read once or twice: time matters more than size
_GZIP = 31
_NO_KEY = -(1 << 63)  # in place of a version
_MOST_NAMES = 100_000  # in all numbered sets of a part

Names = tuple[str, ...]
NamedValues = tuple[Names, Sequence[Any]]
"""A row as its names and, in the same order, its values."""


@dataclass(frozen=True, slots=True)
class Part:
    """The manifest's record of a part. Digests are those of the files; ``versions_sha256`` is empty without versions.

    :param bytes: size of the compressed rows.
    """

    name: str
    records: int
    bytes: int
    sha256: str
    versions_sha256: str = ""

    def is_whole(self, directory: StoragePath) -> bool:
        """Return whether the files are as they were written."""
        files = [(self.name, self.sha256)]
        if self.versions_sha256:
            files.append((_keys_name(self.name), self.versions_sha256))
        try:
            return all(_digest_of(directory / name) == expected for name, expected in files)
        except OSError:
            return False

    def rows(self, directory: StoragePath) -> Iterator[NamedValues]:
        """Yield the rows in order; the digest is checked after the last one.

        :raises OSError, ValueError, LookupError, TypeError, AttributeError, IsalError: the file is missing, cut or
            changed.
        """
        with (directory / self.name).open("rb") as file:
            digest, rest = hashlib.sha256(), b""
            numbered: list[Names] = []
            for block in _decompressed(file, digest.update):
                lines, newline, rest = (rest + block).rpartition(b"\n")
                for line in codec.decode_lines(lines + newline):
                    if isinstance(line, dict):
                        yield tuple(line), list(line.values())
                        continue
                    last = line.pop()
                    if isinstance(last, list):
                        numbered.append(tuple(last))
                    elif len(numbered[last]) != len(line):
                        raise ValueError("a row has not as many values as names")
                    else:
                        yield numbered[last], line
        if rest or digest.hexdigest() != self.sha256:
            raise ValueError("its digest differs")

    def versions(self, directory: StoragePath) -> Iterator[Known | None]:
        """Yield the digest of the key and the version of each row in order, None for a row without a key.

        :raises OSError, ValueError: the file is missing, cut or changed.
        """
        content = read_whole(directory / _keys_name(self.name))
        if hashlib.sha256(content).hexdigest() != self.versions_sha256:
            raise ValueError("its digest differs")
        for first, second, version in PACKED.iter_unpack(content):
            yield None if version == _NO_KEY else (first, second, version)


class OpenPart:
    """A part that is being written. It belongs to no stage before `close`.

    :param name: its name, without the suffixes of its files.
    :param key: where rows have their key and version; None writes no versions.
    """

    def __init__(self, directory: StoragePath, name: str, key: RowKey | None) -> None:
        self.records = 0
        self._directory = directory
        self._name = f"{name}.jsonl.gz"
        self._key = key
        self._versions = bytearray()
        self._numbers: dict[Names, int] = {}
        self._names_left = _MOST_NAMES
        self._bytes = 0
        self._file = new_file(directory / self._name)
        self._compress = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)
        self._sha256 = hashlib.sha256()

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows."""
        lines = self._lines(rows)
        while block := list(islice(lines, _LINES_AT_ONCE)):
            self._put(self._compress.compress(codec.encode_lines(block)))
        self.records += len(rows)
        if self._key is not None:
            for row in rows:
                self._versions += PACKED.pack(*(self._key.entry_of(row) or (0, 0, _NO_KEY)))

    def close(self) -> Part:
        """Write the rest and return the manifest's record."""
        self._put(self._compress.flush())
        self._file.close()
        versions_sha256 = ""
        if self._key is not None:
            write_whole(self._directory / _keys_name(self._name), bytes(self._versions))
            versions_sha256 = hashlib.sha256(self._versions).hexdigest()
        return Part(self._name, self.records, self._bytes, self._sha256.hexdigest(), versions_sha256)

    def discard(self) -> None:
        """Close the file as it is."""
        self._file.close()

    def _lines(self, rows: Iterable[Row]) -> Iterator[Any]:
        for row in rows:
            names = tuple(row)
            number = self._numbers.get(names)
            if number is None and len(names) <= self._names_left:
                self._names_left -= len(names)
                number = self._numbers[names] = len(self._numbers)
                yield [names]
            yield row if number is None else [*row.values(), number]

    def _put(self, compressed: bytes) -> None:
        self._file.write(compressed)
        self._sha256.update(compressed)
        self._bytes += len(compressed)


def _keys_name(part_name: str) -> str:
    return part_name.removesuffix(".jsonl.gz") + ".keys"


def _digest_of(path: StoragePath) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _decompressed(file: IO[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    """Yield the content of a gzip file in blocks, and pass its compressed bytes to ``update``."""
    decompress = isal_zlib.decompressobj(_GZIP)
    while compressed := file.read(_COMPRESSED_BYTES):
        update(compressed)
        while compressed and not decompress.eof:
            yield decompress.decompress(compressed, _BLOCK_BYTES)
            compressed = decompress.unconsumed_tail
