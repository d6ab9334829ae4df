"""The files of one event stream, and the subset that a preview uses.

::

    <staging>/alerts/<stream>/ledger/        entries of confirmed events
                              unsent/        lines that were read and not delivered
                              unverified/    lines that were confirmed and not seen in the table yet
                              dead_letters/  rejected records
                              newest_try     the attempt lock
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
from airflow_provider_flashpoint.core.staging.event_ledger import NAME_TIME, EventLedger
from airflow_provider_flashpoint.core.staging.kept_lines import KeptLines
from airflow_provider_flashpoint.core.staging.rejected_records import RejectedRecords
from airflow_provider_flashpoint.core.staging.storage import StoragePath


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStore:
    """The files of one event stream. Without ``unsent`` and ``unverified`` no lines are kept, without ``lock`` none."""

    ledger: EventLedger
    rejected: RejectedRecords
    unsent: KeptLines | None = None
    unverified: KeptLines | None = None
    lock: AttemptLock | None = None

    @classmethod
    def open(cls, directory: StoragePath, *, work: str, at: datetime) -> Self:
        """Return the store of one attempt. Nothing is written yet.

        :param directory: ``<staging>/alerts/<stream>``.
        :param work: names the run, see `AttemptLock`.
        :param at: start of the attempt; names the file of rejected records.
        """
        rejected = f"{at.strftime(NAME_TIME)}-{secrets.token_hex(4)}.jsonl"
        return cls(
            ledger=EventLedger(directory / "ledger"),
            rejected=RejectedRecords(directory / "dead_letters" / rejected),
            unsent=KeptLines(directory / "unsent"),
            unverified=KeptLines(directory / "unverified", max_batches=None),
            lock=AttemptLock(directory / "newest_try", work=work),
        )

    @classmethod
    def preview(cls, directory: StoragePath, *, rejected: StoragePath) -> Self:
        """Return a store that reads the ledger in ``directory`` and writes only rejected records, into a file."""
        return cls(ledger=EventLedger(directory / "ledger", read_only=True), rejected=RejectedRecords(rejected))

    def kept(self, *, verified: bool) -> Sequence[KeptLines]:
        """Return the lines of earlier runs that must be sent first.

        :param verified: a query tells which unverified lines are missing; without it all of them are sent again.
        """
        return [lines for lines in (None if verified else self.unverified, self.unsent) if lines is not None]

    def begin_attempt(self) -> None:
        """Take over from earlier attempts."""
        if self.lock:
            self.lock.begin()

    def check_attempt(self) -> None:
        """Return while this attempt is the newest.

        :raises SupersededError: another attempt has started.
        """
        if self.lock:
            self.lock.check()
