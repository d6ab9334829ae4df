"""The attempt lock: only the newest attempt of a piece of work delivers.

Airflow starts another attempt when it loses contact with one: its supervisor was killed, its machine is unreachable, or
its run was cleared. The lost attempt may keep running. The ledger lets the new attempt skip what was confirmed, so it
catches up, and from then on both would send every batch. A lost sync could even deploy old rows after a newer sync.
"""

from __future__ import annotations

import hashlib
import secrets

from airflow_provider_flashpoint.core.staging.folders import remove_tree
from airflow_provider_flashpoint.core.staging.storage import StoragePath, read_whole, write_whole
from airflow_provider_flashpoint.errors import SupersededError


class AttemptLock:
    """One attempt of some work. Attempts of other work do not affect it.

    :param path: a file of the stream that names the newest attempt.
    :param work: names the work that one attempt at a time may do: one run, or everything that writes to a lookup.
    """

    def __init__(self, path: StoragePath, *, work: str) -> None:
        self._path = path
        self._work = hashlib.sha256(work.encode("utf-8", "surrogatepass")).hexdigest().encode()
        self._name = self._work + secrets.token_hex(16).encode()

    def begin(self) -> None:
        """Take over from earlier attempts. A directory in place of the file is removed."""
        try:
            write_whole(self._path, self._name)
        except IsADirectoryError:
            remove_tree(self._path)
            write_whole(self._path, self._name)

    def check(self) -> None:
        """Return while this attempt is the newest.

        :raises SupersededError: another attempt has started.
        """
        try:
            newest = read_whole(self._path)
        except (FileNotFoundError, IsADirectoryError):  # the staging storage was wiped or changed
            return
        if newest != self._name and newest.startswith(self._work):
            raise SupersededError("Another attempt has started and continues from here; this one ends.")
