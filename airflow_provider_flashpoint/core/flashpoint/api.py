"""Names of the API generations and data sets. Light, since every process of Airflow loads them with the connections."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import urlsplit


class Api(StrEnum):
    """The API generation: which paths and parameters the host serves."""

    LEGACY = "legacy"
    IGNITE_V1 = "ignite_v1"
    IGNITE_V2 = "ignite_v2"


class DataSet(StrEnum):
    """The data sets, by the collector's names."""

    INDICATORS = "indicators"
    ALERTS = "alerts"
    KEYWORDS = "keywords"
    KEYWORD_CLASSES = "keyword_classes"


EVENT_DATA_SETS = tuple(data_set for data_set in DataSet if data_set is not DataSet.INDICATORS)
"""The data sets that are delivered as events; indicators become lookups."""


_HOSTS = {"fp.tools": Api.LEGACY, "api.flashpoint.io": Api.IGNITE_V2}


def api_of_host(base_url: str) -> Api:
    """Return the API generation that a host is known to serve; legacy for every other host."""
    name = (urlsplit(base_url).hostname or "").lower()
    return _HOSTS.get(name, Api.LEGACY)
