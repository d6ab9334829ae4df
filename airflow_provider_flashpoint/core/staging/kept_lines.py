"""Lines that are not on record in the ledger yet, kept with their entries so that a later run can settle them.

::

    <directory>/<kept at>-<random>.lines     `<hour> <digest> <line>` each, as the ledger and the transport take them

A batch is a file of its own that is written at once and removed once it is settled. Nothing is changed in between:
which of its lines another run delivered meanwhile is for the ledger to say.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_provider_flashpoint.core.staging.event_ledger import Entry
from airflow_provider_flashpoint.core.staging.storage import StoragePath, list_names, read_whole, uri_of, write_whole
from airflow_provider_flashpoint.core.window import as_utc
from airflow_provider_flashpoint.errors import StageError

MAX_BATCHES = 100
_SUFFIX = ".lines"
_NAME_TIME = "%Y%m%dT%H%M%S.%fZ"


Pair = tuple[Entry, bytes]


@dataclass(frozen=True, slots=True)
class KeptBatch:
    """Lines, each with its entry in the ledger. ``at`` is when they were kept."""

    name: str
    at: datetime
    pairs: list[Pair]


class KeptLines:
    """The kept lines of one stream.

    :param max_batches: the most that is kept, None for any number; a batch is what is confirmed together.
    """

    def __init__(self, directory: StoragePath, *, max_batches: int | None = MAX_BATCHES) -> None:
        self._directory = directory
        self._max_batches = max_batches

    @property
    def uri(self) -> str:
        """Where the lines lie."""
        return uri_of(self._directory)

    def keep(self, pairs: Iterable[Pair], *, at: datetime) -> bool:
        """Keep a batch; return whether there was room for it.

        :raises OSError: the storage does not take it.
        """
        if self._max_batches is not None and len(self._names()) >= self._max_batches:
            return False
        content = b"".join(f"{entry.hour} {entry.digest.hex()} ".encode() + line for entry, line in pairs)
        name = f"{as_utc(at).strftime(_NAME_TIME)}-{secrets.token_hex(4)}{_SUFFIX}"
        write_whole(self._directory / name, content)
        return True

    def batches(self) -> Iterator[KeptBatch]:
        """Yield what is kept, oldest first, one batch in memory at a time.

        :raises StageError: a file cannot be read.
        """
        for name in self._names():
            with contextlib.suppress(FileNotFoundError):  # another run settled it meanwhile
                yield self._read(name)

    def remove(self, name: str) -> None:
        """Forget the batch of this name, which is settled."""
        (self._directory / name).unlink(missing_ok=True)

    def _names(self) -> list[str]:
        return [name for name in list_names(self._directory) if name.endswith(_SUFFIX)]

    def _read(self, name: str) -> KeptBatch:
        content = read_whole(self._directory / name)
        pairs = []
        try:
            at = datetime.strptime(name.partition("-")[0], _NAME_TIME).replace(tzinfo=UTC)
            for kept in content.split(b"\n")[:-1]:
                hour, digest, line = kept.split(b" ", 2)
                pairs.append((Entry(hour.decode(), bytes.fromhex(digest.decode())), line + b"\n"))
        except ValueError as error:
            raise StageError(
                f"{name} in {self.uri} holds no kept lines. Remove it: what it held is read again with its window."
            ) from error
        return KeptBatch(name, at, pairs)
