"""Settings of the input ``flashpoint_indicator`` and of its lookups."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from airflow_provider_flashpoint.config.fields import (
    Columns,
    Count,
    Embedded,
    Flag,
    IndicatorType,
    LookupKey,
    LookupName,
    Settings,
    Span,
)
from airflow_provider_flashpoint.config.model.inputs import MAX_REJECTS, WEEK_S, InputConfig, StreamSettings
from airflow_provider_flashpoint.core.devo.lookups.csv_rows import OtherColumns
from airflow_provider_flashpoint.core.staging.indicators.column_names import MOST_NAMES
from airflow_provider_flashpoint.core.state import LookupStatus

DEFAULT_MAX_COLUMNS = 500
# How late an indicator may become visible after its time, with a margin over the 12 minutes that were measured.
DEFAULT_INDICATOR_LAG = timedelta(minutes=15)
DEFAULT_REBUILD_EVERY = timedelta(days=1)


class LookupSyncSettings(Settings):
    """Settings of the sync of a lookup alone."""

    other_columns: OtherColumns = Field(
        OtherColumns.EXTRA,
        description="Values without a column: `extra` puts them, as JSON, into the column `_extra`; `leave_out` leaves "
        "them out.",
    )
    max_columns: Count = Field(
        DEFAULT_MAX_COLUMNS,
        ge=1,
        le=MOST_NAMES,
        description="Columns, with the key, that the first build finds at most: the keys that most indicators have. "
        "The other values go into `_extra`.",
    )
    max_rejects: Count = Field(
        0, ge=0, le=MAX_REJECTS, description="Rejected rows, which lack the key, that a sync may have without failing."
    )


class LookupPullSettings(StreamSettings):
    """Settings that the pull and the sync of a lookup share."""

    lookup_key: LookupKey | None = Field(
        None,
        description="Key of the flattened indicator whose value tells the rows apart. Default: its value, which is "
        "`value` on `ignite_v2`, otherwise `value.<type>`.",
    )
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
    keep: Annotated[timedelta, Span.of("days", 1, 3650)] | None = Field(
        None,
        alias="keep_days",
        description="Time for which the lookup keeps an indicator that does not change. Rebuilds remove what is older, "
        "and older windows bring nothing. Default: for ever.",
    )
    rebuild_every: Annotated[timedelta, Span.of("days", 1, 3650)] = Field(
        DEFAULT_REBUILD_EVERY,
        alias="rebuild_every_days",
        description="Time between two rebuilds of a lookup with `keep_days`.",
    )
    lag: Annotated[timedelta, Span.of("seconds", 0, WEEK_S)] = Field(
        DEFAULT_INDICATOR_LAG, alias="lag_s", description="Time that is read again, for indicators that appear late."
    )
    columns: Columns | None = Field(
        None,
        description="Columns of a new lookup, in this order, behind its key. Default: on `ignite_v2` "
        "[these](lookups.md#columns), otherwise all keys that the first build finds. `all` takes all keys on "
        "`ignite_v2` too.",
    )
    embed: Embedded | None = Field(
        None,
        description="Parts that `ignite_v2` adds to indicators. Default: all. With `none` the columns "
        "`apt_description`, `external_references` and `mitre_attack_ids` stay empty, and a page has up to 1000 "
        "indicators, not 500.",
    )
    row_per_hash: Flag = Field(
        False,
        description="Give each file of `ignite_v2` a row under each of its hashes, so that any of them finds it.",
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

    def options(self) -> dict[str, Any]:
        """Return the options of the lookup that its API generation must allow, see `Endpoint.check_lookup`."""
        arguments = self.arguments(LookupPullSettings)
        return {name: arguments[name] for name in ("lookup_key", "embed", "row_per_hash")}


class IndicatorInput(InputConfig):
    """The input ``flashpoint_indicator``: at least one lookup, each with a type and a name of its own."""

    lookups: tuple[LookupConfig, ...]
