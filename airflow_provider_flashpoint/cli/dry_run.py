"""A run that ends before Devo: the same reading, hiding, flattening and settling, into a place that is thrown away."""

from __future__ import annotations

import csv
import io
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_flashpoint.airflow_runtime.run_window import RunWindow
from airflow_provider_flashpoint.airflow_runtime.staging import storage_path
from airflow_provider_flashpoint.airflow_runtime.state_store import event_variable
from airflow_provider_flashpoint.cli.reading import Reading, run_context
from airflow_provider_flashpoint.cli.report import reason_of
from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.devo.events.line import encode
from airflow_provider_flashpoint.core.flashpoint.endpoints import DataSet
from airflow_provider_flashpoint.core.flashpoint.flatten import flatten
from airflow_provider_flashpoint.core.flashpoint.page import Record
from airflow_provider_flashpoint.core.pipelines.deliver import Delivery
from airflow_provider_flashpoint.core.pipelines.sync import sync
from airflow_provider_flashpoint.core.staging.event_ledger import Entry, EventLedger
from airflow_provider_flashpoint.core.staging.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.staging.newest import Known
from airflow_provider_flashpoint.core.staging.rejected_records import RejectedRecords
from airflow_provider_flashpoint.core.staging.stage import Stage, StageWriter, stage_of
from airflow_provider_flashpoint.core.state import EventState, LookupStatus
from airflow_provider_flashpoint.errors import FlashpointProviderError
from airflow_provider_flashpoint.hooks.devo import DevoHook

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.staging.storage import StoragePath
    from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator
    from airflow_provider_flashpoint.operators.pull_alerts import PullAlertsOperator


def lookup_dry_run(task: LookupSyncOperator, conf: Mapping[str, str], *, limit: int, rows: int) -> dict[str, Any]:
    """Return what a sync triggered with ``conf`` would bring into the lookup, in JSON's own types.

    Whether the lookup is in Devo is not asked: a lookup that is ``Created`` is taken to be there.

    :param limit: how many records are read at most; 0 for all.
    :param rows: how many rows, and how many rejects, are returned.
    :raises: what the run itself would fail with.
    """
    rules = task.lookup_rules()
    context = run_context(task, conf)
    progress = task.progress(context)
    run_window = task.window_for(context, progress)
    reading = Reading(task, DataSet.INDICATORS, limit=limit)
    obfuscator = task.obfuscator(rules)
    with tempfile.TemporaryDirectory(prefix="flashpoint-preview-") as place:
        writer = StageWriter(storage_path(place), window=run_window.asked, pulled_at=datetime.now(UTC))
        pages = reading.pages(run_window.asked, record_type=task.indicator_type)
        summary = stage_of(([flatten(obfuscator.hide(record)) for record in page.records] for page in pages), writer)
        stage = Stage(writer.directory, summary)
        plan = task.plan(stage, progress, run_window, exists=progress.status is LookupStatus.CREATED)
        devo = _LookupAside(rows)
        with RejectedRecords(storage_path(place) / "rejects") as rejected_records:
            synced = sync(
                stage,
                plan.target,
                lookups=devo,
                ledger=_UnwrittenLookupLedger(task.ledger(plan.generation)),
                consult_ledger=not plan.rebuild,
                version_fields=reading.endpoint.version_fields,
                rejected_records=rejected_records,
                at=datetime.now(UTC),
            )
        return {
            "lookup": task.lookup_name,
            "indicator_type": task.indicator_type,
            **_window_told(run_window),
            **reading.told(),
            "status": progress.status.value,
            "operation": "build" if plan.rebuild else "add",
            "lookup_key": plan.target.key,
            "columns": list(plan.target.columns),
            "sent": synced.rows_sent,
            "superseded": synced.superseded,
            "extra_values": synced.extra_values,
            "rejected": synced.rejected,
            "max_rejects": task.max_rejects,
            "obfuscated": {str(rule): count for rule, count in obfuscator.counts.items()},
            "rows": devo.rows,
            "rejects": _rejects(Path(place, "rejects"), rows),
        }


def alerts_dry_run(task: PullAlertsOperator, conf: Mapping[str, str], *, limit: int, rows: int) -> dict[str, Any]:
    """Return what a run triggered with ``conf`` would bring into the table, in JSON's own types.

    ``devo_problem`` is why the connection to Devo cannot be used, None where it can; without it no line is too long.

    :param limit: how many records are read at most; 0 for all.
    :param rows: how many lines, and how many rejects, are returned.
    :raises: what the run itself would fail with.
    """
    task.check_arguments()
    context = run_context(task, conf)
    state = task.stored_state(EventState, event_variable(task.stream))
    run_window = task.window_of(context, state.to_checkpoint_time if state else None)
    data_set = DataSet(task.kind)
    reading = Reading(task, data_set, limit=limit, path=task.path)
    obfuscator = task.obfuscator(task.rules(data_set))
    devo = _LinesAside(rows)
    line_of, devo_problem = _line_maker(task)
    with tempfile.TemporaryDirectory(prefix="flashpoint-preview-") as place:
        with RejectedRecords(storage_path(place) / "rejects") as rejected_records:
            summary = Delivery(
                endpoint=reading.endpoint,
                ledger=_UnwrittenEventLedger(task.directory / "ledger"),
                writer=devo,
                line_of=line_of,
                set_aside=rejected_records.add,
                obfuscator=obfuscator,
                send_again=task.on_rerun == "resend",
                now=lambda: datetime.now(UTC),
            ).deliver(reading.pages(run_window.asked))
        return {
            "tag": task.tag,
            "kind": task.kind,
            **_window_told(run_window),
            **reading.told(),
            "sent": summary.sent,
            "bytes": summary.bytes,
            "repeated": summary.repeated,
            "undated": summary.undated,
            "rejected": summary.rejected,
            "max_rejects": task.max_rejects,
            "devo_problem": devo_problem,
            "obfuscated": {str(rule): count for rule, count in obfuscator.counts.items()},
            "lines": devo.lines,
            "rejects": _rejects(Path(place, "rejects"), rows),
        }


def _line_maker(task: PullAlertsOperator) -> tuple[Callable[[Record], bytes], str | None]:
    """Return what makes lines within Devo's limits; without these, and why, where its connection is no use."""
    try:
        writer = DevoHook(task.devo_conn_id).event_writer(task.tag)  # connects when it first sends, which is never
    except (FlashpointProviderError, AirflowNotFoundException) as error:
        return encode, reason_of(error)
    return writer.encode, None


class _LookupAside:
    """Takes the place of Devo's lookups: keeps the first rows that would be deployed."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.rows: list[dict[str, str]] = []

    def check(self) -> None:
        pass

    def exists(self, name: str) -> bool | None:
        return None

    def deploy(self, name: str, *, csv_file: IO[bytes], **_: Any) -> None:
        csv.field_size_limit(sys.maxsize)
        text = io.TextIOWrapper(csv_file, "utf-8", newline="")
        for row, _number in zip(csv.DictReader(text), range(self._most), strict=False):
            self.rows.append(row)
        text.detach()


class _LinesAside:
    """Takes the place of Devo's table: keeps the first lines that would be sent."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.lines: list[str] = []

    def write(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            if len(self.lines) < self._most:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))

    def confirm(self) -> int:
        return 0


class _UnwrittenLookupLedger(LookupLedger):
    """Tells what was delivered, and takes nothing new."""

    def __init__(self, ledger: LookupLedger) -> None:
        self._ledger = ledger

    def known(self, *, since_us: int = 0) -> Iterator[Known]:
        return self._ledger.known(since_us=since_us)

    def add(self, delivered: Iterable[Known], *, at: datetime) -> None:
        pass


class _UnwrittenEventLedger(EventLedger):
    """Tells what was confirmed, and keeps what this preview shows in memory only."""

    def __init__(self, directory: StoragePath) -> None:
        super().__init__(directory)
        self._shown: set[bytes] = set()

    def __contains__(self, entry: Entry) -> bool:
        return entry.digest in self._shown or super().__contains__(entry)

    def add(self, entries: Iterable[Entry], *, at: datetime) -> None:
        self._shown.update(entry.digest for entry in entries)


def _window_told(run_window: RunWindow) -> dict[str, Any]:
    return {"window": run_window.asked.to_dict(), "rule": run_window.rule}


def _rejects(file: Path, most: int) -> list[Any]:
    if not file.exists():
        return []
    with file.open("rb") as lines:
        return [codec.decode(line) for line, _number in zip(lines, range(most), strict=False)]
