"""Pages of alerts become lines in Devo: read, skip what was confirmed before, send, confirm, record.

The order is the contract: an alert enters the ledger only after Devo confirmed it. A crash between the two repeats at
most one batch; a crash before loses nothing, since the window is read again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from airflow_provider_flashpoint.core.flashpoint.endpoints import Endpoint
from airflow_provider_flashpoint.core.flashpoint.page import Page, Record
from airflow_provider_flashpoint.core.obfuscate import Obfuscator
from airflow_provider_flashpoint.core.staging.alert_ledger import AlertLedger, Entry, entry_of
from airflow_provider_flashpoint.core.window import epoch_us
from airflow_provider_flashpoint.errors import DataError

DEFAULT_BATCH_RECORDS = 1000
DEFAULT_BATCH_BYTES = 4 << 20

_log = logging.getLogger(__name__)


class Writer(Protocol):
    """Sends lines, and tells when the other side has them."""

    def write(self, lines: Iterable[bytes]) -> None: ...
    def confirm(self) -> int: ...


@dataclass(slots=True)
class DeliverySummary:
    """Counts of one delivery.

    ``repeated`` alerts were confirmed before and not sent again, ``rejected`` ones cannot be sent as they are,
    ``undated`` ones have no time of their own.
    """

    read: int = 0
    sent: int = 0
    repeated: int = 0
    rejected: int = 0
    undated: int = 0
    bytes: int = 0


@dataclass(slots=True)
class _Batch:
    entries: list[Entry] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    digests: set[bytes] = field(default_factory=set)
    bytes: int = 0


class Delivery:
    """Delivers pages of one stream of alerts.

    :param endpoint: tells where a record keeps its id and its time.
    :param line_of: makes the line of a record, newline included; a DataError sets the record aside.
    :param set_aside: keeps a record that cannot be sent, with the reason.
    :param obfuscator: hides values of each record before its line is made; without it none.
    :param send_again: send what was confirmed before, too.
    :param batch_records: how many alerts are confirmed together, at the end of a page; the most that a crash repeats.
    :param now: the clock, which stamps the ledger.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        ledger: AlertLedger,
        writer: Writer,
        line_of: Callable[[Record], bytes],
        set_aside: Callable[[Record, str], None],
        now: Callable[[], datetime],
        obfuscator: Obfuscator | None = None,
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
        self._obfuscator = obfuscator or Obfuscator()
        self._send_again = send_again
        self._batch_records = batch_records
        self._batch_bytes = batch_bytes

    def deliver(self, pages: Iterable[Page]) -> DeliverySummary:
        """Deliver every page and return the counts, once the last alert is confirmed and recorded.

        :raises: what reading or sending raises; what was recorded until then stays delivered.
        """
        summary = DeliverySummary()
        batch = _Batch()
        for number, page in enumerate(pages, start=1):
            before = summary.read
            self._take(page, batch, summary)
            _log.info("Page %d: %d alerts read, %d to send.", number, summary.read - before, len(batch.lines))
            if len(batch.lines) >= self._batch_records or batch.bytes >= self._batch_bytes:
                self._settle(batch, summary)
                batch = _Batch()
        self._settle(batch, summary)
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
                if entry.digest in batch.digests or (entry in self._ledger and not self._send_again):
                    summary.repeated += 1
                    continue
                line = self._line_of(hidden)
            except DataError as reason:
                self._set_aside(hidden, str(reason))
                summary.rejected += 1
                continue
            batch.entries.append(entry)
            batch.digests.add(entry.digest)
            batch.lines.append(line)
            batch.bytes += len(line)

    def _settle(self, batch: _Batch, summary: DeliverySummary) -> None:
        if batch.lines and not self._send_again:
            self._drop_confirmed_meanwhile(batch, summary)
        if not batch.lines:
            return
        self._writer.write(batch.lines)
        self._writer.confirm()
        self._ledger.add(batch.entries, at=self._now())
        summary.sent += len(batch.lines)
        summary.bytes += batch.bytes

    def _drop_confirmed_meanwhile(self, batch: _Batch, summary: DeliverySummary) -> None:
        """Leave out what another run confirmed since the page was read."""
        self._ledger.refresh(batch.entries)
        kept = [
            (entry, line) for entry, line in zip(batch.entries, batch.lines, strict=True) if entry not in self._ledger
        ]
        summary.repeated += len(batch.lines) - len(kept)
        batch.entries = [entry for entry, _ in kept]
        batch.lines = [line for _, line in kept]
        batch.bytes = sum(map(len, batch.lines))

    def _entry(self, record: Record) -> Entry:
        """Return the entry of a record as it was read; one without an id is known by the digest of its content."""
        identity = record.get(self._endpoint.id_field)
        if identity is None:
            identity = self._obfuscator.fingerprint(record)
        moment = epoch_us(record.get(self._endpoint.time_field)) if self._endpoint.time_field else None
        return entry_of(str(identity), moment)
