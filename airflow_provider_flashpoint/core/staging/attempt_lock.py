"""Which try delivers: the newest one, which an older one that still runs makes way for.

Airflow begins another try when it has lost sight of one: its supervisor was killed, its machine cannot be reached, its
run was cleared. The lost one may go on meanwhile. The next one catches up with it, since the ledger spares it what was
confirmed, and from then on both would send each batch at the same time. A lost sync might even bring the old values of
its rows after a newer sync.
"""

from __future__ import annotations

import hashlib
import secrets

from airflow_provider_flashpoint.core.staging.storage import StoragePath, read_whole, write_whole
from airflow_provider_flashpoint.errors import SupersededError


class AttemptLock:
    """One try of some work, as the others see it. Tries of other work are left alone.

    :param path: a file of the stream or lookup, which names the try that began last.
    :param work: names what only one try at a time may do: a run, or all that writes to a lookup.
    """

    def __init__(self, path: StoragePath, *, work: str) -> None:
        self._path = path
        self._work = hashlib.sha256(work.encode("utf-8", "surrogatepass")).hexdigest().encode()
        self._name = self._work + secrets.token_hex(16).encode()

    def begin(self) -> None:
        """Take over from the earlier tries."""
        write_whole(self._path, self._name)

    def check(self) -> None:
        """Return while no other try has begun.

        :raises SupersededError: one has.
        """
        try:
            newest = read_whole(self._path)
        except FileNotFoundError:  # the staging storage was wiped
            return
        if newest != self._name and newest.startswith(self._work):
            raise SupersededError("Another try has begun and goes on from here; this one ends.")
