"""The files of one event stream.

::

    <staging>/alerts/<stream>/ledger/        entries of confirmed events
                              unsent/        lines that were read and not delivered
                              unverified/    lines that were confirmed and not seen in the table yet
                              dead_letters/  rejected records
                              newest_try     the attempt lock
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
from airflow_provider_flashpoint.core.staging.events.event_ledger import EventLedger
from airflow_provider_flashpoint.core.staging.events.kept_lines import KeptLines
from airflow_provider_flashpoint.core.staging.prune import prune_rejected
from airflow_provider_flashpoint.core.staging.rejected_records import RejectedRecords
from airflow_provider_flashpoint.core.staging.storage import StoragePath, new_name
from airflow_provider_flashpoint.core.window import as_utc


class EventStore:
    """The files of one event stream, for one attempt. Nothing is written yet.

    :param work: names the run, see `AttemptLock`.
    :param at: start of the attempt; names the file of rejected records.
    """

    def __init__(self, directory: StoragePath, *, work: str, at: datetime) -> None:
        self.ledger = EventLedger(directory / "ledger")
        self.unsent = KeptLines(directory / "unsent")
        self.unverified = KeptLines(directory / "unverified", max_batches=None)
        self._rejected = directory / "dead_letters"
        self.rejected = RejectedRecords(self._rejected / f"{as_utc(at):%Y%m%d}" / new_name(at, ".jsonl"))
        self.lock = AttemptLock(directory / "newest_try", work=work)

    def prune(self, *, before: datetime) -> None:
        """Remove a limited number of old ledger entries and rejected records."""
        self.ledger.prune(before=before)
        prune_rejected(self._rejected, before=before)

    @classmethod
    def preview(cls, directory: StoragePath, *, temporary: StoragePath) -> EventStore:
        """Return a store that reads the ledger in ``directory`` and writes into ``temporary`` only."""
        store = cls(temporary, work="preview", at=datetime.now(UTC))
        store.ledger = EventLedger(directory / "ledger", read_only=True)
        return store
