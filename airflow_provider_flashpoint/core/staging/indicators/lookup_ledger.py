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

from airflow_provider_flashpoint.core.staging.folders import list_names, remove_files, remove_tree
from airflow_provider_flashpoint.core.staging.indicators.newest import PACKED, Known, NewestVersions
from airflow_provider_flashpoint.core.staging.indicators.open_deployments import OpenDeployments
from airflow_provider_flashpoint.core.staging.sealed import read_sealed, write_sealed, write_sealed_after
from airflow_provider_flashpoint.core.staging.storage import NAME_TIME, StoragePath

_MAX_FILES = 64
_MOST_LISTINGS = 3
_ENTRIES_WRITTEN = 4096
_SUFFIX = ".versions"
_REMEDY = 'Rebuild the lookup, which begins a new ledger: run its DAG with {"rebuild": ["<lookup name>"]}.'


class LookupLedger:
    """The ledger of one build of a lookup.

    :param directory: the directory of this lookup, with one directory for each build.
    :param read_only: `add` and `forget_other_builds` do nothing, as a preview needs.
    """

    def __init__(self, directory: StoragePath, *, build: str, read_only: bool = False) -> None:
        self._directory = directory
        self._build = build
        self._read_only = read_only
        self._files: list[str] | None = None  # as of the last listing, with what was added since
        self.open_deployments = OpenDeployments(directory / ".deploying", read_only=read_only)

    def known(self, *, since_us: int = 0) -> Iterator[Known]:
        """Yield the delivered keys and versions. A key comes once for each of its syncs, until files are merged.

        :param since_us: leave out syncs before this time, in microseconds since 1970; their versions are older.
        :raises StageError: a file is damaged.
        """
        since = datetime.fromtimestamp(max(0, since_us) // 1_000_000, UTC).strftime(NAME_TIME)
        for listings_left in reversed(range(_MOST_LISTINGS)):
            self._files = self._list()
            try:
                for name in self._files:
                    if name >= since:
                        yield from self._read(name)
                return
            except FileNotFoundError:  # another sync has merged the files, and the next listing has theirs
                if not listings_left or not self._list():
                    raise

    def is_empty(self) -> bool:
        """Return whether there are no entries: the lookup was built elsewhere, or the staging storage was wiped."""
        if self._files is None:
            self._files = self._list()
        return not self._files

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
        with write_sealed_after(self._home, _packed(iter(delivered)), at=at, suffix=_SUFFIX) as written:
            yield
        self._files = self._list() if self._files is None else [*self._files, written]
        if len(self._files) > _MAX_FILES:
            self._files = [self._merge(self._files, at=at)]

    def forget_other_builds(self) -> None:
        """Remove the ledgers of earlier builds of the lookup."""
        if self._read_only:
            return
        for name in list_names(self._directory):
            if name != self._build:
                remove_tree(self._directory / name)

    def _merge(self, names: list[str], *, at: datetime) -> str:
        with NewestVersions() as newest:
            newest.add_rows(known for name in names for known in self._read(name))
            merged = self._write(newest.delivered(newest.superseded()), at=at)
        remove_files(self._home, names)
        return merged

    def _write(self, entries: Iterable[Known], *, at: datetime) -> str:
        return write_sealed(self._home, _packed(iter(entries)), at=at, suffix=_SUFFIX)

    def _read(self, name: str) -> Iterator[Known]:
        for block in read_sealed(self._home / name, unit=PACKED.size, remedy=_REMEDY):
            yield from cast("Iterator[Known]", PACKED.iter_unpack(block))

    def _list(self) -> list[str]:
        return [name for name in list_names(self._home, remedy=_REMEDY) if name.endswith(_SUFFIX)]

    @property
    def _home(self) -> StoragePath:
        return self._directory / self._build


def _packed(entries: Iterator[Known]) -> Iterator[bytes]:
    while block := b"".join(PACKED.pack(*entry) for entry in itertools.islice(entries, _ENTRIES_WRITTEN)):
        yield block
