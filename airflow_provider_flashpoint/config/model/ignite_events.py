"""Settings of the inputs whose records both generations of Ignite serve as events, beside the alerts."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from airflow_provider_flashpoint.config.fields import Count, Flag, Settings, Span, Tag
from airflow_provider_flashpoint.config.model.events import EventSettings
from airflow_provider_flashpoint.config.model.inputs import WEEK_S, InputConfig

_TABLE = "Devo table. Devo has no parser of its own for it, so it is below `my.app`."


class SecretSettings(Settings):
    """Settings of records that hold secrets."""

    include_secrets: Flag = Field(
        False,
        description="Also deliver passwords, bodies and values of cookies. Everyone who can read the table, the "
        "staging storage or a copy of them can then use these; see docs/obfuscation.md.",
    )


class EventInput(InputConfig, EventSettings):
    """Settings of an input that has one service, whose records are events."""


class CredentialInput(EventInput, SecretSettings):
    """The input ``flashpoint_credential``."""

    tag: Tag = Field("my.app.flashpoint.credential", description=_TABLE)


class SlowInput(EventInput):
    """Settings of an input that runs less often than the others, and reads more time again."""

    request_period: Annotated[timedelta, Span.of("seconds", 1, WEEK_S)] = Field(
        timedelta(minutes=15), alias="request_period_in_seconds", description="Time between two runs of the DAG."
    )
    lag: Annotated[timedelta, Span.of("seconds", 0, WEEK_S)] = Field(
        timedelta(hours=1), alias="lag_s", description="Time that is read again, for records that appear late."
    )


class VulnerabilityInput(SlowInput):
    """The input ``flashpoint_vulnerability``."""

    tag: Tag = Field("my.app.flashpoint.vulnerability", description=_TABLE)


class ReportInput(SlowInput):
    """The input ``flashpoint_report``."""

    tag: Tag = Field("my.app.flashpoint.report", description=_TABLE)
    page_size: Count | None = Field(
        None,
        ge=2,
        le=500,
        description="Reports in one request; one can be several MB. Default: that of the connection.",
    )
