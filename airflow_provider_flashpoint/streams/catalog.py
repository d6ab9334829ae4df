"""Which streams exist: those that the configuration names, and those that only have a stored state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.airflow_runtime.state_store import event_variable, lookup_variable
from airflow_provider_flashpoint.core.state import EventState, LookupState

if TYPE_CHECKING:
    from airflow_provider_flashpoint.config import CollectorConfig
    from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator
    from airflow_provider_flashpoint.operators.pull_alerts import PullAlertsOperator


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One lookup, or one event table.

    :param name: the name of the lookup, or the tag of the table.
    :param variable: the Airflow Variable with the state.
    :param task: the task that writes the state, in its DAG; None where the configuration does not name the stream.
    """

    name: str
    variable: str
    kind: type[LookupState] | type[EventState]
    task: LookupSyncOperator | PullAlertsOperator | None = None

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
    from airflow_provider_flashpoint.dag_factory import alert_dag, indicator_dag

    dags = []
    if config.indicators:
        dags.append(indicator_dag(config.indicators, name=config.name))
    if config.alerts:
        dags.append(alert_dag(config.alerts, name=config.name))
    return dags


def configured_streams(dags: Iterable[Any]) -> list[Stream]:
    """Return the streams whose state the tasks of these DAGs write."""
    from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator
    from airflow_provider_flashpoint.operators.pull_alerts import PullAlertsOperator

    streams = []
    for task in (task for dag in dags for task in dag.tasks):
        if isinstance(task, LookupSyncOperator):
            name = task.lookup_name
            streams.append(Stream(name=name, variable=lookup_variable(name), kind=LookupState, task=task))
        elif isinstance(task, PullAlertsOperator):
            name = task.stream
            streams.append(Stream(name=name, variable=event_variable(name), kind=EventState, task=task))
    return streams


def stream_of_variable(variable: str) -> Stream | None:
    """Return the stream whose state is in a Variable of this name; None where the name is not of a state."""
    for kind, variable_of in ((LookupState, lookup_variable), (EventState, event_variable)):
        name = variable.removeprefix(variable_of(""))
        if name and name != variable:
            return Stream(name=name, variable=variable, kind=kind)
    return None


def all_streams(configs: Iterable[CollectorConfig]) -> list[Stream]:
    """Return the streams of the configurations, then those that only have a state in Airflow's database.

    :raises ConfigurationError: the database does not answer.
    """
    from airflow_provider_flashpoint.airflow_runtime.database import state_variables

    configured = configured_streams(dag for config in configs for dag in dags_of(config))
    known = {stream.variable for stream in configured}
    stored = (stream_of_variable(variable) for variable in state_variables() if variable not in known)
    return [*configured, *(stream for stream in stored if stream)]


def find(streams: Sequence[Stream], name: str) -> list[Stream]:
    """Return the streams that ``name`` matches, or the one whose Variable it is; an empty list where there is none."""
    matching = [stream for stream in streams if stream.matches(name)]
    unlisted = stream_of_variable(name)
    return matching or ([unlisted] if unlisted else [])
