"""The settings of the collector: each stands here once, with its default, its bounds and its description.

Operators take their defaults from here, and `airflow_provider_flashpoint.config.reference` makes the table of the
documentation and the JSON schema for editors. Nothing here reads a file.
"""

from __future__ import annotations

from airflow_provider_flashpoint.config.model.collector import CollectorConfig
from airflow_provider_flashpoint.config.model.events import (
    DEFAULT_ALERT_LAG,
    DEFAULT_EVENT_LAG,
    DEFAULT_LEDGER_RETENTION,
    DEFAULT_STATISTICS_PERIOD,
    DEFAULT_TAG,
    DEFAULT_VERIFY_TIMEOUT,
    AlertInput,
    AlertSettings,
    EventSettings,
    KeywordFeed,
)
from airflow_provider_flashpoint.config.model.ignite_events import (
    CredentialInput,
    EventInput,
    ReportInput,
    SecretSettings,
    VulnerabilityInput,
)
from airflow_provider_flashpoint.config.model.indicators import (
    DEFAULT_INDICATOR_LAG,
    DEFAULT_MAX_COLUMNS,
    DEFAULT_REBUILD_EVERY,
    IndicatorInput,
    LookupConfig,
    LookupPullSettings,
    LookupSyncSettings,
)
from airflow_provider_flashpoint.config.model.inputs import (
    DEFAULT_DEVO_CONN_ID,
    DEFAULT_FLASHPOINT_CONN_ID,
    InputConfig,
    SourceSettings,
    StartSettings,
    StreamSettings,
)

__all__ = [
    "DEFAULT_ALERT_LAG",
    "DEFAULT_DEVO_CONN_ID",
    "DEFAULT_EVENT_LAG",
    "DEFAULT_FLASHPOINT_CONN_ID",
    "DEFAULT_INDICATOR_LAG",
    "DEFAULT_LEDGER_RETENTION",
    "DEFAULT_MAX_COLUMNS",
    "DEFAULT_REBUILD_EVERY",
    "DEFAULT_STATISTICS_PERIOD",
    "DEFAULT_TAG",
    "DEFAULT_VERIFY_TIMEOUT",
    "AlertInput",
    "AlertSettings",
    "CollectorConfig",
    "CredentialInput",
    "EventInput",
    "EventSettings",
    "IndicatorInput",
    "InputConfig",
    "KeywordFeed",
    "LookupConfig",
    "LookupPullSettings",
    "LookupSyncSettings",
    "ReportInput",
    "SecretSettings",
    "SourceSettings",
    "StartSettings",
    "StreamSettings",
    "VulnerabilityInput",
]
