"""The settings, the ports and the counts of a delivery."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.devo.events.ports import Writer
from airflow_provider_flashpoint.core.flashpoint.source import Source
from airflow_provider_flashpoint.core.pipelines.verify import EventTable
from airflow_provider_flashpoint.core.reporting.telemetry import Telemetry
from airflow_provider_flashpoint.core.secrets.obfuscate import Obfuscator
from airflow_provider_flashpoint.core.staging.events.event_store import EventStore


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """Options of a delivery.

    :param resend: send events that the ledger holds, too.
    :param batch_records: events to confirm together, at the end of a page; a crash repeats at most one batch.
    :param ledger_retention: age of the ledger's entries, by the event's own time and by that of the confirmation.
    :param prune: remove a limited number of older entries and rejected records.
    :param statistics_period_s: time between two logs of the statistics; None logs none.
    :param verify_timeout_s: the longest time that one round of queries takes.
    """

    resend: bool = False
    batch_records: int = 1000
    batch_bytes: int = 4 << 20
    ledger_retention: timedelta
    prune: bool = True
    statistics_period_s: float | None
    verify_timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPorts:
    """Everything that a delivery reads from and writes to.

    :param writer: encodes, sends and confirms lines. A DataError of ``encode`` rejects the record.
    :param store: ledger, rejected records, kept lines and attempt lock.
    :param obfuscator: hides values of each record before it is encoded.
    :param table: verify events in this table; without it the writer's confirmation is enough.
    :param telemetry: sends what it has collected, at pages; the caller enters and exits it.
    """

    source: Source
    writer: Writer
    store: EventStore
    obfuscator: Obfuscator = field(default_factory=Obfuscator)
    table: EventTable | None = None
    telemetry: Telemetry | None = None
    clock: Clock = field(default_factory=Clock)


@dataclass(slots=True)
class DeliverySummary:
    """Counts of one delivery.

    ``repeated`` events were confirmed before and not sent again, or came twice in one run. ``undated`` ones have no
    time. ``without_id`` ones have no id and are identified by their content. ``unsent`` ones were kept by an earlier
    run and sent first, and count nowhere else. ``sent_again`` ones were missing in Devo's table. ``sha256`` is over the
    digests of the ids of all sent events, in order; empty if none was sent.
    """

    read: int = 0
    sent: int = 0
    repeated: int = 0
    rejected: int = 0
    undated: int = 0
    without_id: int = 0
    bytes: int = 0
    unsent: int = 0
    verified: int = 0
    sent_again: int = 0
    sha256: str = ""
