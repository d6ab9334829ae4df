"""Endpoint table: how each data set of each API generation is read.

A further data set or API generation is a row here and, where it is paged in a new way, a class in `paginators`.
The values come from public clients of these APIs; a value that is not certain is a setting of the connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.api import IGNITE_TYPES, MISP_TYPES, Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.columns import ATTRIBUTE_COLUMNS, INDICATOR_COLUMNS, Columns
from airflow_provider_flashpoint.core.flashpoint.counterparts import (
    ATTRIBUTES_OF_INDICATORS,
    INDICATORS_OF_ATTRIBUTES,
    Counterparts,
)
from airflow_provider_flashpoint.core.flashpoint.filters import Filter, FilterValue, filter_texts
from airflow_provider_flashpoint.core.flashpoint.page import Record
from airflow_provider_flashpoint.core.flashpoint.paging.cursor import Cursor
from airflow_provider_flashpoint.core.flashpoint.paging.keyset import Keyset
from airflow_provider_flashpoint.core.flashpoint.paging.offsets import Offsets
from airflow_provider_flashpoint.core.flashpoint.paging.paginators import Links, Paginator, Scroll
from airflow_provider_flashpoint.core.identity import Id, id_of
from airflow_provider_flashpoint.core.window import Window, format_instant
from airflow_provider_flashpoint.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A row of the endpoint table.

    :param path: empty where it is not public; then it is a setting.
    :param records_key: the key of the list of records in an answer; None where the answer is that list.
    :param window_parameters: the names of the start and the end of the window.
    :param total_header: the header of an answer with the number of records in its whole window.
    :param total_key: the key of an answer with that number.
    :param id_field: the identity of a record; empty where records have none, and all of a record identifies it.
    :param time_field: the time of a record, None where it has none.
    :param version_fields: flattened names of times; the newest of them grows with each version of a record.
    :param type_parameter: selects records of one type; None where records have no type.
    :param types: the types of records.
    :param has_further_types: whether records may have types that are not known here.
    :param value_name: the flattened name of the value of a record, which is the key of a lookup if no other is named;
        ``{type}`` stands for the type of the record.
    :param counterparts: how the records of other API generations are called here.
    :param filters: the filters, by their names in the configuration.
    :param columns: the columns of lookups of these records.
    :param documents: names the form of the records, for API generations that serve the same; by default the path.
    :param raw_lists: leave lists of records undecoded, for records that are flattened.
    """

    path: str
    paginator: Paginator
    records_key: str | None
    window_parameters: tuple[str, str]
    size_parameter: str
    page_size: int
    max_page_size: int
    fixed_parameters: Mapping[str, str] = field(default_factory=dict)
    total_header: str = ""
    total_key: str = ""
    id_field: str
    time_field: str | None
    version_fields: tuple[str, ...] = ()
    type_parameter: str | None = None
    types: tuple[str, ...] = ()
    has_further_types: bool = False
    value_name: str = ""
    counterparts: Counterparts = field(default_factory=Counterparts)
    filters: Mapping[str, Filter] = field(default_factory=dict)
    columns: Columns = field(default_factory=Columns)
    documents: str = ""
    raw_lists: bool = False

    def with_settings(self, *, page_size: int | None, path: str | None) -> Endpoint:
        """Return the row with the page size and the path of a connection; a larger page size is lowered to the maximum.

        :raises ConfigurationError: the page size is too small, or the path is not known.
        """
        if not (path or self.path):
            raise ConfigurationError(
                "The path of this data set is not public: set base_path_keywords or base_path_keyword_classes in the "
                "Flashpoint connection, or `path` in the configuration file."
            )
        size = min(page_size or self.page_size, self.max_page_size)
        if size < 2:
            raise ConfigurationError(
                f"page_size is {size}; for {self.path} it must be between 2 and {self.max_page_size} records."
            )
        return replace(self, page_size=size, path=path or self.path)

    def parameters(self, window: Window) -> dict[str, Any]:
        """Return the request parameters of a page of ``window``, without those of the paginator."""
        bounds = map(format_instant, window.request_bounds())
        times = dict(zip(self.window_parameters, bounds, strict=True))
        return {**times, self.size_parameter: self.page_size, **self.fixed_parameters}

    def selection(self, record_type: str | None, filters: Mapping[str, FilterValue]) -> dict[str, Any]:
        """Return the request parameters that select records of one type and by filters.

        :raises ConfigurationError: a filter does not exist here, or its value is not allowed.
        """
        selection: dict[str, Any] = {}
        if self.type_parameter and record_type:
            selection[self.type_parameter] = record_type
        for name, text in self.filter_texts(filters).items():
            selection[self.filters[name].parameter] = text
        return selection

    def filter_texts(self, filters: Mapping[str, FilterValue]) -> dict[str, str]:
        """Return the values of filters as requests have them, by the names of the filters; errors as `selection`."""
        return filter_texts(self.filters, filters, place=self.path)

    def lookup_key_of(self, record_type: str) -> str:
        """Return the key of a lookup of one type for which no other is named."""
        return self.value_name.replace("{type}", record_type)

    def id_of(self, record: Record) -> Id | None:
        """Return the id of a record, None where it has none."""
        return id_of(record.get(self.id_field)) if self.id_field else None

    def identity(self, record: Record) -> str | bytes:
        """Return the identity of a record: its id, or all of it where it has none."""
        found = self.id_of(record)
        return found if isinstance(found, str) else codec.encode(found or record)


def _attributes(base: str) -> Endpoint:
    """Return the row of the documents of attributes, which legacy and version 1 of Ignite serve below ``base``."""
    return Endpoint(
        path=f"{base}/attribute",
        paginator=Offsets(
            parameter="skip",
            ceiling=10_000,
            fallback=Scroll(path=f"{base}/scroll", records_key="results"),
        ),
        records_key=None,
        window_parameters=("updated_since", "updated_until"),
        size_parameter="limit",
        page_size=1000,
        max_page_size=1000,
        fixed_parameters={"sort_timestamp": "asc"},
        total_header="x-fp-total-hits",
        id_field="fpid",
        time_field=None,
        version_fields=("header_.indexed_at", "header_.observed_at", "timestamp"),
        type_parameter="types",
        types=MISP_TYPES,
        has_further_types=True,
        value_name="value.{type}",
        counterparts=ATTRIBUTES_OF_INDICATORS,
        filters={"query": Filter("query")},
        columns=ATTRIBUTE_COLUMNS,
        documents="attributes",
        raw_lists=True,
    )


_LIST_FILTERS_V2 = ("tags", "sources", "actors", "malware", "mitre_attack_ids")
_NOTIFICATIONS = Endpoint(
    path="/alert-management/v1/notifications",
    paginator=Cursor(parameter="cursor", time_field="created_at"),
    records_key="items",
    window_parameters=("created_after", "created_before"),
    size_parameter="size",
    page_size=500,
    max_page_size=5000,
    fixed_parameters={"sort": "created_at:asc"},
    id_field="id",
    time_field="created_at",
    filters={
        "status": Filter("status", choices=("archived", "flagged", "sent", "deleted", "none")),
        "origin": Filter("origin", choices=("searches", "assets", "analyst-team", "vuln-alerting")),
        "sources": Filter("sources", is_list=True),
        "tags": Filter("tags", is_list=True),
    },
)

_TABLE: dict[tuple[Api, DataSet], Endpoint] = {
    (Api.LEGACY, DataSet.INDICATORS): _attributes("/api/v4/indicators"),
    (Api.IGNITE_V1, DataSet.INDICATORS): _attributes("/technical-intelligence/v1"),
    (Api.IGNITE_V2, DataSet.INDICATORS): Endpoint(
        path="/technical-intelligence/v2/indicators",
        paginator=Keyset(
            time_field="modified_at",
            offset="from",
            from_the_end={"sort": "modified_at:desc", "include_total_count": "true"},
        ),
        records_key="items",
        window_parameters=("modified_after", "modified_before"),
        size_parameter="size",
        page_size=1000,
        max_page_size=1000,
        fixed_parameters={"sort": "modified_at:asc"},
        total_key="total",
        id_field="id",
        time_field=None,
        version_fields=("modified_at",),
        type_parameter="ioc_types",
        types=IGNITE_TYPES,
        value_name="value",
        counterparts=INDICATORS_OF_ATTRIBUTES,
        filters={
            "score": Filter("min_score", choices=("informational", "suspicious", "malicious")),
            "cidr": Filter("cidr_range"),
            **{name: Filter(name, is_list=True) for name in _LIST_FILTERS_V2},
        },
        columns=INDICATOR_COLUMNS,
        raw_lists=True,
    ),
    (Api.LEGACY, DataSet.ALERTS): Endpoint(
        path="/api/alerting/v1/alerts",
        paginator=Links(parameter="scroll_id"),
        records_key="data",
        window_parameters=("since", "until"),
        size_parameter="size",
        page_size=100,
        max_page_size=100,
        id_field="alert_id",
        time_field="ts",
    ),
    (Api.IGNITE_V1, DataSet.ALERTS): _NOTIFICATIONS,
    (Api.IGNITE_V2, DataSet.ALERTS): _NOTIFICATIONS,
}

_LEGACY_ALERTS = _TABLE[Api.LEGACY, DataSet.ALERTS]
# The collector names these data sets, but no public client shows them: the path is a setting, and records have no id.
_UNKNOWN = replace(_LEGACY_ALERTS, path="", id_field="", time_field=None)
_TABLE[Api.LEGACY, DataSet.KEYWORDS] = _TABLE[Api.LEGACY, DataSet.KEYWORD_CLASSES] = _UNKNOWN


def endpoint_of(api: Api, data_set: DataSet) -> Endpoint:
    """Return the row of the table.

    :raises ConfigurationError: the table has no such row.
    """
    endpoint = _TABLE.get((api, data_set))
    if endpoint is None:
        served = ", ".join(sorted(str(api) for api, served in _TABLE if served is data_set)) or "no generation yet"
        raise ConfigurationError(
            f"{data_set} cannot be read with api {api}; it can be with: {served}. "
            "Set `api` in the Flashpoint connection."
        )
    return endpoint


def check_types(api: Api, data_set: DataSet, types: Iterable[str]) -> None:
    """Return if an API generation has records of these types; an unknown type may exist where further types do.

    :raises ConfigurationError: it has no such type; the pull would bring nothing, without an error.
    """
    endpoint = endpoint_of(api, data_set)
    wrong = [each for each in types if not has_type(api, data_set, each)]
    if wrong:
        having = [api for (api, served), row in _TABLE.items() if served is data_set and {*wrong} <= {*row.types}]
        raise ConfigurationError(
            f"Flashpoint has no {data_set} of type {', '.join(wrong)} with api {api}. Its types are "
            f"{', '.join(endpoint.types)}. Name one of these, as `airflow-flashpoint config migrate FILE --to "
            f"{api}` does, or set `api` in the Flashpoint connection to one that has the type: "
            f"{', '.join(sorted(having)) or 'none is known'}."
        )


def has_type(api: Api, data_set: DataSet, record_type: str) -> bool:
    """Return whether an API generation has records of a type; of an unknown one, whether it may have them."""
    endpoint = endpoint_of(api, data_set)
    is_known = any(record_type in other.types for other in endpoints_of(data_set))
    return record_type in endpoint.types or (endpoint.has_further_types and not is_known)


def serves(api: Api, data_set: DataSet) -> bool:
    """Return whether an API generation has a data set."""
    return (api, data_set) in _TABLE


def check_selection(
    api: Api, data_set: DataSet, *, types: Iterable[str], filters: Iterable[Mapping[str, FilterValue]]
) -> None:
    """Return if an API generation has a data set, its records of these types, and these filters.

    :raises ConfigurationError: it does not.
    """
    check_types(api, data_set, types)
    endpoint = endpoint_of(api, data_set)
    for each in filters:
        try:
            endpoint.filter_texts(each)
        except ConfigurationError as error:
            having = sorted(
                api for (api, served), row in _TABLE.items() if served is data_set and {*each} <= {*row.filters}
            )
            if having and api not in having:
                raise ConfigurationError(
                    f"{error} Leave it out, or set `api` in the Flashpoint connection to {' or '.join(having)}, which "
                    "has it."
                ) from error
            raise


def with_same_documents(api: Api, data_set: DataSet) -> frozenset[str]:
    """Return the API generations, this one included, whose records are the same documents."""
    row = endpoint_of(api, data_set)
    documents = row.documents or row.path
    rows = {other: row for (other, served), row in _TABLE.items() if served is data_set}
    return frozenset(other.value for other, row in rows.items() if (row.documents or row.path) == documents)


def endpoints_of(data_set: DataSet) -> list[Endpoint]:
    """Return the rows of a data set, one for each API generation that serves it."""
    return [endpoint for (_, served), endpoint in _TABLE.items() if served is data_set]
