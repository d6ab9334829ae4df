"""Proof of arrival: what was confirmed is on record only once Devo's table shows it; what is missing is sent again.

A confirmation says that Devo's front door has the lines. Between the door and the table lies Devo's own way, of which
only a query tells. Events are indexed late, so a missing one is waited for; one that is still missing when nothing new
has shown for a while is sent again. One that was only late comes twice then: delivery stays at least once.

Confirmed lines are kept in the staging storage until they are seen. A run that is killed leaves them there, and the
next run asks for them first.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.staging.event_ledger import Entry, EventLedger
from airflow_provider_flashpoint.core.staging.kept_lines import KeptLines, Pair
from airflow_provider_flashpoint.errors import DataError, DeliveryError, TransientError

DEFAULT_TIMEOUT_S = 900.0
DEFAULT_PATIENCE_S = 120.0
DEFAULT_MAX_SENDS = 3
_SETTLED_AT_ONCE = 100  # batches of about 1,000 alerts
_FIRST_POLL_S = 2.0
_LONGEST_POLL_S = 30.0
# Devo dates an event by its own clock, which need not be ours.
_CLOCKS_DIFFER = timedelta(minutes=5)

_log = logging.getLogger(__name__)

Shown = Callable[[datetime], Iterable[tuple[str, int]]]


def id_under(field: str) -> Callable[[bytes], str | None]:
    """Return what finds the id of a line under the key ``field`` of its JSON, as Devo's table shows it."""

    def find(line: bytes) -> str | None:
        try:
            identity = codec.decode(line).get(field)
        except (ValueError, DataError):
            return None
        return None if identity is None else str(identity)

    return find


class Writer(Protocol):
    """Sends lines, and tells when the other side has them."""

    def write(self, lines: list[bytes]) -> None: ...
    def confirm(self) -> int: ...


@dataclass(slots=True)
class _Awaited:
    """Alerts that the table does not show yet, by id, and the batches that hold their lines."""

    since: datetime
    by_id: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    batches: list[str] = field(default_factory=list)
    count: int = 0
    seen: int = 0

    @property
    def missing(self) -> int:
        return self.count - self.seen


class Verification:
    """Sees to it that the table shows what was confirmed. It settles a hundred batches at once, and holds their ids.

    :param unverified: keeps confirmed lines until they are seen; it must take any number of batches.
    :param shown: returns the ids in the table from an instant on, each with the number of its events.
    :param id_of: returns the id that a line has in the table; None where it has none, which cannot be asked for and
        counts as seen.
    :param before_sending: raises where this run may not send any more.
    :param by_event_time: the table dates events by their own time, not by that of their arrival.
    :param timeout_s: the longest time that one settling takes.
    :param patience_s: how long nothing new may show before what is missing is sent again.
    :param max_sends: how often one run sends a line in all.
    """

    def __init__(
        self,
        *,
        unverified: KeptLines,
        ledger: EventLedger,
        writer: Writer,
        shown: Shown,
        id_of: Callable[[bytes], str | None],
        before_sending: Callable[[], None] = lambda: None,
        by_event_time: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        patience_s: float = DEFAULT_PATIENCE_S,
        max_sends: int = DEFAULT_MAX_SENDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.verified = 0
        self.sent_again = 0
        self._unverified = unverified
        self._ledger = ledger
        self._writer = writer
        self._shown = shown
        self._id_of = id_of
        self._before_sending = before_sending
        self._by_event_time = by_event_time
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._max_sends = max_sends
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._pending: set[bytes] = set()
        self._added = 0  # batches since the last settling

    def __contains__(self, entry: Entry) -> bool:
        """Return whether this run has had the alert confirmed and not seen it yet."""
        return entry.digest in self._pending

    def add(self, pairs: Sequence[Pair], *, sent_from: datetime) -> None:
        """Keep what was just confirmed until it is seen; settle what is kept where it has become much.

        :param sent_from: when the first of them was sent; none can have arrived earlier.
        """
        self._unverified.keep(pairs, at=sent_from)
        self._pending.update(entry.digest for entry, _ in pairs)
        self._added += 1
        if self._added >= _SETTLED_AT_ONCE:
            self.settle()

    def settle(self) -> None:
        """Return once the table shows all that is kept, and that is in the ledger.

        :raises DeliveryError: it does not, in time and after the last send; what it lacks stays kept for the next run.
        :raises ConfigurationError, PermanentError: the query is refused.
        """
        awaited = self._await()
        deadline_s = self._clock() + self._timeout_s
        for sends in range(1, self._max_sends + 1):
            self._look(awaited, deadline_s)
            if not awaited.by_id:
                break
            if sends == self._max_sends or self._clock() >= deadline_s:
                raise DeliveryError(
                    f"Devo's table shows {awaited.seen} of {awaited.count} alerts that were confirmed, after {sends} "
                    f"sends and {self._timeout_s + self._clock() - deadline_s:.0f} s. The other {awaited.missing} are "
                    f"kept in {self._unverified.uri}; the next run asks for them first.",
                    unconfirmed=awaited.missing,
                )
            self._send_again(awaited)
        for name in awaited.batches:
            self._unverified.remove(name)
        self._pending.clear()
        self._added = 0

    def _await(self) -> _Awaited:
        awaited = _Awaited(self._now())
        for batch in self._unverified.batches():
            awaited.batches.append(batch.name)
            awaited.since = min(awaited.since, batch.at - _CLOCKS_DIFFER)
            self._ledger.refresh(entry for entry, _ in batch.pairs)
            unasked = []
            for entry, line in batch.pairs:
                if entry in self._ledger:
                    continue
                identity = self._id_of(line)
                if identity is None:
                    unasked.append(entry)
                    continue
                awaited.by_id[identity].append(entry)
                awaited.count += 1
                if self._by_event_time and entry.begin is not None:
                    awaited.since = min(awaited.since, entry.begin)
            self._ledger.add(unasked, at=self._now())
        return awaited

    def _look(self, awaited: _Awaited, deadline_s: float) -> None:
        """Ask until all is seen, nothing new has shown for a while, or the time is over."""
        latest_s, wait_s = self._clock(), _FIRST_POLL_S
        while awaited.by_id:
            if self._ask(awaited) != 0:
                latest_s = self._clock()
            if not awaited.by_id or self._clock() >= min(latest_s + self._patience_s, deadline_s):
                return
            self._sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_POLL_S)

    def _ask(self, awaited: _Awaited) -> int | None:
        """Ask once, record what is seen for the first time, and return how many alerts that were.

        Returns None where the query failed: then what it did not show need not be missing.
        """
        seen: list[Entry] = []
        is_whole = True
        events = 0
        try:
            for text, count in self._shown(awaited.since):
                # Devo writes a value that was cut out of JSON with or without its quotes.
                entries = awaited.by_id.pop(text, None) or awaited.by_id.pop(text.strip('"'), None)
                if entries:
                    seen += entries
                    events += count
        except TransientError as error:
            is_whole = False
            _log.warning("%s It is asked again.", error)
        self._ledger.add(seen, at=self._now())
        self.verified += len(seen)
        awaited.seen += len(seen)
        _log.info(
            "Devo's table shows %d of %d alerts; %d of them are new, in %d events.",
            awaited.seen,
            awaited.count,
            len(seen),
            events,
        )
        return len(seen) if is_whole else None

    def _send_again(self, awaited: _Awaited) -> None:
        self._before_sending()
        _log.warning("%d alerts are confirmed and missing in Devo's table; they are sent again.", awaited.missing)
        for batch in self._unverified.batches():
            if batch.name in awaited.batches:
                lines = [line for _, line in batch.pairs if self._id_of(line) in awaited.by_id]
                self._writer.write(lines)
                self.sent_again += len(lines)
        self._writer.confirm()
