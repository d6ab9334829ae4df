"""Pages of alerts become lines in Devo: read, skip what was confirmed before, send, confirm, record.

The order is the contract: an alert enters the ledger only after Devo confirmed it. A crash between the two repeats at
most one batch; a crash before loses nothing, since the window is read again. Where the process can still write, what
was not delivered is kept, and the next run sends it before it reads anything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from airflow_provider_flashpoint.core.flashpoint.endpoints import Endpoint
from airflow_provider_flashpoint.core.flashpoint.page import Page, Record
from airflow_provider_flashpoint.core.obfuscate import Obfuscator
from airflow_provider_flashpoint.core.pipelines.verify import Verification
from airflow_provider_flashpoint.core.staging.event_ledger import Entry, EventLedger, entry_of
from airflow_provider_flashpoint.core.staging.kept_lines import KeptLines, Pair
from airflow_provider_flashpoint.core.window import epoch_us
from airflow_provider_flashpoint.errors import DataError

DEFAULT_BATCH_RECORDS = 1000
DEFAULT_BATCH_BYTES = 4 << 20

_log = logging.getLogger(__name__)


class Writer(Protocol):
    """Sends lines, and tells when the other side has them."""

    def write(self, lines: Sequence[bytes]) -> None: ...
    def confirm(self) -> int: ...


@dataclass(slots=True)
class DeliverySummary:
    """Counts of one delivery.

    ``repeated`` alerts were confirmed before and not sent again, ``rejected`` ones cannot be sent as they are,
    ``undated`` ones have no time of their own. ``unsent`` ones were kept by an earlier run and sent first by this one;
    they are not counted among the others. ``verified`` ones Devo's table was asked for and shows; to get there,
    ``sent_again`` ones had to be sent once more.
    """

    read: int = 0
    sent: int = 0
    repeated: int = 0
    rejected: int = 0
    undated: int = 0
    bytes: int = 0
    unsent: int = 0
    verified: int = 0
    sent_again: int = 0


@dataclass(slots=True)
class _Batch:
    pairs: list[Pair] = field(default_factory=list)
    digests: set[bytes] = field(default_factory=set)
    bytes: int = 0


class Delivery:
    """Delivers pages of one stream of alerts.

    :param endpoint: tells where a record keeps its id and its time.
    :param line_of: makes the line of a record, newline included; a DataError sets the record aside.
    :param set_aside: keeps a record that cannot be sent, with the reason.
    :param obfuscator: hides values of each record before its line is made; without it none.
    :param unsent: keeps what cannot be delivered; without it, only reading the window again brings it back.
    :param left: what earlier runs kept, to be sent before anything is read.
    :param verification: lets what was confirmed enter the ledger only once Devo's table shows it.
    :param before_sending: called before each batch is sent; what it raises ends the delivery.
    :param send_again: send what was confirmed before, too.
    :param batch_records: how many alerts are confirmed together, at the end of a page; the most that a crash repeats.
    :param now: the clock, which stamps the ledger.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        ledger: EventLedger,
        writer: Writer,
        line_of: Callable[[Record], bytes],
        set_aside: Callable[[Record, str], None],
        now: Callable[[], datetime],
        obfuscator: Obfuscator | None = None,
        unsent: KeptLines | None = None,
        left: Sequence[KeptLines] = (),
        verification: Verification | None = None,
        before_sending: Callable[[], None] = lambda: None,
        send_again: bool = False,
        batch_records: int = DEFAULT_BATCH_RECORDS,
        batch_bytes: int = DEFAULT_BATCH_BYTES,
    ) -> None:
        self._endpoint = endpoint
        self._ledger = ledger
        self._writer = writer
        self._line_of = line_of
        self._set_aside = set_aside
        self._now = now
        self._before_sending = before_sending
        self._obfuscator = obfuscator or Obfuscator()
        self._unsent = unsent
        self._left = left
        self._verification = verification
        self._send_again = send_again
        self._batch_records = batch_records
        self._batch_bytes = batch_bytes

    def deliver(self, pages: Iterable[Page]) -> DeliverySummary:
        """Deliver what is left, then every page, and return the counts, once all is confirmed and recorded.

        :raises: what reading or sending raises; what was recorded until then stays delivered, the rest is kept.
        """
        if self._verification is not None:
            self._verification.settle()
        summary = DeliverySummary(unsent=sum(map(self._deliver_left, self._left)))
        batch = _Batch()
        try:
            for number, page in enumerate(pages, start=1):
                before = summary.read
                self._take(page, batch, summary)
                _log.info("Page %d: %d alerts read, %d to send.", number, summary.read - before, len(batch.pairs))
                if len(batch.pairs) >= self._batch_records or batch.bytes >= self._batch_bytes:
                    self._settle(batch, summary)
                    batch = _Batch()
            self._settle(batch, summary)
        except BaseException:
            self._keep(batch)
            raise
        if self._verification is not None:
            self._verification.settle()
            summary.verified, summary.sent_again = self._verification.verified, self._verification.sent_again
        self._obfuscator.report(summary.read)
        return summary

    def _take(self, page: Page, batch: _Batch, summary: DeliverySummary) -> None:
        for record in page.records:
            summary.read += 1
            hidden: Record = dict.fromkeys(record)
            try:
                hidden = self._obfuscator.hide(record)
                entry = self._entry(record)
                summary.undated += entry.is_undated
                if entry.digest in batch.digests or (self._is_delivered(entry) and not self._send_again):
                    summary.repeated += 1
                    continue
                line = self._line_of(hidden)
            except DataError as reason:
                self._set_aside(hidden, str(reason))
                summary.rejected += 1
                continue
            batch.pairs.append((entry, line))
            batch.digests.add(entry.digest)
            batch.bytes += len(line)

    def _settle(self, batch: _Batch, summary: DeliverySummary) -> None:
        if not self._send_again:
            read = len(batch.pairs)
            batch.pairs = self._unconfirmed(batch.pairs)
            summary.repeated += read - len(batch.pairs)
        self._send(batch.pairs)
        summary.sent += len(batch.pairs)
        summary.bytes += sum(len(line) for _, line in batch.pairs)

    def _send(self, pairs: Sequence[Pair]) -> None:
        """Send and confirm, then record."""
        if pairs:
            self._before_sending()
            begin = self._now()
            self._writer.write([line for _, line in pairs])
            self._writer.confirm()
            if self._verification is None:
                self._ledger.add([entry for entry, _ in pairs], at=self._now())
            else:
                self._verification.add(pairs, sent_from=begin)

    def _unconfirmed(self, pairs: Sequence[Pair]) -> list[Pair]:
        """Return ``pairs`` without what another run confirmed since they were made."""
        self._ledger.refresh(entry for entry, _ in pairs)
        return [(entry, line) for entry, line in pairs if not self._is_delivered(entry)]

    def _is_delivered(self, entry: Entry) -> bool:
        return entry in self._ledger or (self._verification is not None and entry in self._verification)

    def _deliver_left(self, left: KeptLines) -> int:
        """Send what an earlier run kept and nobody delivered since; return how many alerts that were."""
        sent = 0
        for batch in left.batches():
            pairs = self._unconfirmed(batch.pairs)
            self._send(pairs)
            left.remove(batch.name)
            sent += len(pairs)
            _log.info(
                "%d of %d alerts that were kept unsent on %s are delivered.", len(pairs), len(batch.pairs), batch.at
            )
        return sent

    def _keep(self, batch: _Batch) -> None:
        """Keep what was not delivered; whatever comes of that, the error that brought us here goes on."""
        if self._unsent is None or not batch.pairs:
            return
        what = f"{len(batch.pairs)} alerts were not delivered"
        try:
            kept = self._unsent.keep(batch.pairs, at=self._now())
        except OSError as error:
            _log.warning("%s and cannot be kept (%s): their window must be read again.", what, error)
            return
        if kept:
            _log.warning("%s. They are kept in %s; the next run sends them first.", what, self._unsent.uri)
        else:
            _log.warning("%s, and %s is full: their window must be read again.", what, self._unsent.uri)

    def _entry(self, record: Record) -> Entry:
        """Return the entry of a record as it was read; one without an id is known by the digest of its content."""
        identity = record.get(self._endpoint.id_field)
        if identity is None:
            identity = self._obfuscator.fingerprint(record)
        moment = epoch_us(record.get(self._endpoint.time_field)) if self._endpoint.time_field else None
        return entry_of(str(identity), moment)
