"""Which version of which key a lookup was given, so that a rerun of an old window never puts back an old value.

::

    <directory>/<generation>/<delivered at>-<random>.versions

A generation is one build of the lookup: a rebuild begins a new one. Each sync adds one file of 24 bytes a row; past
`_MOST_FILES` they are merged. A sync reads those that may hold a newer version than its own oldest one: a handful,
unless its window is an old one.
"""

from __future__ import annotations

import secrets
from array import array
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from airflow_provider_flashpoint.core.staging.newest import Known, NewestVersions
from airflow_provider_flashpoint.core.staging.storage import StoragePath, list_names, remove_tree, whole_file
from airflow_provider_flashpoint.core.window import as_utc

_MOST_FILES = 64
_ENTRY = 3
_BLOCK = 4096 * _ENTRY
_SUFFIX = ".versions"
_NAME_TIME = "%Y%m%dT%H%M%S.%fZ"


class LookupLedger:
    """The ledger of one lookup.

    :param directory: where the generations of this lookup lie.
    :param generation: names the build of the lookup, as its state tells.
    """

    def __init__(self, directory: StoragePath, *, generation: str) -> None:
        self._directory = directory
        self._generation = generation

    def known(self, *, since_us: int = 0) -> Iterator[Known]:
        """Yield what was delivered; a key comes once for each sync that delivered it, until files are merged.

        :param since_us: leave out syncs before this time, in microseconds: what they delivered is older still.
        """
        since = datetime.fromtimestamp(max(0, since_us) // 1_000_000, UTC).strftime(_NAME_TIME)
        for name in self._files():
            if name >= since:
                yield from self._read(name)

    def is_empty(self) -> bool:
        """Return whether nothing is on record: a lookup built elsewhere, or a staging storage that was wiped."""
        return not self._files()

    def add(self, delivered: Iterable[Known], *, at: datetime) -> None:
        """Record what a sync delivered, after Devo accepted it; then merge the files if they have become many."""
        self._write(delivered, at=at)
        names = self._files()
        if len(names) > _MOST_FILES:
            self._merge(names, at=at)

    def forget_other_generations(self) -> None:
        """Remove what belongs to earlier builds of the lookup."""
        for name in list_names(self._directory):
            if name != self._generation:
                remove_tree(self._directory / name)

    def _merge(self, names: list[str], *, at: datetime) -> None:
        with NewestVersions() as newest:
            place = 0
            for name in names:
                for known in self._read(name):
                    newest.add_entry(known, place)
                    place += 1
            self._write(newest.delivered(newest.settle()), at=at)
        for name in names:
            (self._home / name).unlink(missing_ok=True)

    def _write(self, entries: Iterable[Known], *, at: datetime) -> None:
        name = f"{as_utc(at).strftime(_NAME_TIME)}-{secrets.token_hex(4)}{_SUFFIX}"
        block = array("q")
        with whole_file(self._home / name) as file:
            for entry in entries:
                block.extend(entry)
                if len(block) >= _BLOCK:
                    file.write(block.tobytes())
                    del block[:]
            file.write(block.tobytes())

    def _read(self, name: str) -> Iterator[Known]:
        with (self._home / name).open("rb") as file:
            while content := file.read(_BLOCK * 8):
                block = array("q", content)
                for at in range(0, len(block), _ENTRY):
                    yield block[at], block[at + 1], block[at + 2]

    def _files(self) -> list[str]:
        return [name for name in list_names(self._home) if name.endswith(_SUFFIX)]

    @property
    def _home(self) -> StoragePath:
        return self._directory / self._generation
