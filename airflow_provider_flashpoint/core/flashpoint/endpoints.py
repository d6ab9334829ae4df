"""Endpoint table: how each data set of each API generation is read.

A further data set or API generation is a row here and, where it is paged in a new way, a class in `paginators`.
The values come from public clients of these APIs; a value that is not certain is a setting of the connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_flashpoint.core.flashpoint.api import IGNITE_TYPES, MISP_TYPES, Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoint import Embed, Endpoint
from airflow_provider_flashpoint.core.flashpoint.event_rows import EVENT_ROWS
from airflow_provider_flashpoint.core.flashpoint.filters import Filter, FilterValue
from airflow_provider_flashpoint.core.flashpoint.paging.cursor import Cursor
from airflow_provider_flashpoint.core.flashpoint.paging.keyset import Keyset
from airflow_provider_flashpoint.core.flashpoint.paging.links import Links
from airflow_provider_flashpoint.core.flashpoint.paging.offsets import Offsets
from airflow_provider_flashpoint.core.flashpoint.paging.paginators import Scroll
from airflow_provider_flashpoint.core.flashpoint.paging.parts import Parts
from airflow_provider_flashpoint.core.flashpoint.rows.columns import ATTRIBUTE_COLUMNS, INDICATOR_COLUMNS
from airflow_provider_flashpoint.core.flashpoint.rows.counterparts import (
    ATTRIBUTES_OF_INDICATORS,
    INDICATORS_OF_ATTRIBUTES,
)
from airflow_provider_flashpoint.errors import ConfigurationError


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


_EMBED = Embed(
    "embed",
    choices=(
        "all", "apt_description", "external_references", "malware_description", "mitre_attack_ids", "related_iocs",
    ),
    default=("all",),  # the value that public clients send
    max_page_size=500,
)  # fmt: skip
_LIST_FILTERS_V2 = ("tags", "sources", "actors", "malware", "mitre_attack_ids")
_NOTIFICATIONS = Endpoint(
    path="/alert-management/v1/notifications",
    paginator=Parts(Cursor(parameter="cursor", time_field="created_at")),
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
        paginator=Parts(
            Keyset(
                time_field="modified_at",
                offset="from",
                from_the_end={"sort": "modified_at:desc", "include_total_count": "true"},
            )
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
        embed=_EMBED,
        columns=INDICATOR_COLUMNS,
        raw_lists=True,
    ),
    (Api.LEGACY, DataSet.ALERTS): Endpoint(
        path="/api/alerting/v1/alerts",
        # Parts could lose alerts: no sort is requested, and it is not known that the server selects them by `ts`.
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


_TABLE |= {(api, data_set): row for api in (Api.IGNITE_V1, Api.IGNITE_V2) for data_set, row in EVENT_ROWS.items()}


def endpoint_of(api: Api, data_set: DataSet) -> Endpoint:
    """Return the row of the table.

    :raises ConfigurationError: the table has no such row.
    """
    endpoint = _TABLE.get((api, data_set))
    if endpoint is None:
        served = ", ".join(sorted(_rows_of(data_set))) or "no generation yet"
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
        types_there = "those of MISP, such as domain, url, ip-dst and sha256"
        if not endpoint.has_further_types:
            types_there = ", ".join(endpoint.types)
        raise ConfigurationError(
            f"Flashpoint has no {data_set} of type {', '.join(wrong)} with api {api}. Its types are {types_there}. "
            f"{' '.join(_whereabouts(each, data_set, endpoint.types) for each in wrong)} Name types of {api}, as "
            f"`airflow-flashpoint config migrate FILE --to {api}` does, or set `api` in the Flashpoint connection."
        )


def _whereabouts(record_type: str, data_set: DataSet, types: Iterable[str]) -> str:
    """Return which API generations have a type, or which of ``types`` is like it, as a sentence."""
    from difflib import get_close_matches  # only a wrong type needs it

    if having := sorted(api for api, row in _rows_of(data_set).items() if record_type in row.types):
        return f"{record_type} exists with api {' and '.join(having)}."
    similar = get_close_matches(record_type.lower(), types, n=1)
    hint = f"; did you mean {similar[0]}?" if similar else "."
    return f"{record_type} is not a known type of any API generation{hint}"


def has_type(api: Api, data_set: DataSet, record_type: str) -> bool:
    """Return whether an API generation has records of a type; of an unknown one, whether it may have them."""
    endpoint = endpoint_of(api, data_set)
    is_known = any(record_type in other.types for other in endpoints_of(data_set))
    return record_type in endpoint.types or (endpoint.has_further_types and not is_known)


def serves(api: Api, data_set: DataSet) -> bool:
    """Return whether an API generation has a data set."""
    return (api, data_set) in _TABLE


def check_selection(
    api: Api,
    data_set: DataSet,
    *,
    types: Iterable[str] = (),
    filters: Iterable[Mapping[str, FilterValue]] = (),
    lookups: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Return if an API generation has a data set, its records of these types, and these filters.

    :param lookups: the options of lookups that `Endpoint.check_lookup` checks.
    :raises ConfigurationError: it does not.
    """
    check_types(api, data_set, types)
    endpoint = endpoint_of(api, data_set)
    for options in lookups:
        endpoint.check_lookup(**options)
    for each in filters:
        try:
            endpoint.filter_texts(each)
        except ConfigurationError as error:
            having = sorted(api for api, row in _rows_of(data_set).items() if {*each} <= {*row.filters})
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
    rows = _rows_of(data_set)
    return frozenset(other.value for other, row in rows.items() if (row.documents or row.path) == documents)


def endpoints_of(data_set: DataSet) -> list[Endpoint]:
    """Return the rows of a data set, one for each API generation that serves it."""
    return [*_rows_of(data_set).values()]


def _rows_of(data_set: DataSet) -> dict[Api, Endpoint]:
    return {api: row for (api, served), row in _TABLE.items() if served is data_set}
