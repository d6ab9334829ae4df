"""Deploy a stage: select the newest row of each key, write the rows as CSV, deploy the CSV, record it in the ledger.

The ledger is written after Devo accepted the rows. Every step can be repeated: deploying the same rows again changes
nothing.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedRandom

from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.devo.lookups.csv_rows import (
    EXTRA_COLUMN,
    OtherColumns,
    lookup_columns,
    write_csv,
)
from airflow_provider_flashpoint.core.devo.lookups.ports import Lookups, Operation
from airflow_provider_flashpoint.core.flashpoint.rows.columns import Columns
from airflow_provider_flashpoint.core.garbage import rare_collections
from airflow_provider_flashpoint.core.reporting.progress_log import ProgressLog
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.staging.indicators.column_names import MOST_NAMES
from airflow_provider_flashpoint.core.staging.indicators.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.staging.indicators.newest import CLOCK_SKEW_US, NewestVersions, RowKey, Superseded
from airflow_provider_flashpoint.core.staging.indicators.stage import Stage
from airflow_provider_flashpoint.core.staging.indicators.stage_part import NamedValues
from airflow_provider_flashpoint.core.staging.rejected_records import RejectedRecords
from airflow_provider_flashpoint.errors import ConfigurationError

_MAX_COLUMNS_SHOWN = 200
_FOUND_COLUMNS = Columns()

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One change of one lookup.

    :param build: names the build of the lookup, and so its ledger.
    :param key: the column of the lookup's key, and where rows have their versions.
    :param columns: the columns in order: the key first, the column of extra values last.
    :param consult_whole_ledger: read all of the ledger, not only the entries since the oldest row was updated.
    """

    lookup: str
    build: str
    key: RowKey
    columns: tuple[str, ...]
    operation: Operation
    other_columns: OtherColumns = OtherColumns.EXTRA
    consult_whole_ledger: bool = False

    @property
    def builds(self) -> bool:
        """Whether the lookup is built or rebuilt, not added to."""
        return self.operation is not Operation.APPEND

    @property
    def keeps_extra(self) -> bool:
        """Whether values without a column go into the extra column."""
        return self.other_columns is OtherColumns.EXTRA


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSummary:
    """Counts of one deployment.

    ``superseded`` rows held an older version of a key; ``rejected`` rows had no key; ``extra_values`` had no column and
    went into `_extra`. ``sha256`` is that of the CSV, empty if none was sent.
    """

    rows_sent: int = 0
    superseded: int = 0
    rejected: int = 0
    extra_values: int = 0
    operation: str = "none"
    sha256: str = ""


def columns_of(
    stage: Stage,
    *,
    key: RowKey,
    wanted: Sequence[str] | None,
    limit: int = MOST_NAMES,
    columns: Columns = _FOUND_COLUMNS,
) -> tuple[str, ...]:
    """Return the columns of a new lookup: the key first, the extra column last.

    :param wanted, limit: see `Columns.of_new_lookup`.

    :raises ConfigurationError: the stage has no column of that key; the message lists its columns.
    """
    found = stage.summary.columns
    # A rare key may be missing among the names of a stage that was pulled without it.
    if stage.summary.records and key.column not in found and not any(key.column in row for row in stage.rows()):
        shown = ", ".join(sorted(found)[:_MAX_COLUMNS_SHOWN]) + (", ..." if len(found) > _MAX_COLUMNS_SHOWN else "")
        raise ConfigurationError(
            f"lookup_key is {key.column!r}, which is not a key of the flattened data. The keys there are: {shown}."
        )
    others = columns.of_new_lookup(found, key=key.column, times=key.version_fields, limit=limit, wanted=wanted)
    return lookup_columns(others, key.column)


@rare_collections()
def deploy_stage(
    stage: Stage,
    deployment: Deployment,
    *,
    lookups: Lookups,
    ledger: LookupLedger,
    clock: Clock,
    check_turn: Callable[[], None] = lambda: None,
) -> DeploymentSummary:
    """Deploy the newest rows of ``stage``. Rows that are older than the delivered ones of their key are left out.

    :param check_turn: raises if the rows must not be deployed any more. It is called before each request, and after
        the last one: what a newer sync may have overtaken is not recorded.
    :raises: what reading the stage or deploying raises; the lookup is then unchanged.
    """
    key, window = deployment.key, stage.summary.window
    with (
        RejectedRecords(stage.rejected_rows) as rejected_records,
        NewestVersions() as newest,
        tempfile.TemporaryFile(prefix="lookup-", suffix=".csv") as csv_file,
    ):
        _compare(stage, deployment, ledger, newest)
        superseded = newest.superseded()
        rows = _newest_rows(stage, deployment, superseded, rejected_records)
        counts = write_csv(rows, deployment.columns, key.column, csv_file, other_columns=deployment.other_columns)
        sha256 = ""
        if counts.rows or deployment.builds:
            sha256 = _sha256(csv_file)
            note = ledger.open_deployments.noted(window, builds=deployment.builds, clock=clock, check=check_turn)
            # The note is removed last: without the record, the next sync must bring these rows again.
            with note as before_sending, ledger.adding(newest.delivered(superseded), at=clock.now()):
                lookups.deploy(
                    deployment.lookup,
                    columns=deployment.columns,
                    key=key.column,
                    csv_file=csv_file,
                    operation=deployment.operation,
                    before_sending=before_sending,
                )
                check_turn()
    _log_extra_keys(deployment, sorted(counts.extra_keys))
    return DeploymentSummary(
        rows_sent=counts.rows,
        superseded=superseded.count,
        rejected=rejected_records.count,
        extra_values=sum(counts.extra_keys.values()) if deployment.keeps_extra else 0,
        operation=deployment.operation.value,
        sha256=sha256,
    )


def _compare(stage: Stage, deployment: Deployment, ledger: LookupLedger, newest: NewestVersions) -> None:
    """Give ``newest`` the versions of the stage, and those of the ledger that may be newer."""
    compared = ProgressLog(f"Lookup {deployment.lookup}: {{}} rows compared so far")
    newest.add_rows(compared.over(stage.versions(deployment.key), stage.summary.records))
    if newest.oldest_version is not None:
        since_us = 0 if deployment.consult_whole_ledger else newest.oldest_version - CLOCK_SKEW_US
        newest.add_known(ledger.known(since_us=since_us))


def _sha256(file: BufferedRandom) -> str:
    """Return the digest of a file, and leave the file at its start."""
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return digest


def _log_extra_keys(deployment: Deployment, keys: Sequence[str]) -> None:
    if not keys:
        return
    outcome = f"went into {EXTRA_COLUMN}" if deployment.keeps_extra else "were left out"
    shown = ", ".join(keys[:_MAX_COLUMNS_SHOWN])
    _log.info("Lookup %s has no column for %d keys; their values %s: %s.", deployment.lookup, len(keys), outcome, shown)


def _newest_rows(
    stage: Stage, deployment: Deployment, superseded: Superseded, rejected_records: RejectedRecords
) -> Iterator[NamedValues]:
    key = deployment.key
    written = ProgressLog(f"Lookup {deployment.lookup}: {{}} rows written to the file so far")
    rows = zip(stage.named_values(), stage.versions(key), strict=True)
    for place, (row, version) in enumerate(written.over(rows, stage.summary.records)):
        if place in superseded:
            continue
        if version is None:
            rejected_records.add(dict(zip(*row, strict=True)), f"no value under the lookup_key {key.column}")
        else:
            yield row
