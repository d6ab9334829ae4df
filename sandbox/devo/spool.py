"""Stores bytes in order of arrival: in memory while a shared budget lasts, then in a temporary file."""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from typing import IO

SEGMENT_BYTES = 256 * 1024


class MemoryBudget:
    """The number of bytes that all spools together may hold in memory."""

    def __init__(self, max_bytes: int) -> None:
        self._lock = threading.Lock()
        self._left_bytes = max_bytes

    def take(self, count: int) -> bool:
        """Take ``count`` bytes from the budget; return whether it had them."""
        with self._lock:
            if count > self._left_bytes:
                return False
            self._left_bytes -= count
            return True

    def give_back(self, count: int) -> None:
        """Return ``count`` bytes to the budget."""
        with self._lock:
            self._left_bytes += count


class Spool:
    """Bytes of one writer, readable by others while it writes.

    The writer requests ``room``, fills a part of it and commits this part, so that bytes go from a socket to their
    place without another copy.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._lock = threading.Lock()
        self._segments: list[bytearray] = []
        self._file: IO[bytes] | None = None
        self._tail = bytearray()
        self._tail_from = 0
        self._filled = 0
        self._length = 0

    def __len__(self) -> int:
        """Return the number of committed bytes."""
        return self._length

    @property
    def spilled(self) -> bool:
        """Whether the budget ran out and later bytes are in a file."""
        return self._file is not None

    def room(self, max_bytes: int = SEGMENT_BYTES) -> memoryview:
        """Return free bytes to fill, at least one and at most ``max_bytes``."""
        if self._filled == len(self._tail):
            self._next_tail()
        return memoryview(self._tail)[self._filled : self._filled + max_bytes]

    def commit(self, count: int) -> None:
        """Store the first ``count`` bytes of the last room."""
        self._filled += count
        self._length += count

    def append(self, data: bytes) -> None:
        """Store a copy of ``data``."""
        rest = memoryview(data)
        while rest:
            room = self.room()
            count = min(len(room), len(rest))
            room[:count] = rest[:count]
            self.commit(count)
            rest = rest[count:]

    def read(self, offset: int, count: int) -> bytes:
        """Return up to ``count`` committed bytes from ``offset`` on."""
        with self._lock:
            end = min(offset + count, self._length)
            pieces = []
            while offset < end:
                piece = self._piece(offset, end)
                pieces.append(piece)
                offset += len(piece)
        return b"".join(pieces)

    def discard(self) -> None:
        """Release memory and file. The spool cannot be used after that."""
        with self._lock:
            self._budget.give_back(len(self._segments) * SEGMENT_BYTES)
            self._segments.clear()
            self._tail = bytearray()
            self._tail_from = self._filled = self._length = 0
            if self._file is not None:
                self._file.close()

    def _next_tail(self) -> None:
        with self._lock:
            if self._tail and self._file is None and self._budget.take(SEGMENT_BYTES):
                self._segments.append(self._tail)
                self._tail = bytearray()
            elif self._tail:
                if self._file is None:
                    self._file = _temporary_file(self)
                self._file.write(self._tail)
            if not self._tail:
                self._tail = bytearray(SEGMENT_BYTES)
            self._tail_from = self._length
            self._filled = 0

    def _piece(self, offset: int, end: int) -> bytes:
        """Return bytes at ``offset`` from memory or from the file."""
        index, start = divmod(offset, SEGMENT_BYTES)
        if index < len(self._segments):
            return bytes(memoryview(self._segments[index])[start : start + end - offset])
        filed_from = len(self._segments) * SEGMENT_BYTES
        if offset < self._tail_from and self._file is not None:
            return os.pread(self._file.fileno(), end - offset, offset - filed_from)
        return bytes(memoryview(self._tail)[offset - self._tail_from : end - self._tail_from])


def _temporary_file(owner: Spool) -> IO[bytes]:
    """Return a file without a name that is closed with its owner."""
    file = tempfile.TemporaryFile(buffering=0)  # ruff: ignore[open-file-with-context-handler]
    weakref.finalize(owner, file.close)
    return file
