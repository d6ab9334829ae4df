"""Settings that inputs of every kind have: where a stream begins, what it reads, its connections and its schedule."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, TypeVar

from pydantic import Field

from airflow_provider_flashpoint.config.fields import (
    ConnId,
    Count,
    Environment,
    Filters,
    Flag,
    Instant,
    Settings,
    Span,
    StagingUri,
    Text,
)
from airflow_provider_flashpoint.config.obfuscation import ObfuscationSettings

DEFAULT_FLASHPOINT_CONN_ID = "flashpoint_default"
DEFAULT_DEVO_CONN_ID = "devo_default"
DEFAULT_REQUEST_PERIOD = timedelta(seconds=300)
DEFAULT_EXECUTION_TIMEOUT = timedelta(hours=24)  # the longest build takes hours

DAY_S = 86_400
WEEK_S = 7 * DAY_S
MAX_REJECTS = 1_000_000_000


class StartSettings(Settings):
    """The start of a stream."""

    initial_start_time: Instant | None = Field(
        None,
        description="A new stream starts with the records that changed since then. Default: the start date of the DAG, "
        "2023-02-07.",
    )


class StreamSettings(StartSettings):
    """Settings of any stream."""

    heal_gaps: Flag = Field(True, description="After a pause of the DAG, read from the checkpoint of the stream on.")
    filters: Filters | None = Field(
        None,
        description="Which records to read; see [filters](configuration.md#filters). Default: all.",
    )


class SourceSettings(ObfuscationSettings):
    """Settings of all tasks that read from Flashpoint."""

    flashpoint_conn_id: ConnId = Field(DEFAULT_FLASHPOINT_CONN_ID, description="Airflow connection to Flashpoint.")
    staging_uri: StagingUri | None = Field(
        None,
        description="Root of the staging storage, which all workers reach. Default: `[flashpoint] staging_uri` of "
        "Airflow's configuration.",
    )


class InputConfig(StartSettings, SourceSettings):
    """Settings of every input: the connections and the schedule."""

    id: Text | None = Field(None, description="Id of the input in the collector. It is not used.")
    environment: Environment | None = Field(
        None, description="Environment of the input in the collector. It becomes a tag of the DAG."
    )
    enabled: Flag = Field(True, description="`false` switches the input off: it has no DAG.")
    request_period: Annotated[timedelta, Span.of("seconds", 1, WEEK_S)] = Field(
        DEFAULT_REQUEST_PERIOD, alias="request_period_in_seconds", description="Time between two runs of the DAG."
    )
    devo_conn_id: ConnId = Field(DEFAULT_DEVO_CONN_ID, description="Airflow connection to Devo.")
    catchup: Flag = Field(False, description="Also run the periods between the DAG's start date and now.")
    max_active_runs: Count = Field(1, ge=1, le=1000, description="Runs of the DAG at the same time.")
    execution_timeout: Annotated[timedelta, Span.of("seconds", 60, 30 * DAY_S)] = Field(
        DEFAULT_EXECUTION_TIMEOUT,
        alias="execution_timeout_s",
        description="Longest time of one attempt of a task. Airflow ends the attempt, and the next one goes on.",
    )
    stale_after: Annotated[timedelta, Span.of("seconds", 60, 30 * DAY_S)] | None = Field(
        None,
        alias="stale_after_s",
        description="A task that fails writes a notice into Devo if its lookup or table is older than this, see "
        "[in Airflow](airflow.md#a-lookup-that-is-too-old). Default: never.",
    )


S = TypeVar("S", bound=Settings)


def if_enabled(settings: S | None) -> S | None:
    """Return the settings, None where they are switched off."""
    return settings if settings and getattr(settings, "enabled", True) else None
