"""Verify delivery: confirmed events enter the ledger once Devo's table shows them; missing ones are sent again.

A confirmation says that Devo's endpoint has read the lines; only a query shows whether they reached the table. Devo
indexes events late, so missing events are waited for. Those that are still missing after a while without any new event
are sent again. An event that was only late is then stored twice: delivery is at least once.

Confirmed lines are kept in the staging storage until they are seen. A killed run leaves them there, and the next run
queries for them first.
"""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.devo.queries import QueryClient
from airflow_provider_flashpoint.core.identity import id_of
from airflow_provider_flashpoint.core.reporting.sender_log import SenderLog
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.staging.events.event_ledger import Entry
from airflow_provider_flashpoint.core.staging.events.event_store import EventStore
from airflow_provider_flashpoint.core.staging.events.kept_lines import Pair
from airflow_provider_flashpoint.errors import DataError, DeliveryError, NetworkError, RateLimitedError, ServerError

_MAX_PENDING_BATCHES = 100  # of about 1,000 events
_FIRST_POLL_S = 2.0
_LONGEST_POLL_S = 30.0
# Devo dates an event by its own clock, which can differ from ours.
_MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTable:
    """The table that events are verified in.

    :param id_field: the key of the id in each event.
    :param by_event_time: the table dates events by their own time, not by their arrival.
    """

    queries: QueryClient
    tag: str
    id_field: str
    by_event_time: bool = False

    def id_of(self, line: bytes) -> str | None:
        """Return the id of a line as the table shows it; None where it has none."""
        try:
            identity = id_of(codec.decode(line).get(self.id_field))
        except (ValueError, DataError):
            return None
        return None if identity is None else str(identity)


@dataclass(slots=True)
class _Pending:
    """Events that the table does not show yet, by id, and the batches that hold their lines."""

    since: datetime
    by_id: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    batches: list[str] = field(default_factory=list)
    count: int = 0

    @property
    def missing(self) -> int:
        return sum(map(len, self.by_id.values()))

    def id_shown_as(self, text: str) -> str | None:
        """Return the pending id of a text in an answer: Devo returns a value from JSON with or without its quotes."""
        return next((each for each in (text, text.strip('"')) if each in self.by_id), None)


class Verification:
    """Verifies the confirmed events of one stream, at most a hundred batches at a time.

    Events without an id cannot be queried for; their confirmation is enough.

    :param store: keeps confirmed lines in ``unverified`` until they are seen, and records seen events in ``ledger``.
    :param timeout_s: the longest time that one round of queries takes.
    :param patience_s: how long no new event may appear before missing ones are sent again.
    :param max_sends: how often one run sends a line.
    """

    def __init__(
        self,
        table: EventTable,
        store: EventStore,
        writer: SenderLog,
        clock: Clock,
        *,
        timeout_s: float,
        patience_s: float = 120.0,
        max_sends: int = 3,
    ) -> None:
        self.verified = 0
        self.sent_again = 0
        self._table = table
        self._store = store
        self._writer = writer
        self._clock = clock
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._max_sends = max_sends
        self._confirmed: set[Entry] = set()
        self._batches = 0  # since the last round

    def __contains__(self, entry: Entry) -> bool:
        """Return whether this run has confirmed the event and not seen it yet."""
        return entry in self._confirmed

    @contextlib.contextmanager
    def adding(self, pairs: Sequence[Pair], *, at: datetime) -> Generator[None]:
        """Keep lines, which the block sends and confirms, until they are seen. Where there are many, verify them.

        :param at: time of the first send; no event can have arrived earlier.
        :raises TransientError: there is no room to keep them.
        """
        with self._store.unverified.keeping(pairs, at=at):
            yield
        self._confirmed.update(entry for entry, _ in pairs)
        self._batches += 1
        if self._batches >= _MAX_PENDING_BATCHES:
            self.complete()

    def complete(self) -> None:
        """Return once the table shows all kept lines and they are in the ledger.

        :raises DeliveryError: lines are missing after the last send, or at the timeout; they stay kept for the next
            run.
        :raises ConfigurationError, PermanentError: the query is refused.
        """
        pending = self._pending()
        begin_s = self._clock.monotonic()
        deadline_s = begin_s + self._timeout_s
        for sends in range(1, self._max_sends + 1):
            self._poll(pending, deadline_s)
            if not pending.by_id:
                break
            if sends == self._max_sends or self._clock.monotonic() >= deadline_s:
                shown = pending.count - pending.missing
                raise DeliveryError(
                    f"Devo's table shows {shown} of {pending.count} confirmed events after {sends} sends and "
                    f"{self._clock.monotonic() - begin_s:.0f} s. The other {pending.missing} are "
                    f"kept in {self._store.unverified.uri}; the next run queries for them first.",
                    unconfirmed=pending.missing,
                )
            self._send_missing(pending)
        self._store.unverified.remove(*pending.batches)
        self._confirmed.clear()
        self._batches = 0

    def _pending(self) -> _Pending:
        pending, ledger = _Pending(self._clock.now()), self._store.ledger
        for batch in self._store.unverified.batches():
            pending.batches.append(batch.name)
            pending.since = min(pending.since, batch.at - _MAX_CLOCK_DIFFERENCE)
            ledger.refresh(entry for entry, _ in batch.pairs)
            without_id = []
            for entry, line in batch.pairs:
                if entry in ledger:
                    continue
                identity = self._table.id_of(line)
                if identity is None:
                    without_id.append(entry)
                    continue
                pending.by_id[identity].append(entry)
                pending.count += 1
                if self._table.by_event_time and entry.begin is not None:
                    pending.since = min(pending.since, entry.begin)
            ledger.add(without_id, at=self._clock.now())
        return pending

    def _poll(self, pending: _Pending, deadline_s: float) -> None:
        """Query until all events are seen, no new one has appeared for a while, or the time is over."""
        latest_s, wait_s = self._clock.monotonic(), _FIRST_POLL_S
        while pending.by_id:
            try:
                is_newer = self._query(pending)
            except (NetworkError, RateLimitedError, ServerError) as error:
                is_newer = True  # events that a failed query did not show need not be missing
                _log.warning("%s The query is repeated.", error)
            if is_newer:
                latest_s = self._clock.monotonic()
            if not pending.by_id or self._clock.monotonic() >= min(latest_s + self._patience_s, deadline_s):
                return
            self._clock.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_POLL_S)

    def _query(self, pending: _Pending) -> bool:
        """Query once, record the events seen for the first time, and return whether there were any.

        Events with one id, such as 1 and "1", are seen once the table shows as many: nothing says which is missing.
        """
        table = self._table
        counts: Counter[str] = Counter()
        seen: list[Entry] = []
        stored = 0
        try:
            for text, count in table.queries.id_counts(table.tag, table.id_field, since=pending.since):
                identity = pending.id_shown_as(text)
                if identity is None:
                    continue
                stored += count
                counts[identity] += count
                if counts[identity] >= len(set(pending.by_id[identity])):
                    seen += pending.by_id.pop(identity)
        finally:
            self._store.ledger.add(seen, at=self._clock.now())
            self.verified += len(seen)
            _log.info(
                "Devo's table shows %d of %d events; %d of them are new, stored %d times.",
                pending.count - pending.missing,
                pending.count,
                len(seen),
                stored,
            )
        return bool(seen)

    def _send_missing(self, pending: _Pending) -> None:
        self._store.lock.check()
        _log.warning("%d confirmed events are missing in Devo's table; they are sent again.", pending.missing)
        for batch in self._store.unverified.batches():
            if batch.name in pending.batches:
                lines = [line for _, line in batch.pairs if self._table.id_of(line) in pending.by_id]
                self._writer.write(lines)
                self.sent_again += len(lines)
        self._writer.confirm()
