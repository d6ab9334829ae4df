"""The table of what can be read from Flashpoint: one row for each data set of each API generation.

A new data set is a row here and, where it is paged in a way of its own, a walk in `walks`.
Source of every value: the public clients of these APIs; what is not known for sure is a setting of the connection.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlsplit

from airflow_provider_flashpoint.errors import ConfigurationError


class Api(StrEnum):
    """The generation of the API: which paths and parameters the host understands."""

    LEGACY = "legacy"
    IGNITE_V1 = "ignite_v1"
    IGNITE_V2 = "ignite_v2"


class DataSet(StrEnum):
    """What is read. The value is the collector's own name of it."""

    INDICATORS = "indicators"
    ALERTS = "alerts"
    KEYWORDS = "keywords"
    KEYWORD_CLASSES = "keyword_classes"


class Walk(StrEnum):
    """How the pages of a window are walked through, see `walks`."""

    OFFSETS = "offsets"
    LINKS = "links"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How one data set is asked for, and which fields of its records have a meaning.

    ``window_parameters`` names the two bounds of the window. ``version_fields`` are flattened names of what grows with
    each version of a record, most telling first. ``scroll_path`` is where a window beyond ``ceiling`` is scrolled.
    ``time_field`` is None where records carry no time of their own. ``type_parameter`` asks for one type of record.
    """

    path: str
    walk: Walk
    records_key: str | None
    window_parameters: tuple[str, str]
    size_parameter: str
    page_size: int
    max_page_size: int
    id_field: str
    time_field: str | None
    version_fields: tuple[str, ...] = ()
    type_parameter: str | None = None
    ceiling: int = 0
    scroll_path: str | None = None
    fixed_parameters: tuple[tuple[str, str], ...] = ()

    def with_settings(self, *, page_size: int | None, path: str | None) -> Endpoint:
        """Return the row with a connection's own page size and path in place.

        :raises ConfigurationError: the page size is out of the endpoint's bounds, or its path is not known.
        """
        if not (path or self.path):
            raise ConfigurationError(
                "No public document tells the path of this data set: set base_path_keywords or "
                "base_path_keyword_classes in the Flashpoint connection, or `path` in the configuration file."
            )
        size = self.page_size if page_size is None else page_size
        if not 2 <= size <= self.max_page_size:
            raise ConfigurationError(
                f"page_size is {size}; for {self.path} it must be between 2 and {self.max_page_size} records."
            )
        return replace(self, page_size=size, path=path or self.path)


_TABLE: dict[tuple[Api, DataSet], Endpoint] = {
    (Api.LEGACY, DataSet.INDICATORS): Endpoint(
        path="/api/v4/indicators/attribute",
        walk=Walk.OFFSETS,
        records_key=None,
        window_parameters=("updated_since", "updated_until"),
        size_parameter="limit",
        page_size=1000,
        max_page_size=1000,
        id_field="fpid",
        time_field=None,
        version_fields=("header_.indexed_at", "timestamp"),
        type_parameter="types",
        ceiling=10_000,
        scroll_path="/api/v4/indicators/scroll",
        fixed_parameters=(("sort_timestamp", "asc"),),
    ),
    (Api.LEGACY, DataSet.ALERTS): Endpoint(
        path="/api/alerting/v1/alerts",
        walk=Walk.LINKS,
        records_key="data",
        window_parameters=("since", "until"),
        size_parameter="size",
        page_size=100,
        max_page_size=100,
        id_field="alert_id",
        time_field="ts",
    ),
}

_LEGACY_ALERTS = _TABLE[Api.LEGACY, DataSet.ALERTS]
# Named by the collector, and shown by no public client: the path is a setting, and the content is the identity.
_UNKNOWN = replace(_LEGACY_ALERTS, path="", id_field="", time_field=None)
_TABLE[Api.LEGACY, DataSet.KEYWORDS] = _TABLE[Api.LEGACY, DataSet.KEYWORD_CLASSES] = _UNKNOWN

_HOSTS = {"fp.tools": Api.LEGACY, "api.flashpoint.io": Api.IGNITE_V2}


def api_of(host: str, setting: str | None) -> Api:
    """Return the API generation: the connection's ``api`` setting, or what its host is known to serve, or legacy.

    :raises ConfigurationError: the setting is no generation.
    """
    if setting is not None:
        try:
            return Api(setting)
        except ValueError as error:
            allowed = ", ".join(Api)
            raise ConfigurationError(
                f"api is {setting!r} in the Flashpoint connection; allowed are {allowed}."
            ) from error
    name = (urlsplit(host).hostname or "").lower()
    return _HOSTS.get(name, Api.LEGACY)


def endpoint_of(api: Api, data_set: DataSet) -> Endpoint:
    """Return the row of the table.

    :raises ConfigurationError: this generation is not served, or not with this data set.
    """
    endpoint = _TABLE.get((api, data_set))
    if endpoint is None:
        served = ", ".join(sorted({str(key[0]) for key in _TABLE if key[1] == data_set})) or "no generation yet"
        raise ConfigurationError(
            f"{data_set} cannot be read with api {api}; it can be with: {served}. "
            "Set `api` in the Flashpoint connection."
        )
    return endpoint


def endpoints_of(data_set: DataSet) -> list[Endpoint]:
    """Return the rows of a data set, of every generation that serves it."""
    return [endpoint for (_, served), endpoint in _TABLE.items() if served is data_set]
