"""A stage becomes the content of a lookup: settle which rows are newest, write them as CSV, deploy, record.

The order is the contract: the ledger is written after Devo accepted the rows, and the state, which is the caller's,
after the ledger. Every step can be repeated: deploying the same rows again changes nothing.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_flashpoint.core.devo.lookups.csv_rows import EXTRA_COLUMN, cell, lookup_columns, write_csv
from airflow_provider_flashpoint.core.devo.lookups.transport import Lookups, Operation
from airflow_provider_flashpoint.core.flashpoint.flatten import Row
from airflow_provider_flashpoint.core.staging.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.staging.newest import NewestVersions, Settled, version_of
from airflow_provider_flashpoint.core.staging.rejected_records import RejectedRecords
from airflow_provider_flashpoint.core.staging.stage import Stage
from airflow_provider_flashpoint.errors import ConfigurationError

_MOST_COLUMNS = 500
_SHOWN_COLUMNS = 200
_CLOCKS_APART_US = 3_600_000_000  # how far Flashpoint's clock may be ahead of this machine's

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LookupTarget:
    """The lookup that rows go to. ``columns`` are in their order, key first and the column of extras last."""

    name: str
    key: str
    columns: tuple[str, ...]
    operation: Operation


@dataclass(frozen=True, slots=True)
class SyncSummary:
    """Counts of one sync. ``superseded`` rows held an older version of a key; ``rejected`` rows had no key."""

    rows_sent: int
    superseded: int
    rejected: int
    extra_values: int
    operation: str


def columns_for(stage: Stage, *, key: str, wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns a new lookup gets: the key, the wanted or else all discovered ones by name, the extras.

    :raises ConfigurationError: the key is not among the stage's columns; the message lists those that are.
    """
    found = stage.summary.columns
    if stage.summary.records and key not in found:
        shown = ", ".join(found[:_SHOWN_COLUMNS]) + (", ..." if len(found) > _SHOWN_COLUMNS else "")
        raise ConfigurationError(
            f"lookup_key is {key!r}, which is not a key of the flattened data. The keys there are: {shown}."
        )
    others = wanted if wanted is not None else found[:_MOST_COLUMNS]
    return lookup_columns(others, key)


def sync(
    stage: Stage,
    target: LookupTarget,
    *,
    lookups: Lookups,
    ledger: LookupLedger,
    consult_ledger: bool,
    version_fields: Sequence[str],
    rejected_records: RejectedRecords,
    at: datetime,
    before_deploying: Callable[[], None] = lambda: None,
) -> SyncSummary:
    """Deliver the newest rows of ``stage`` and return the counts.

    Rows older than what the lookup was given are left out.

    :param consult_ledger: read all of the ledger, and not only what was delivered since the oldest row was updated.
    :param before_deploying: raises where the rows must not be delivered any more.
    :raises: what reading the stage or deploying raises; the lookup then holds what it held.
    """
    with NewestVersions() as newest, tempfile.TemporaryFile(prefix="lookup-", suffix=".csv") as csv_file:
        rejected = _note_versions(stage, target.key, version_fields, newest, rejected_records)
        if newest.oldest_version is not None:
            since_us = 0 if consult_ledger else newest.oldest_version - _CLOCKS_APART_US
            newest.add_known(ledger.known(since_us=since_us))
        settled = newest.settle()
        counts = write_csv(_newest_rows(stage, target.key, settled), target.columns, target.key, csv_file)
        if counts.rows or target.operation is not Operation.APPEND:
            csv_file.seek(0)
            before_deploying()
            lookups.deploy(
                target.name, columns=target.columns, key=target.key, csv_file=csv_file, operation=target.operation
            )
            ledger.add(newest.delivered(settled), at=at)
    if counts.extra_keys:
        _log.warning(
            "Lookup %s has no column for %d keys; their values went into %s: %s.",
            target.name,
            len(counts.extra_keys),
            EXTRA_COLUMN,
            ", ".join(sorted(counts.extra_keys)[:_SHOWN_COLUMNS]),
        )
    return SyncSummary(
        rows_sent=counts.rows,
        superseded=settled.count,
        rejected=rejected,
        extra_values=sum(counts.extra_keys.values()),
        operation=target.operation.name.lower(),
    )


def _note_versions(
    stage: Stage, key: str, version_fields: Sequence[str], newest: NewestVersions, rejected_records: RejectedRecords
) -> int:
    """Feed ``newest`` with the rows that have a key; set the others aside, and return how many there were."""
    rejected = place = 0
    for row in stage.rows():
        value = row.get(key)
        if value is None or value == "":
            rejected_records.add(row, f"no value under the lookup_key {key}")
            rejected += 1
            continue
        newest.add(cell(value), version_of(row, version_fields), place)
        place += 1
    return rejected


def _newest_rows(stage: Stage, key: str, settled: Settled) -> Iterator[Row]:
    place = 0
    for row in stage.rows():
        value = row.get(key)
        if value is None or value == "":
            continue
        if place not in settled:
            yield row
        place += 1
