"""What a run of a stream would deliver: the run's own pipeline with other ports.

The source ends at a limit. Rows and lines are kept instead of sent, ledgers are only read, stages and rejected records
are written to a temporary directory, and no state is saved. Everything else is the run, so a preview cannot differ.
"""

from __future__ import annotations

import contextlib
import csv
import io
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from airflow_provider_flashpoint.airflow_runtime.storage.staging import storage_path
from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.devo.events.ports import WriterStatistics
from airflow_provider_flashpoint.core.devo.events.writer import encode
from airflow_provider_flashpoint.core.flashpoint.page import Page, Record
from airflow_provider_flashpoint.core.pipelines.deliver import deliver
from airflow_provider_flashpoint.core.pipelines.deliver_ports import DeliveryPorts
from airflow_provider_flashpoint.core.pipelines.sync import sync
from airflow_provider_flashpoint.core.pipelines.sync_ports import SyncPorts
from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
from airflow_provider_flashpoint.core.staging.events.event_store import EventStore
from airflow_provider_flashpoint.core.staging.indicators.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.state import LookupStatus
from airflow_provider_flashpoint.errors import FlashpointProviderError
from airflow_provider_flashpoint.hooks.devo import DevoHook
from airflow_provider_flashpoint.streams.progress import run_context

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.flashpoint.source import HttpSource
    from airflow_provider_flashpoint.core.run_window import RunWindow
    from airflow_provider_flashpoint.core.secrets.obfuscate import Obfuscator
    from airflow_provider_flashpoint.core.window import Window
    from airflow_provider_flashpoint.operators.pull_events import PullEventsOperator
    from airflow_provider_flashpoint.streams.catalog import Stream


Progress = Callable[[str, int, int | None], None]
"""Takes a step, the number of records read so far, and how many there will be at most; None if unknown."""


def preview_lookup(
    stream: Stream, conf: Mapping[str, Any], *, limit: int, rows: int, progress: Progress
) -> dict[str, Any]:
    """Return what a sync triggered with ``conf`` would bring into the lookup, in JSON's own types.

    Devo is not asked whether the lookup exists; its state decides. ``devo_problem`` is the reason why the connection to
    Devo cannot be read, or None. With such a problem the state is not known either, and the lookup is built.

    :param limit: the most records to read; 0 for all.
    :param rows: the most rows, and the most rejected records, to return.
    :raises: as the run.
    """
    task: Any = stream.task
    context = run_context(task, conf)
    rules = task.lookup_rules()
    opened = task.open_indicators(rules, max_attempts=1)  # a person waits for the answer
    source, kept = _LimitedSource(opened.source, limit, progress), _KeptRows(rows)
    with tempfile.TemporaryDirectory(prefix="flashpoint-preview-") as directory:
        temporary = storage_path(directory)
        home = stream.store.home if stream.store else temporary
        ports = SyncPorts(
            source=source,
            obfuscator=opened.obfuscator,
            stages=temporary,
            lookups=kept,
            ledger_of=lambda build: LookupLedger(home, build=build, read_only=True),
            attempt_lock=AttemptLock(temporary / "attempt", work="preview"),
            open_path=storage_path,
            save_state=lambda state: True,
        )
        settings = task.sync_settings(rules, opened)
        result = sync(None, task.progress(context, stream.store), task.period(context), ports, settings)
        rejects = _rejects(result.rejected_uri, rows)
    return {
        "lookup": task.lookup_name,
        "indicator_type": task.indicator_type,
        **_run_dict(result.run_window, source, opened.obfuscator),
        "status": result.status.value,
        "operation": "build" if result.status is LookupStatus.NEW else "add",
        "lookup_key": settings.lookup_key,
        "columns": list(result.deployment.columns) if result.deployment else [],
        "sent": result.summary.rows_sent,
        "superseded": result.summary.superseded,
        "extra_values": result.summary.extra_values,
        "rejected": result.summary.rejected,
        "max_rejects": task.max_rejects,
        "devo_problem": stream.problem or None,
        "rows": kept.rows,
        "rejects": rejects,
    }


def preview_events(
    stream: Stream, conf: Mapping[str, Any], *, limit: int, rows: int, progress: Progress
) -> dict[str, Any]:
    """Return what a run triggered with ``conf`` would bring into the table, in JSON's own types.

    ``devo_problem`` is the reason why the connection to Devo cannot be used, or None. With such a problem the length of
    lines is not limited, and what was sent before is not known.

    :param limit: the most records to read; 0 for all.
    :param rows: the most lines, and the most rejected records, to return.
    :raises: as the run.
    """
    task: Any = stream.task
    task.check_arguments()
    state = task.stored_state(stream.store) if stream.store else None
    context = run_context(task, conf)
    opened = task.open_events(max_attempts=1)
    task.check_origin(context, state, opened.origin)
    run_window = task.window_of(context, state.to_checkpoint_time if state else None)
    source = _LimitedSource(opened.source, limit, progress)
    encode_record, devo_problem = _encoder(stream)
    writer = _KeptLines(encode_record, rows)
    with tempfile.TemporaryDirectory(prefix="flashpoint-preview-") as directory:
        temporary = storage_path(directory)
        store = EventStore.preview(stream.store.home if stream.store else temporary, temporary=temporary)
        ports = DeliveryPorts(source=source, writer=writer, store=store, obfuscator=opened.obfuscator)
        summary = deliver(run_window.window, ports, replace(task.delivery_settings(), statistics_period_s=None))
        rejects = _rejects(store.rejected.uri, rows)
    return {
        "tag": task.tag,
        "kind": task.kind,
        **_run_dict(run_window, source, opened.obfuscator),
        "sent": summary.sent,
        "bytes": summary.bytes,
        "repeated": summary.repeated,
        "undated": summary.undated,
        "rejected": summary.rejected,
        "max_rejects": task.max_rejects,
        "devo_problem": devo_problem,
        "lines": writer.lines,
        "rejects": rejects,
    }


class _LimitedSource:
    """A source that ends after ``limit`` records; 0 reads all. It reports its progress after each page."""

    def __init__(self, source: HttpSource, limit: int, progress: Progress) -> None:
        self.endpoint = source.endpoint
        self.source = source
        self.read = 0
        self.is_complete = False
        self._limit = limit
        self._progress = progress

    @property
    def complete_to(self) -> datetime | None:
        return self.source.complete_to

    @property
    def total(self) -> int | None:
        return self.source.total

    def pages(self, window: Window) -> Iterator[Page]:
        self._report()
        pages = cast("Any", self.source.pages(window))
        with contextlib.closing(pages):  # ends the requests that are under way
            for page in pages:
                records = page[: self._limit - self.read] if self._limit else page
                self.read += len(records)
                self._report()
                yield records
                if self._limit and self.read >= self._limit:
                    break
            else:
                self.is_complete = True
        self._progress("preparing the result", 0, None)

    def _report(self) -> None:
        most = [count for count in (self.source.total, self._limit) if count]
        self._progress("reading records", self.read, min(most, default=None))


class _KeptRows:
    """Lookups that keep the first rows of a deployment, and deploy nothing."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.rows: list[dict[str, str]] = []

    def check(self) -> None:
        pass

    def exists(self, name: str) -> bool | None:
        return None

    def deploy(self, name: str, *, csv_file: IO[bytes], **_: Any) -> None:
        csv.field_size_limit(sys.maxsize)
        text = io.TextIOWrapper(csv_file, "utf-8", newline="")
        self.rows = [row for row, _ in zip(csv.DictReader(text), range(self._limit), strict=False)]
        text.detach()


class _KeptLines:
    """A writer that keeps the first lines, and sends none."""

    unconfirmed = 0

    def __init__(self, encode_record: Callable[[Record], bytes], limit: int) -> None:
        self.encode = encode_record
        self.statistics = WriterStatistics()
        self.lines: list[str] = []
        self._limit = limit

    def write(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            if len(self.lines) < self._limit:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))

    def confirm(self) -> int:
        return 0


def _encoder(stream: Stream) -> tuple[Callable[[Record], bytes], str | None]:
    """Return the encoder of the connection to Devo; one without limits, and the reason, if the connection is wrong."""
    if stream.problem:
        return encode, stream.problem
    task = cast("PullEventsOperator", stream.task)
    hook = DevoHook(task.devo_conn_id)
    try:
        return hook.event_writer(task.tag).encode, None  # a writer connects only when it sends
    except FlashpointProviderError as error:
        return encode, str(error)


def _run_dict(run_window: RunWindow, limited: _LimitedSource, obfuscator: Obfuscator) -> dict[str, Any]:
    """Return the window and how Flashpoint was read; ``total`` is its own count, or None."""
    source = limited.source
    return {
        "window": run_window.window.to_dict(),
        "rule": run_window.rule,
        "request": {"method": source.endpoint.method, "url": source.first_url} if source.first_url else None,
        "requests": source.requests,
        "total": source.total,
        "read": limited.read,
        "complete": limited.is_complete,
        "obfuscated": {str(rule): count for rule, count in obfuscator.counts.items()},
    }


def _rejects(uri: str, limit: int) -> list[Any]:
    # A run that found nothing names no file, and there is none without a rejected record.
    if not uri or not (file := cast("Path", storage_path(uri))).is_file():
        return []
    with file.open("rb") as lines:
        return [codec.decode(line) for line, _ in zip(lines, range(limit), strict=False)]
