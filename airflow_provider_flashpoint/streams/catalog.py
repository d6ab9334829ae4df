"""The lookups and streams of alerts: those that the configuration names, and those that only a Variable tells of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.airflow_runtime.state_store import event_variable, lookup_variable
from airflow_provider_flashpoint.cli.report import WrongUsage
from airflow_provider_flashpoint.core.state import EventState, LookupState

if TYPE_CHECKING:
    from airflow_provider_flashpoint.config import CollectorConfig
    from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator
    from airflow_provider_flashpoint.operators.pull_alerts import PullAlertsOperator


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One lookup, or one stream of alerts.

    :param name: the lookup's name or the stream's tag; what the Variable is named after.
    :param task: the task that keeps its state, in its DAG; None where the configuration does not know it.
    """

    name: str
    variable: str
    kind: type[LookupState] | type[EventState]
    task: LookupSyncOperator | PullAlertsOperator | None = None

    @property
    def is_lookup(self) -> bool:
        """Whether this is a lookup, and not a stream of alerts."""
        return self.kind is LookupState

    def answers_to(self, name: str) -> bool:
        """Return whether a person means this stream by ``name``: its name, its Variable, or what it holds."""
        return name in (self.name, self.variable, self.holds)

    @property
    def holds(self) -> str | None:
        """The indicator type of a lookup, ``alerts`` or another kind of a stream; None where nothing tells."""
        kind: str | None = getattr(self.task, "indicator_type" if self.is_lookup else "kind", None)
        return kind


def dags_of(config: CollectorConfig) -> list[Any]:
    """Return the DAGs that the configuration makes, as the DAG folder would."""
    from airflow_provider_flashpoint.dag_factory import alert_dag, indicator_dag

    dags = []
    if config.indicators:
        dags.append(indicator_dag(config.indicators))
    if config.alerts:
        dags.append(alert_dag(config.alerts))
    return dags


def configured_streams(dags: Iterable[Any]) -> list[Stream]:
    """Return the streams whose state the tasks of these DAGs keep."""
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
    """Return the stream whose state a Variable of this name holds, or None where it is no such name."""
    for kind, named in ((LookupState, lookup_variable), (EventState, event_variable)):
        name = variable.removeprefix(named(""))
        if name and name != variable:
            return Stream(name=name, variable=variable, kind=kind)
    return None


def with_stored(configured: Sequence[Stream], variables: Iterable[str]) -> list[Stream]:
    """Return the configured streams, and after them those that only a Variable tells of."""
    known = {stream.variable for stream in configured}
    stored = (stream_of_variable(variable) for variable in variables if variable not in known)
    return [*configured, *(stream for stream in stored if stream)]


def chosen(streams: Sequence[Stream], names: Sequence[str]) -> list[Stream]:
    """Return the streams that ``names`` mean, all of them where there are no names.

    :raises WrongUsage: a name means none of them; the message lists those there are.
    """
    if not names:
        return list(streams)
    found: dict[str, Stream] = {}
    for name in names:
        meant = [stream for stream in streams if stream.answers_to(name)]
        alone = stream_of_variable(name)
        if not meant and alone is None:
            known = ", ".join(stream.name for stream in streams) or "none yet"
            raise WrongUsage(f"{name!r} is neither a lookup nor a stream of alerts here. There are: {known}.")
        for stream in meant or ([alone] if alone else []):
            found[stream.variable] = stream
    return list(found.values())
