"""Read the output of `csv_rows.write_csv`: by row, or in parts of a limited size that each begin with the header."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO


def rows_of(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the header and then each row of ``file`` as bytes, with the newline. A newline in quotes ends no row."""
    file.seek(0)
    lines: list[bytes] = []
    in_quotes = 0
    for line in file:
        in_quotes ^= line.count(b'"') & 1
        lines.append(line)
        if not in_quotes:
            yield b"".join(lines)
            lines = []


@dataclass(frozen=True, slots=True)
class CsvPart:
    """The header and the rows from byte ``start`` to ``end`` of a CSV file; without ``header`` the whole file."""

    file: IO[bytes]
    header: bytes
    start: int
    end: int

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self.header) + self.end - self.start

    def open(self) -> PartReader:
        """Return a reader of the part; use one at a time, since readers share the file."""
        return PartReader(self)


class PartReader:
    """Reads a part; ``len`` is the number of bytes left, which `MultipartEncoder` needs."""

    def __init__(self, part: CsvPart) -> None:
        self._file = part.file
        self._header = part.header
        self._left = part.end - part.start
        self._file.seek(part.start)

    @property
    def len(self) -> int:
        """The number of bytes left."""
        return len(self._header) + self._left

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most ``size`` of them."""
        wanted = self.len if size < 0 else size
        data, self._header = self._header[:wanted], self._header[wanted:]
        if rest := self._file.read(min(wanted - len(data), self._left)):
            self._left -= len(rest)
            data += rest
        return data


def parts_of(file: IO[bytes], max_bytes: int) -> list[CsvPart]:
    """Return the parts of ``file``, cut between rows, each of at most ``max_bytes`` unless a single row is longer."""
    size = file.seek(0, 2)
    if size <= max_bytes:
        return [CsvPart(file, b"", 0, size)]
    rows = rows_of(file)
    header = next(rows)
    parts: list[CsvPart] = []
    start = end = len(header)
    for row in rows:
        if end > start and len(header) + end - start + len(row) > max_bytes:
            parts.append(CsvPart(file, header, start, end))
            start = end
        end += len(row)
    return [*parts, CsvPart(file, header, start, end)]
