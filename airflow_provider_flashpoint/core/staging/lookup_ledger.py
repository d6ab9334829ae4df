"""The ledger of a lookup: the version of each key that was delivered, so that no rerun replaces new values by old ones.

::

    <directory>/<build>/<deployed at>-<random>-<digest>.versions
                .deploying/                                         see `open_deployments`

Each sync adds a file of 24 bytes a row; beyond `_MAX_FILES` they are merged. A sync reads the files that may hold a
newer version than its own oldest one: a few, unless its window is old.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator, Iterable, Iterator
from datetime import UTC, datetime
from typing import cast

from airflow_provider_flashpoint.core.staging.newest import PACKED, Known, NewestVersions
from airflow_provider_flashpoint.core.staging.open_deployments import OpenDeployments
from airflow_provider_flashpoint.core.staging.sealed import read_sealed, write_sealed, write_sealed_after
from airflow_provider_flashpoint.core.staging.storage import NAME_TIME, StoragePath, list_names, remove_tree

_MAX_FILES = 64
_ENTRIES_WRITTEN = 4096
_SUFFIX = ".versions"
_REMEDY = 'Rebuild the lookup, which begins a new ledger: run its DAG with {"lookup_status": "New"}.'


class LookupLedger:
    """The ledger of one build of a lookup.

    :param directory: the directory of this lookup, with one directory for each build.
    :param read_only: `add` and `forget_other_builds` do nothing, as a preview needs.
    """

    def __init__(self, directory: StoragePath, *, build: str, read_only: bool = False) -> None:
        self._directory = directory
        self._build = build
        self._read_only = read_only
        self.open_deployments = OpenDeployments(directory / ".deploying", read_only=read_only)

    def known(self, *, since_us: int = 0) -> Iterator[Known]:
        """Yield the delivered keys and versions. A key comes once for each of its syncs, until files are merged.

        :param since_us: leave out syncs before this time, in microseconds since 1970; their versions are older.
        :raises StageError: a file is damaged.
        """
        since = datetime.fromtimestamp(max(0, since_us) // 1_000_000, UTC).strftime(NAME_TIME)
        for name in self._files():
            if name >= since:
                yield from self._read(name)

    def is_empty(self) -> bool:
        """Return whether there are no entries: the lookup was built elsewhere, or the staging storage was wiped."""
        return not self._files()

    def add(self, delivered: Iterable[Known], *, at: datetime) -> None:
        """Record the rows of a sync."""
        with self.adding(delivered, at=at):
            pass

    @contextlib.contextmanager
    def adding(self, delivered: Iterable[Known], *, at: datetime) -> Generator[None]:
        """Record the rows of a sync at the end of the block, in which Devo accepts them.

        Then the files are merged, if there are many.

        :param at: a time after the pull and before the block.
        :raises TransientError: there is no room for the record.
        """
        if self._read_only:
            yield
            return
        with write_sealed_after(self._home, _packed(iter(delivered)), at=at, suffix=_SUFFIX):
            yield
        names = self._files()
        if len(names) > _MAX_FILES:
            self._merge(names, at=at)

    def forget_other_builds(self) -> None:
        """Remove the ledgers of earlier builds of the lookup."""
        if self._read_only:
            return
        for name in list_names(self._directory):
            if name != self._build:
                remove_tree(self._directory / name)

    def _merge(self, names: list[str], *, at: datetime) -> None:
        with NewestVersions() as newest:
            newest.add_rows(known for name in names for known in self._read(name))
            self._write(newest.delivered(newest.superseded()), at=at)
        for name in names:
            (self._home / name).unlink(missing_ok=True)

    def _write(self, entries: Iterable[Known], *, at: datetime) -> None:
        write_sealed(self._home, _packed(iter(entries)), at=at, suffix=_SUFFIX)

    def _read(self, name: str) -> Iterator[Known]:
        for block in read_sealed(self._home / name, unit=PACKED.size, remedy=_REMEDY):
            yield from cast("Iterator[Known]", PACKED.iter_unpack(block))

    def _files(self) -> list[str]:
        return [name for name in list_names(self._home) if name.endswith(_SUFFIX)]

    @property
    def _home(self) -> StoragePath:
        return self._directory / self._build


def _packed(entries: Iterator[Known]) -> Iterator[bytes]:
    while block := b"".join(PACKED.pack(*entry) for entry in itertools.islice(entries, _ENTRIES_WRITTEN)):
        yield block
