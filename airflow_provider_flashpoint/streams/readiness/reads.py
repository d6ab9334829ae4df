"""What configurations read from Flashpoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.config.model import InputConfig, LookupConfig
from airflow_provider_flashpoint.core.flashpoint.api import FEED_DATA_SETS, DataSet

if TYPE_CHECKING:
    from airflow_provider_flashpoint.config import CollectorConfig

Reads = dict[tuple[str, DataSet, str | None], list[Any]]
"""The settings of the streams that are read, by connection, data set and path; settings of feeds are left out."""


def inputs_of(config: CollectorConfig | None) -> Iterator[tuple[DataSet, Any]]:
    """Yield the inputs of a configuration that are on; without one, indicators and alerts with their defaults."""
    default = InputConfig.model_validate({})
    yield from config.inputs() if config else ((each, default) for each in (DataSet.INDICATORS, DataSet.ALERTS))


def reads_of(configs: Iterable[CollectorConfig | None]) -> Reads:
    """Return what these configurations read."""
    reads: Reads = defaultdict(list)
    for config in configs:
        for data_set, used in inputs_of(config):
            reads[used.flashpoint_conn_id, data_set, None] += getattr(used, "lookups", [used])
            feeds = {kind: getattr(used, kind.value, None) for kind in FEED_DATA_SETS}
            reads |= {(used.flashpoint_conn_id, kind, feed.path): [] for kind, feed in feeds.items() if feed}
    return reads


def selection_of(streams: Iterable[Any]) -> dict[str, list[Any]]:
    """Return the types, the filters and the lookups in settings of streams, as `check_selection` takes them."""
    types = [stream.indicator_type for stream in streams if hasattr(stream, "indicator_type")]
    filters = [stream.filters for stream in streams if getattr(stream, "filters", None)]
    lookups = [stream.options() for stream in streams if isinstance(stream, LookupConfig)]
    return {"types": types, "filters": filters, "lookups": lookups}
