"""The streams of the DAGs that Airflow has parsed: where each stands, and the history of its runs.

Unlike `catalog`, this needs no configuration file, so a web server can use it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.airflow_runtime.database import state_variables
from airflow_provider_flashpoint.airflow_runtime.parsed_dags import StreamTask, stream_tasks
from airflow_provider_flashpoint.airflow_runtime.run_history import TaskRun, Totals, task_runs, totals
from airflow_provider_flashpoint.airflow_runtime.storage.staging import staging_root
from airflow_provider_flashpoint.airflow_runtime.storage.stream import StreamStore
from airflow_provider_flashpoint.core.state import EventState, LookupState
from airflow_provider_flashpoint.core.stream_key import StreamKey, alert_stream, event_stream
from airflow_provider_flashpoint.core.window import Window, format_instant, parse_instant
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.catalog import Stream
from airflow_provider_flashpoint.streams.coverage import gaps
from airflow_provider_flashpoint.streams.progress import progress_of
from airflow_provider_flashpoint.streams.readiness.findings import reason_of

if TYPE_CHECKING:
    from airflow_provider_flashpoint.hooks.devo import DevoHook

_NEWEST = 10  # runs in which the last summary is looked for
_SUMMED = timedelta(days=1)
_SCHEDULED = "scheduled"
_TIMES = ("from_checkpoint_time", "to_checkpoint_time", "age_s", "period_s", "freshness")
_SHOWN = ("status", *_TIMES, "api", "filters", "columns", "problem")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedStream:
    """A stream, and the task that writes its state."""

    writer: StreamTask
    stream: Stream

    @property
    def title(self) -> str:
        """The lookup, or the table."""
        task = self.writer.task
        return str(task.lookup_name if self.writer.is_lookup else task.tag)


def deployed_streams(dag_ids: Collection[str]) -> list[DeployedStream]:
    """Return the streams of these DAGs.

    :raises ConfigurationError: the database failed.
    """
    from airflow_provider_flashpoint.hooks.devo import DevoHook

    tasks, hook_of = stream_tasks(dag_ids), cache(DevoHook)
    stored = set(state_variables()) if tasks else set()
    return [DeployedStream(writer=task, stream=_stream(task, stored, hook_of)) for task in tasks]


def overview(found: Iterable[DeployedStream], now: datetime) -> list[dict[str, Any]]:
    """Return where each stream stands, in JSON's own types.

    Shape: ``dag_id, task_id, title, content, variable, is_lookup, destination, source, is_paused``,
    then some of `progress_of`, ``delivered, rejected`` and ``window`` of the last summary, ``total`` of
    the summaries of the last day, and ``last_run``.
    """
    listed = [((each.writer.dag_id, each.writer.task_id), each) for each in found]
    tasks = {task for task, _ in listed}
    runs, sums = task_runs(tasks, limit=_NEWEST), totals(tasks, since=now - _SUMMED)
    return [_standing(each, now, runs.get(task, []), sums.get(task, Totals())) for task, each in listed]


def history(found: DeployedStream, now: datetime, *, limit: int) -> dict[str, Any]:
    """Return the newest runs of a stream, the oldest first, and the gaps between what they covered.

    Shape: ``runs``, each as `run_dict` returns it, ``gaps``, each ``{from, to}``, and ``pull``, see `pull_progress_of`.

    :raises ConfigurationError: the database failed.
    """
    task = found.writer.dag_id, found.writer.task_id
    runs = task_runs({task}, limit=limit).get(task, [])[::-1]
    return {
        "runs": [run_dict(run) for run in runs],
        "gaps": [gap.to_dict() for gap in _gaps(found, runs, now)],
        "pull": progress_of(found.stream, now)["pull"],
    }


def run_dict(run: TaskRun) -> dict[str, Any]:
    """Return a run in JSON's own types.

    Shape: ``run_id, run_type, state, run_after, ended_at, window, delivered, rejected, lag_s``. The last four are None
    without a summary; ``lag_s`` is the age of the checkpoint when the task ended.
    """
    summary, window = run.summary, _window(run.summary)
    lag_s = None
    if run.ended_at and isinstance(checkpoint := summary.get("to_checkpoint_time"), str):
        lag_s = (run.ended_at - parse_instant(checkpoint, name="to_checkpoint_time")).total_seconds()
    return {
        "run_id": run.run_id,
        "run_type": run.run_type,
        "state": run.state,
        "run_after": format_instant(run.run_after),
        "ended_at": format_instant(run.ended_at) if run.ended_at else None,
        "window": window.to_dict() if window else None,
        "delivered": summary.get("rows_sent", summary.get("sent")),
        "rejected": summary.get("rejected"),
        "lag_s": lag_s,
    }


def _gaps(found: DeployedStream, runs: Iterable[TaskRun], now: datetime) -> list[Window]:
    read = [(run, window) for run in runs if (window := _window(run.summary))]
    # What earlier runs have read is not known. Only scheduled runs follow each other: others may read any old window.
    since = next((window.start for run, window in read if run.run_type == _SCHEDULED), None)
    if since is None:
        return []
    if found.writer.keep:
        since = max(since, now - found.writer.keep)
    return gaps((window for _, window in read), since=since)


def _standing(found: DeployedStream, now: datetime, newest: Iterable[TaskRun], total: Totals) -> dict[str, Any]:
    writer, stream = found.writer, found.stream
    progress = progress_of(stream, now, with_pull=False)
    runs = [run_dict(run) for run in newest if run.state]
    last = next((run for run in runs if run["window"]), {})
    return {
        "dag_id": writer.dag_id,
        "task_id": writer.task_id,
        "title": found.title,
        "content": stream.content,
        "variable": stream.variable,
        "is_lookup": stream.is_lookup,
        "destination": stream.destination or None,
        "source": stream.source or None,
        "is_paused": writer.is_paused,
        **{name: progress[name] for name in _SHOWN},
        "delivered": last.get("delivered"),
        "rejected": last.get("rejected"),
        "window": last.get("window"),
        "total": asdict(total),
        "last_run": runs[0] if runs else None,
    }


def _stream(writer: StreamTask, stored: Collection[str], hook_of: Callable[[str], DevoHook]) -> Stream:
    task = writer.task
    name = str(task.lookup_name if writer.is_lookup else _event_stream(task))
    kind: type[LookupState] | type[EventState] = LookupState if writer.is_lookup else EventState
    stream = Stream(
        name=name, variable="", kind=kind, source=str(task.flashpoint_conn_id), task=task, period_s=writer.period_s
    )
    try:
        store = _store(writer, stream, hook_of)
        return replace(stream, variable=store.variable_in(stored), destination=store.key.destination, store=store)
    except Exception as error:  # whatever is wrong with one stream, the others are shown
        return replace(stream, problem=reason_of(error))


def _event_stream(task: Any) -> str:
    # A class of one's own is taken for one derived from the PullAlertsOperator if it reads alerts.
    return (event_stream if task.task_type == "PullEventsOperator" else alert_stream)(task.tag, task.kind)


def _store(writer: StreamTask, stream: Stream, hook_of: Callable[[str], DevoHook]) -> StreamStore[Any]:
    task = writer.task
    parts = (stream.name, stream.source, task.devo_conn_id)
    if template := next((part for part in parts if "{{" in part), None):
        raise ConfigurationError(f"{template} is a template, whose value only a run of the task knows.")
    devo = hook_of(task.devo_conn_id)
    return StreamStore(
        kind=stream.kind,
        key=StreamKey(name=stream.name, destination=devo.destination(), source=stream.source),
        devo_conn_id=task.devo_conn_id,
        root=staging_root(task.staging_uri),
        take_over=getattr(task, "take_over", True),  # absent where an earlier version wrote the DAG into the database
        read_only=True,
    )


def _window(summary: Mapping[str, Any]) -> Window | None:
    try:
        bounds = summary["window"]
        return Window(parse_instant(bounds["from"], name="from"), parse_instant(bounds["to"], name="to"))
    except (KeyError, TypeError, ConfigurationError):
        return None
