"""Kept lines: lines that are not in the ledger yet, each with its entry, for a later run.

::

    <directory>/<kept at>-<random>-<digest>.lines

Each line is ``<hour> <digest> <line>``, as the ledger and the transport take them. A batch is one file, written at once
and removed when its lines are in the ledger. It is never changed: the ledger shows which of its lines another run has
delivered.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.staging.events.event_ledger import Entry
from airflow_provider_flashpoint.core.staging.folders import list_names, remove_files
from airflow_provider_flashpoint.core.staging.sealed import damaged, read_sealed, write_sealed, write_sealed_after
from airflow_provider_flashpoint.core.staging.storage import StoragePath, time_of, uri_of
from airflow_provider_flashpoint.errors import StageError

MAX_BATCHES = 100
_SUFFIX = ".lines"
_REMEDY = "Remove it; its events are read again with their window."

_log = logger(__name__)

Pair = tuple[Entry, bytes]


@dataclass(frozen=True, slots=True)
class KeptBatch:
    """Lines, each with its ledger entry. ``at`` is the time when they were kept."""

    name: str
    at: datetime
    pairs: list[Pair]


class KeptLines:
    """The kept lines of one stream.

    :param max_batches: the largest number of batches to keep; None for any number.
    """

    def __init__(self, directory: StoragePath, *, max_batches: int | None = MAX_BATCHES) -> None:
        self._directory = directory
        self._max_batches = max_batches

    @property
    def uri(self) -> str:
        """The address of the directory."""
        return uri_of(self._directory)

    def keep(self, pairs: Iterable[Pair], *, at: datetime) -> bool:
        """Keep a batch; return False where ``max_batches`` are kept already.

        :raises OSError: the storage does not accept the file.
        """
        if self._max_batches is not None and len(self._names()) >= self._max_batches:
            return False
        write_sealed(self._directory, _content(pairs), at=at, suffix=_SUFFIX)
        return True

    @contextlib.contextmanager
    def keeping(self, pairs: Iterable[Pair], *, at: datetime) -> Generator[None]:
        """Keep a batch at the end of the block, in which Devo confirms it.

        :raises TransientError: there is no room for it.
        """
        with write_sealed_after(self._directory, _content(pairs), at=at, suffix=_SUFFIX):
            yield

    def keep_after_error(self, pairs: Sequence[Pair], *, at: datetime) -> None:
        """Keep undelivered lines and log the outcome. A failure is only logged, since an error is being raised."""
        if not pairs:
            return
        try:
            problem = "" if self.keep(pairs, at=at) else f"{self.uri} is full"
        except (OSError, StageError) as error:
            problem = str(error)
        outcome = f"They are kept in {self.uri}; the next run sends them first."
        if problem:
            outcome = f"They cannot be kept ({problem}): their window must be read again."
        _log.warning("%d events were not delivered. %s", len(pairs), outcome)

    def batches(self) -> Iterator[KeptBatch]:
        """Yield the kept batches, oldest first, one in memory at a time.

        :raises StageError: a file is damaged.
        """
        for name in self._names():
            with contextlib.suppress(FileNotFoundError):  # another run removed it meanwhile
                yield self._read(name)

    def remove(self, *names: str) -> None:
        """Remove the batches of these names."""
        remove_files(self._directory, names)

    def _names(self) -> list[str]:
        return [name for name in list_names(self._directory, remedy=_REMEDY) if name.endswith(_SUFFIX)]

    def _read(self, name: str) -> KeptBatch:
        path = self._directory / name
        *lines, rest = b"".join(read_sealed(path, remedy=_REMEDY)).split(b"\n")
        if rest:
            raise damaged(path, "its last line is cut", _REMEDY)
        pairs = []
        try:
            at = time_of(name)
            for kept in lines:
                hour, digest, line = kept.split(b" ", 2)
                pairs.append((Entry(hour.decode(), bytes.fromhex(digest.decode())), line + b"\n"))
        except ValueError as error:
            raise damaged(path, "it holds no kept lines", _REMEDY) from error
        return KeptBatch(name, at, pairs)


def _content(pairs: Iterable[Pair]) -> Iterator[bytes]:
    return (f"{entry.hour} {entry.digest.hex()} ".encode() + line for entry, line in pairs)
