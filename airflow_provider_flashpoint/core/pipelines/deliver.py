"""Deliver events: the pages of a source become confirmed lines in a Devo table.

`deliver` is the whole pipeline::

    lines kept by earlier runs --------------> batch -> write, confirm -> ledger
    source -> page -> record -> hide -> line --^   \\            \\-> unverified -> query -> ledger
                          \\-> rejected records      \\-> after an error: unsent, for the next run

The order is the contract: an event enters the ledger only after Devo confirmed it. A crash between the two repeats at
most one batch. A crash before loses nothing, since the window is read again. Where the process can still write, it
keeps its undelivered lines, and the next run sends them before it reads anything.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.page import Record
from airflow_provider_flashpoint.core.flashpoint.source import share_read
from airflow_provider_flashpoint.core.pipelines.deliver_ports import DeliveryPorts, DeliverySettings, DeliverySummary
from airflow_provider_flashpoint.core.pipelines.verify import Verification
from airflow_provider_flashpoint.core.reporting.memory_log import MemoryLog
from airflow_provider_flashpoint.core.reporting.progress_log import ProgressLog
from airflow_provider_flashpoint.core.reporting.sender_log import SenderLog
from airflow_provider_flashpoint.core.secrets.fields import SecretFields
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.staging.events.event_ledger import Entry, entry_of
from airflow_provider_flashpoint.core.staging.events.kept_lines import KeptLines, Pair
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import DataError, StageError

_log = logger(__name__)


def deliver(window: Window, ports: DeliveryPorts, settings: DeliverySettings) -> DeliverySummary:
    """Deliver kept lines and then ``window``, and return the counts once everything is confirmed and recorded.

    :raises: errors of the source and the writer. Recorded events stay delivered, and the rest is kept.
    """
    store = ports.store
    prune_before = ports.clock.now() - settings.ledger_retention
    sender_log = SenderLog(ports.writer, ports.clock, period_s=settings.statistics_period_s)
    with store.rejected:
        store.lock.begin()
        try:
            summary = _Delivery(ports, settings, sender_log).run(window)
        finally:
            sender_log.report()
    if settings.prune:
        store.prune(before=prune_before)
    return summary


@dataclass(slots=True)
class _Batch:
    pairs: list[Pair] = field(default_factory=list)
    entries: set[Entry] = field(default_factory=set)
    bytes: int = 0


class _Delivery:
    """One delivery: its batch in progress and its counts."""

    def __init__(self, ports: DeliveryPorts, settings: DeliverySettings, sender_log: SenderLog) -> None:
        self._ports = ports
        self._settings = settings
        self._sender_log = sender_log
        self._endpoint = ports.source.endpoint
        self._ledger = ports.store.ledger
        self._batch = _Batch()
        self._resent: defaultdict[str, set[bytes]] = defaultdict(set)  # what this run sent, by hour to save memory
        self._summary = DeliverySummary()
        self._checksum = hashlib.sha256()
        self._verification: Verification | None = None
        if ports.table:
            self._verification = Verification(
                ports.table, ports.store, sender_log, ports.clock, timeout_s=settings.verify_timeout_s
            )

    def run(self, window: Window) -> DeliverySummary:
        ports, summary, verification = self._ports, self._summary, self._verification
        if verification:
            verification.complete()
        else:
            summary.unsent += self._deliver_kept(ports.store.unverified)
        summary.unsent += self._deliver_kept(ports.store.unsent)
        try:
            self._deliver_pages(window)
        except BaseException:
            ports.store.unsent.keep_after_error(self._batch.pairs, at=ports.clock.now())
            raise
        if verification:
            verification.complete()
            summary.verified, summary.sent_again = verification.verified, verification.sent_again
        ports.obfuscator.report(summary.read)
        if summary.sent or summary.unsent:
            summary.sha256 = self._checksum.hexdigest()
        return summary

    def _deliver_pages(self, window: Window) -> None:
        settings, source, telemetry = self._settings, self._ports.source, self._ports.telemetry
        memory_log, progress = MemoryLog(), ProgressLog("Read {} events so far")
        for page in source.pages(window):
            self._sender_log.look()
            memory_log.look()
            progress.look(self._summary.read, share_read(source, window, self._summary.read))
            if telemetry:
                telemetry.look()
            self._take(page)
            batch = self._batch
            if len(batch.pairs) >= settings.batch_records or batch.bytes >= settings.batch_bytes:
                self._deliver_batch()
        self._deliver_batch()

    def _take(self, records: Sequence[Record]) -> None:
        """Add records to the batch, except delivered and rejected ones."""
        summary, batch, resend = self._summary, self._batch, self._settings.resend
        hide, encode = self._ports.obfuscator.hide, self._ports.writer.encode
        for record in records:
            summary.read += 1
            hidden: Record = dict.fromkeys(record)
            try:
                hidden = hide(record)
                entry = self._entry(record)
                summary.undated += entry.is_undated
                if entry in batch.entries or (self._is_resent(entry) if resend else self._is_delivered(entry)):
                    summary.repeated += 1
                    continue
                line = encode(hidden)
            except StageError:  # of the ledger, not of the record
                raise
            except DataError as reason:
                self._ports.store.rejected.add(hidden, str(reason))
                summary.rejected += 1
                continue
            batch.pairs.append((entry, line))
            batch.entries.add(entry)
            batch.bytes += len(line)

    def _entry(self, record: Record) -> Entry:
        """Return the ledger entry of a record before obfuscation. Without an id, its content identifies it."""
        endpoint = self._endpoint
        identity = endpoint.event_id(record)
        if identity is None:
            self._summary.without_id += 1
            identity = self._ports.obfuscator.fingerprint(record)
        return entry_of(identity, endpoint.time_of(record))

    def _is_delivered(self, entry: Entry) -> bool:
        return entry in self._ledger or (self._verification is not None and entry in self._verification)

    def _is_resent(self, entry: Entry) -> bool:
        return entry.digest in self._resent.get(entry.hour, ())

    def _deliver_batch(self) -> None:
        batch, summary = self._batch, self._summary
        if not self._settings.resend:
            read = len(batch.pairs)
            batch.pairs = self._undelivered(batch.pairs)
            summary.repeated += read - len(batch.pairs)
        self._send(batch.pairs)
        summary.sent += len(batch.pairs)
        summary.bytes += sum(len(line) for _, line in batch.pairs)
        self._batch = _Batch()

    def _deliver_kept(self, kept: KeptLines) -> int:
        """Send the lines that an earlier run kept and no run delivered since; return their number."""
        sent = 0
        for batch in kept.batches():
            pairs = [*self._hidden_now(self._undelivered(batch.pairs))]
            self._send(pairs)
            kept.remove(batch.name)
            sent += len(pairs)
            _log.info("%d of %d lines kept at %s are delivered.", len(pairs), len(batch.pairs), batch.at)
        return sent

    def _hidden_now(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Yield kept lines without the values that this run hides: an earlier one may have had other rules."""
        secrets, obfuscator = self._endpoint.secrets, self._ports.obfuscator.for_hidden()
        if not (secrets or obfuscator.counts):
            yield from pairs
            return
        fields = SecretFields(secrets, cleaned_before=True)
        for entry, line in pairs:
            record = codec.decode(line)
            hidden: Record = dict.fromkeys(record)
            try:
                hidden = obfuscator.hide(fields.removed_from(record))
                yield entry, line if hidden == record else self._ports.writer.encode(hidden)
            except DataError as reason:
                self._ports.store.rejected.add(hidden, str(reason))
                self._summary.rejected += 1

    def _undelivered(self, pairs: Sequence[Pair]) -> list[Pair]:
        """Return ``pairs`` without events that another run confirmed meanwhile."""
        self._ledger.refresh(entry for entry, _ in pairs)
        return [(entry, line) for entry, line in pairs if not self._is_delivered(entry)]

    def _send(self, pairs: Sequence[Pair]) -> None:
        """Send, confirm and record lines. The record is written first, so a full disk stops this before it sends."""
        if not pairs:
            return
        self._ports.store.lock.check()
        at = self._ports.clock.now()
        if self._verification:
            recorded = self._verification.adding(pairs, at=at)
        else:
            recorded = self._ledger.adding([entry for entry, _ in pairs], at=at)
        with recorded:
            self._sender_log.write([line for _, line in pairs])
            self._sender_log.confirm()
        self._checksum.update(b"".join(entry.digest for entry, _ in pairs))
        if self._settings.resend:
            for entry, _ in pairs:
                self._resent[entry.hour].add(entry.digest)
