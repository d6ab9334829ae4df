"""Which try of a run delivers: the newest one, which an older one that still runs makes way for.

Airflow begins another try when it has lost sight of one: its supervisor was killed, its machine cannot be reached, its
run was cleared. The lost one may go on meanwhile. The next one catches up with it, since the ledger spares it what was
confirmed, and from then on both would send each batch at the same time.
"""

from __future__ import annotations

import hashlib
import secrets

from airflow_provider_flashpoint.core.staging.storage import StoragePath, read_whole, write_whole
from airflow_provider_flashpoint.errors import SupersededError


class NewestTry:
    """One try of a run, as the others see it. Tries of other runs are left alone.

    :param path: a file of the stream, which names the try that began last.
    :param run: names the run.
    """

    def __init__(self, path: StoragePath, *, run: str) -> None:
        self._path = path
        self._run = hashlib.sha256(run.encode("utf-8", "surrogatepass")).hexdigest().encode()
        self._name = self._run + secrets.token_hex(16).encode()

    def begin(self) -> None:
        """Take over from the earlier tries of this run."""
        write_whole(self._path, self._name)

    def check(self) -> None:
        """Return while no other try of this run has begun.

        :raises SupersededError: one has.
        """
        try:
            newest = read_whole(self._path)
        except FileNotFoundError:  # the staging storage was wiped
            return
        if newest != self._name and newest.startswith(self._run):
            raise SupersededError("Another try of this run has begun and goes on from here; this one ends.")
