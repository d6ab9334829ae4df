"""Which streams exist: those that the configuration names, and those that only have a stored state."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.airflow_runtime.run_window import run_period
from airflow_provider_flashpoint.airflow_runtime.storage.variables import prefix_of
from airflow_provider_flashpoint.core.state import EventState, LookupState
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.readiness.findings import reason_of

if TYPE_CHECKING:
    from airflow_provider_flashpoint.airflow_runtime.storage.stream import StreamStore
    from airflow_provider_flashpoint.config import CollectorConfig
    from airflow_provider_flashpoint.hooks.devo import DevoHook
    from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator
    from airflow_provider_flashpoint.operators.pull_events import PullEventsOperator


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One lookup, or one event table.

    :param name: the name of the lookup, or the tag of the table.
    :param variable: the Airflow Variable with the state; empty where a problem prevents knowing it.
    :param destination: the domain, or without one the id, of the Devo connection; empty where it is not known.
    :param source: the id of the Flashpoint connection; empty where it is not known.
    :param task: the task that writes the state, in its DAG; None where the configuration does not name the stream.
    :param store: the state and the directories of the stream, to be read only; None without a task.
    :param problem: why the connection to Devo, and with it the destination, cannot be read.
    :param period_s: how often its DAG runs; None without a schedule, or where that is not known.
    """

    name: str
    variable: str
    kind: type[LookupState] | type[EventState]
    destination: str = ""
    source: str = ""
    task: LookupSyncOperator | PullEventsOperator | None = None
    store: StreamStore[Any] | None = None
    problem: str = ""
    period_s: float | None = None

    @property
    def is_lookup(self) -> bool:
        """Whether this is a lookup; otherwise it is an event table."""
        return self.kind is LookupState

    @property
    def content(self) -> str | None:
        """The indicator type of a lookup, or the data set of an event table; None without a task."""
        name: str | None = getattr(self.task, "indicator_type" if self.is_lookup else "kind", None)
        return name

    def matches(self, name: str) -> bool:
        """Return whether ``name`` is the stream's name, its Variable or its content."""
        return name in (self.name, self.variable, self.content)


def dags_of(config: CollectorConfig) -> list[Any]:
    """Return the DAGs of the configuration, as the DAG folder makes them."""
    from airflow_provider_flashpoint.config.model import EventInput
    from airflow_provider_flashpoint.dag_factory import alert_dag, event_dag, indicator_dag

    dags = []
    if config.indicators:
        dags.append(indicator_dag(config.indicators, name=config.name))
    if config.alerts:
        dags.append(alert_dag(config.alerts, name=config.name))
    events = ((found, data_set) for data_set, found in config.inputs() if isinstance(found, EventInput))
    return [*dags, *(event_dag(found, data_set, name=config.name) for found, data_set in events)]


def configured_streams(dags: Iterable[Any]) -> list[Stream]:
    """Return the streams whose state the tasks of these DAGs write. Each connection to Devo is read once."""
    from airflow_provider_flashpoint.hooks.devo import DevoHook
    from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator
    from airflow_provider_flashpoint.operators.pull_events import PullEventsOperator

    hook_of, kinds = cache(DevoHook), {LookupSyncOperator: LookupState, PullEventsOperator: EventState}
    return [
        _configured(task, kind, hook_of(task.devo_conn_id))
        for dag in dags
        for task in dag.tasks
        for operator, kind in kinds.items()
        if isinstance(task, operator)
    ]


def stream_of_variable(variable: str) -> Stream | None:
    """Return the stream whose state is in a Variable of this name; None where the name is not of a state.

    The state says whose it is. The name of the Variable does where the state is unreadable or of an earlier version.
    """
    from airflow_provider_flashpoint.airflow_runtime.database import read_variable

    for kind in (LookupState, EventState):
        name = variable.removeprefix(prefix_of(kind))
        if name and name != variable:
            try:
                state = json.loads(read_variable(variable) or "{}")
                key = {field: str(state[field]) for field in ("name", "destination", "source") if state.get(field)}
            except (ValueError, AttributeError):
                key = {}
            stream = Stream(name=name, variable=variable, kind=kind)
            return replace(stream, **key)  # type: ignore[arg-type]  # these fields are texts
    return None


def all_streams(configs: Iterable[CollectorConfig]) -> list[Stream]:
    """Return the streams of the configurations, then those that only have a state in Airflow's database.

    A stream has the Variable that its next run reads, which may be one that the run takes over.

    :raises ConfigurationError: the database does not answer.
    """
    from airflow_provider_flashpoint.airflow_runtime.database import state_variables

    stored = state_variables()
    configured = [
        replace(stream, variable=stream.store.variable_in(stored)) if stream.store else stream
        for stream in configured_streams(dag for config in configs for dag in dags_of(config))
    ]
    known = {stream.variable for stream in configured}
    others = (stream_of_variable(variable) for variable in stored if variable not in known)
    return [*configured, *(stream for stream in others if stream)]


def find(streams: Sequence[Stream], name: str) -> list[Stream]:
    """Return the streams that ``name`` matches, or the one whose Variable it is; an empty list where there is none."""
    matching = [stream for stream in streams if stream.matches(name)]
    unlisted = stream_of_variable(name)
    return matching or ([unlisted] if unlisted else [])


def _configured(
    task: LookupSyncOperator | PullEventsOperator, kind: type[LookupState] | type[EventState], devo: DevoHook
) -> Stream:
    stream = Stream(name=task.stream, variable="", kind=kind, source=task.flashpoint_conn_id, task=task)
    with contextlib.suppress(ConfigurationError):
        window = run_period({"dag": task.dag}).window
        stream = replace(stream, period_s=(window.end - window.start).total_seconds())
    try:
        store: StreamStore[Any] = task.store(devo, read_only=True)
    except Exception as error:  # whatever is wrong with one connection, the streams of the others are known
        return replace(stream, problem=reason_of(error))
    return replace(stream, variable=store.variable, destination=store.key.destination, store=store)
