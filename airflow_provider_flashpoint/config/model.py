"""The settings of the collector: each stands here once, with its default, its bounds and its description.

Operators take their defaults from here, and `airflow_provider_flashpoint.config.reference` makes the table of the
documentation and the JSON schema for editors. Nothing here reads a file.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, TypeVar

from pydantic import AfterValidator, Field

from airflow_provider_flashpoint.config.fields import (
    Columns,
    ConfigName,
    ConnId,
    Count,
    Environment,
    Filters,
    Flag,
    IndicatorType,
    Instant,
    LookupKey,
    LookupName,
    OnRerun,
    Settings,
    Span,
    StagingUri,
    Tag,
    Text,
    UrlPath,
    Verify,
)
from airflow_provider_flashpoint.config.obfuscation import ObfuscationSettings
from airflow_provider_flashpoint.core.staging.indicators.column_names import MOST_NAMES
from airflow_provider_flashpoint.core.state import LookupStatus

DEFAULT_TAG = "threatintel.flashpoint.intelligence.alerts"
DEFAULT_FLASHPOINT_CONN_ID = "flashpoint_default"
DEFAULT_DEVO_CONN_ID = "devo_default"
DEFAULT_REQUEST_PERIOD = timedelta(seconds=300)
DEFAULT_LEDGER_RETENTION = timedelta(days=30)
DEFAULT_STATISTICS_PERIOD = timedelta(minutes=10)
DEFAULT_MAX_COLUMNS = 500
DEFAULT_EXECUTION_TIMEOUT = timedelta(hours=24)  # the longest build takes hours
DEFAULT_VERIFY_TIMEOUT = timedelta(minutes=15)

# How late a record may become visible after its time, with a margin over the 12 minutes that were measured.
DEFAULT_INDICATOR_LAG = timedelta(minutes=15)
DEFAULT_ALERT_LAG = timedelta(minutes=5)

_DAY_S = 86_400
_WEEK_S = 7 * _DAY_S
_MAX_REJECTS = 1_000_000_000


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
        description="Which records to read. Indicators: `query` on `legacy` and `ignite_v1`; `score` (the lowest), "
        "`tags`, `sources`, `actors`, `malware`, `mitre_attack_ids`, `cidr` on `ignite_v2`. Alerts of Ignite: "
        "`status`, `origin`, `sources`, `tags`. A list reads what has one of its values; `score`, `cidr`, `query`, "
        "`status` and `origin` take one value.",
    )


class LookupSyncSettings(Settings):
    """Settings of the sync of a lookup alone."""

    columns: Columns | None = Field(
        None,
        description="Columns of the lookup; the other values go, as JSON, into the column `_extra`. Default: the "
        "keys that the first build finds.",
    )
    max_columns: Count = Field(
        DEFAULT_MAX_COLUMNS,
        ge=1,
        le=MOST_NAMES,
        description="Columns, with the key, that the first build finds at most: the keys that most indicators have. "
        "The other values go into `_extra`.",
    )
    max_rejects: Count = Field(
        0, ge=0, le=_MAX_REJECTS, description="Rejected rows, which lack the key, that a sync may have without failing."
    )


class LookupPullSettings(StreamSettings):
    """Settings that the pull and the sync of a lookup share."""

    lookup_key: LookupKey = Field(description="Key of the flattened indicator whose value tells the rows apart.")
    indicator_type: IndicatorType = Field(description="Flashpoint's own name of the type, such as `ip-dst|port`.")
    lookup_name: LookupName = Field(
        description="Name of the lookup in Devo. Set for all lookups, it is the name of a single lookup; for several, "
        "`_<Type>` is appended. Default: `Threatintel_Flashpoint_Intelligence_<Type>`."
    )
    lookup_status: LookupStatus = Field(
        LookupStatus.NEW,
        description="Status of a lookup without state: `New` builds it, `Created` adds to one that exists. After the "
        "first sync the state decides.",
    )
    lag: Annotated[timedelta, Span.of("seconds", 0, _WEEK_S)] = Field(
        DEFAULT_INDICATOR_LAG, alias="lag_s", description="Time that is read again, for indicators that appear late."
    )
    page_size: Count | None = Field(
        None, ge=2, le=1000, description="Indicators in one request. Default: that of the connection."
    )


class LookupConfig(LookupPullSettings, LookupSyncSettings):
    """One indicator type and the Devo lookup that it fills."""

    @classmethod
    def shared_keys(cls) -> frozenset[str]:
        """Return the keys that the service may set for all its lookups."""
        return cls.keys() - {"indicator_type", "lookup_key", "lookup_name", "columns"}


class SourceSettings(ObfuscationSettings):
    """Settings of all tasks that read from Flashpoint."""

    flashpoint_conn_id: ConnId = Field(DEFAULT_FLASHPOINT_CONN_ID, description="Airflow connection to Flashpoint.")
    staging_uri: StagingUri | None = Field(
        None,
        description="Root of the staging storage, which all workers reach. Default: `[flashpoint] staging_uri` of "
        "Airflow's configuration.",
    )


class InputConfig(StartSettings, SourceSettings):
    """Settings of both inputs: the connections and the schedule."""

    id: Text | None = Field(None, description="Id of the input in the collector. It is not used.")
    environment: Environment | None = Field(
        None, description="Environment of the input in the collector. It becomes a tag of the DAG."
    )
    enabled: Flag = Field(True, description="`false` switches the input off: it has no DAG.")
    request_period: Annotated[timedelta, Span.of("seconds", 1, _WEEK_S)] = Field(
        DEFAULT_REQUEST_PERIOD, alias="request_period_in_seconds", description="Time between two runs of the DAG."
    )
    devo_conn_id: ConnId = Field(DEFAULT_DEVO_CONN_ID, description="Airflow connection to Devo.")
    catchup: Flag = Field(False, description="Also run the periods between the DAG's start date and now.")
    max_active_runs: Count = Field(1, ge=1, le=1000, description="Runs of the DAG at the same time.")
    execution_timeout: Annotated[timedelta, Span.of("seconds", 60, 30 * _DAY_S)] = Field(
        DEFAULT_EXECUTION_TIMEOUT,
        alias="execution_timeout_s",
        description="Longest time of one attempt of a task. Airflow ends the attempt, and the next one goes on.",
    )


class IndicatorInput(InputConfig):
    """The input ``flashpoint_indicator``: at least one lookup, each with a type and a name of its own."""

    lookups: tuple[LookupConfig, ...]


class AlertSettings(StreamSettings):
    """Settings of a stream of events."""

    tag: Tag = Field(
        DEFAULT_TAG, description="Devo table of the alerts. `override_tag`, as in other collectors, means the same."
    )
    lag: Annotated[timedelta, Span.of("seconds", 0, _WEEK_S)] = Field(
        DEFAULT_ALERT_LAG, alias="lag_s", description="Time that is read again, for alerts that appear late."
    )
    page_size: Count | None = Field(
        None, ge=2, le=5000, description="Alerts in one request. Default: that of the connection."
    )
    max_rejects: Count = Field(
        0,
        ge=0,
        le=_MAX_REJECTS,
        description="Rejected alerts, which cannot be sent, that a run may have without failing.",
    )
    on_rerun: OnRerun = Field(OnRerun.SKIP, description="Skip alerts that Devo has confirmed, or send them again.")
    ledger_retention: Annotated[timedelta, Span.of("days", 1, 3650)] = Field(
        DEFAULT_LEDGER_RETENTION,
        alias="ledger_retention_days",
        description="Time for which the ids of confirmed alerts are kept.",
    )
    statistics_period: Annotated[timedelta, Span.of("seconds", 1, _WEEK_S)] = Field(
        DEFAULT_STATISTICS_PERIOD,
        alias="statistics_period_s",
        description="Time between two log lines with the counts of sent events.",
    )
    verify: Verify = Field(
        Verify.CONFIRM,
        description="`confirm` trusts the confirmation of the transport. `query` looks up every id in the table and "
        "sends missing alerts again.",
    )
    verify_timeout: Annotated[timedelta, Span.of("seconds", 1, _WEEK_S)] = Field(
        DEFAULT_VERIFY_TIMEOUT, alias="verify_timeout_s", description="Longest time that the queries of a run may take."
    )
    telemetry: Flag = Field(False, description="Also send logs and metrics to Devo's table `devo.collectors.out`.")


class KeywordFeed(Settings):
    """Keywords or keyword classes, delivered as the alerts are."""

    verify: ClassVar = Verify.CONFIRM  # keywords have no known id, so no query can find them

    enabled: Flag = Field(True, description="`false` switches the feed off.")
    tag: Tag = Field(DEFAULT_TAG, description="Devo table. Default: the table of the alerts.")
    path: UrlPath | None = Field(
        None, description="Path of the data set at Flashpoint. Default: `base_path_...` of the connection."
    )


S = TypeVar("S", InputConfig, KeywordFeed)


def _if_enabled(settings: S | None) -> S | None:
    return settings if settings and settings.enabled else None


class AlertInput(InputConfig, AlertSettings):
    """The input ``flashpoint_alert``. ``keywords`` and ``keyword_classes`` are None if they are off."""

    keywords: Annotated[KeywordFeed | None, AfterValidator(_if_enabled)] = None
    keyword_classes: Annotated[KeywordFeed | None, AfterValidator(_if_enabled)] = None


class CollectorConfig(Settings):
    """The whole file. An input that is absent or off is None; ``notes`` name the parts that are not used, and why."""

    name: Annotated[
        ConfigName,
        Field(
            description="Name of the configuration, where there are several. It ends the ids of its DAGs: "
            "`flashpoint_indicator__<name>`, `flashpoint_alert__<name>`."
        ),
    ] = ""
    indicators: Annotated[IndicatorInput | None, AfterValidator(_if_enabled)] = None
    alerts: Annotated[AlertInput | None, AfterValidator(_if_enabled)] = None
    notes: tuple[str, ...] = ()


CollectorConfig.model_rebuild()
