"""What the collector's configuration file says, as values: the two inputs and what hangs on them.

Everything here is complete: defaults are filled in, names are resolved. Nothing here reads a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from airflow_provider_flashpoint.core.obfuscate import ObfuscationRule
from airflow_provider_flashpoint.core.state import LookupStatus

DEFAULT_TAG = "threatintel.flashpoint.intelligence.alerts"
DEFAULT_FLASHPOINT_CONN_ID = "flashpoint_default"
DEFAULT_DEVO_CONN_ID = "devo_default"
DEFAULT_REQUEST_PERIOD = timedelta(seconds=300)
DEFAULT_LEDGER_RETENTION = timedelta(days=30)
DEFAULT_STATISTICS_PERIOD = timedelta(minutes=10)
DEFAULT_VERIFY_TIMEOUT = timedelta(minutes=15)

# How late a record may become visible after its time, with a margin over what was seen (12 minutes).
DEFAULT_INDICATOR_LAG = timedelta(minutes=15)
DEFAULT_ALERT_LAG = timedelta(minutes=5)

_DEFAULT_LOOKUP_NAME = "Threatintel_Flashpoint_Intelligence"
_NOT_IN_LOOKUP_NAMES = re.compile(r"[^A-Za-z0-9_]")


class Verify(StrEnum):
    """What proves that Devo has an alert: the confirmation of its transport, or a query that shows it."""

    CONFIRM = "confirm"
    QUERY = "query"


class OnRerun(StrEnum):
    """What a rerun does with the alerts that were already confirmed."""

    SKIP = "skip"
    RESEND = "resend"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupConfig:
    """One indicator type and the Devo lookup that it fills.

    ``lookup_status`` is the status to begin with; the state of a lookup that was synced before outranks it.
    ``columns`` None means: whatever the first build finds. ``page_size`` None means: the connection's.
    """

    indicator_type: str
    lookup_key: str
    lookup_name: str
    lookup_status: LookupStatus = LookupStatus.NEW
    columns: tuple[str, ...] | None = None
    max_rejects: int = 0
    initial_start_time: datetime | None = None
    lag: timedelta = DEFAULT_INDICATOR_LAG
    page_size: int | None = None
    heal_gaps: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InputConfig:
    """What both inputs have: where the data comes from and goes to, and the schedule.

    ``initial_start_time`` is aware and in UTC. ``staging_uri`` None means: as Airflow's configuration says.
    """

    id: str | None = None
    environment: str | None = None
    initial_start_time: datetime | None = None
    request_period: timedelta = DEFAULT_REQUEST_PERIOD
    obfuscation: tuple[ObfuscationRule, ...] = ()
    flashpoint_conn_id: str = DEFAULT_FLASHPOINT_CONN_ID
    devo_conn_id: str = DEFAULT_DEVO_CONN_ID
    catchup: bool = False
    max_active_runs: int = 1
    staging_uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorInput(InputConfig):
    """The input ``flashpoint_indicator``: at least one lookup, each with a type and a name of its own."""

    lookups: tuple[LookupConfig, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordFeed:
    """Keywords or keyword classes. ``path`` None means: the one of the Flashpoint connection."""

    tag: str
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertInput(InputConfig):
    """The input ``flashpoint_alert``. ``keywords`` and ``keyword_classes`` are None where they are off."""

    tag: str = DEFAULT_TAG
    lag: timedelta = DEFAULT_ALERT_LAG
    page_size: int | None = None
    heal_gaps: bool = True
    max_rejects: int = 0
    on_rerun: OnRerun = OnRerun.SKIP
    ledger_retention: timedelta = DEFAULT_LEDGER_RETENTION
    statistics_period: timedelta = DEFAULT_STATISTICS_PERIOD
    verify: Verify = Verify.CONFIRM
    verify_timeout: timedelta = DEFAULT_VERIFY_TIMEOUT
    telemetry: bool = False
    keywords: KeywordFeed | None = None
    keyword_classes: KeywordFeed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorConfig:
    """The whole file. An input that is absent or off is None; ``notes`` says what was not used, and why."""

    indicators: IndicatorInput | None = None
    alerts: AlertInput | None = None
    notes: tuple[str, ...] = ()


def lookup_name_for(indicator_type: str, stem: str) -> str:
    """Return ``stem`` with the type appended: title-cased, ``_`` for all but ASCII letters and digits."""
    return f"{stem}_{_NOT_IN_LOOKUP_NAMES.sub('_', indicator_type.title())}"


def default_lookup_name(indicator_type: str) -> str:
    """Return the collector's own name of a lookup: ``Threatintel_Flashpoint_Intelligence_Ip_Dst_Port``."""
    return lookup_name_for(indicator_type, _DEFAULT_LOOKUP_NAME)
