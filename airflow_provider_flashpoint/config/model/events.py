"""Settings of the inputs whose records become events."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from airflow_provider_flashpoint.config.fields import Count, Flag, OnRerun, Settings, Span, Tag, UrlPath, Verify
from airflow_provider_flashpoint.config.model.inputs import (
    MAX_REJECTS,
    WEEK_S,
    InputConfig,
    StreamSettings,
    if_enabled,
)

DEFAULT_TAG = "threatintel.flashpoint.intelligence.alerts"
DEFAULT_ALERT_LAG = timedelta(minutes=5)
DEFAULT_EVENT_LAG = timedelta(minutes=15)  # a record may be indexed 12 minutes late
DEFAULT_LEDGER_RETENTION = timedelta(days=30)
DEFAULT_STATISTICS_PERIOD = timedelta(minutes=10)
DEFAULT_VERIFY_TIMEOUT = timedelta(minutes=15)


class EventSettings(StreamSettings):
    """Settings of a stream of events."""

    tag: Tag = Field(description="Devo table. `override_tag`, as in other collectors, means the same.")
    lag: Annotated[timedelta, Span.of("seconds", 0, WEEK_S)] = Field(
        DEFAULT_EVENT_LAG, alias="lag_s", description="Time that is read again, for records that appear late."
    )
    page_size: Count | None = Field(
        None, ge=2, le=1000, description="Records in one request. Default: that of the connection."
    )
    max_rejects: Count = Field(
        0,
        ge=0,
        le=MAX_REJECTS,
        description="Rejected records, which cannot be sent, that a run may have without failing.",
    )
    on_rerun: OnRerun = Field(OnRerun.SKIP, description="Skip events that Devo has confirmed, or send them again.")
    ledger_retention: Annotated[timedelta, Span.of("days", 1, 3650)] = Field(
        DEFAULT_LEDGER_RETENTION,
        alias="ledger_retention_days",
        description="Time for which the ids of confirmed events are kept.",
    )
    statistics_period: Annotated[timedelta, Span.of("seconds", 1, WEEK_S)] = Field(
        DEFAULT_STATISTICS_PERIOD,
        alias="statistics_period_s",
        description="Time between two log lines with the counts of sent events.",
    )
    telemetry: Flag = Field(False, description="Also send logs and metrics to Devo's table `devo.collectors.out`.")


class AlertSettings(EventSettings):
    """Settings of a stream of alerts."""

    tag: Tag = Field(
        DEFAULT_TAG, description="Devo table of the alerts. `override_tag`, as in other collectors, means the same."
    )
    lag: Annotated[timedelta, Span.of("seconds", 0, WEEK_S)] = Field(
        DEFAULT_ALERT_LAG, alias="lag_s", description="Time that is read again, for alerts that appear late."
    )
    page_size: Count | None = Field(
        None, ge=2, le=5000, description="Alerts in one request. Default: that of the connection."
    )
    verify: Verify = Field(
        Verify.CONFIRM,
        description="`confirm` trusts the confirmation of the transport. `query` looks up every id in the table and "
        "sends missing alerts again.",
    )
    verify_timeout: Annotated[timedelta, Span.of("seconds", 1, WEEK_S)] = Field(
        DEFAULT_VERIFY_TIMEOUT, alias="verify_timeout_s", description="Longest time that the queries of a run may take."
    )


class KeywordFeed(Settings):
    """Keywords or keyword classes, delivered as the alerts are."""

    verify: ClassVar = Verify.CONFIRM  # keywords have no known id, so no query can find them

    enabled: Flag = Field(True, description="`false` switches the feed off.")
    tag: Tag = Field(DEFAULT_TAG, description="Devo table. Default: the table of the alerts.")
    path: UrlPath | None = Field(
        None, description="Path of the data set at Flashpoint. Default: `base_path_...` of the connection."
    )


class AlertInput(InputConfig, AlertSettings):
    """The input ``flashpoint_alert``. ``keywords`` and ``keyword_classes`` are None if they are off."""

    keywords: Annotated[KeywordFeed | None, AfterValidator(if_enabled)] = None
    keyword_classes: Annotated[KeywordFeed | None, AfterValidator(if_enabled)] = None
