"""Rows of the endpoint table: the data sets that both generations of Ignite serve as events, beside the alerts."""

from __future__ import annotations

from airflow_provider_flashpoint.core.flashpoint.api import DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoint import Call, Endpoint
from airflow_provider_flashpoint.core.flashpoint.filters import Filter
from airflow_provider_flashpoint.core.flashpoint.lucene import Clause, Search
from airflow_provider_flashpoint.core.flashpoint.paging.keyset import Keyset
from airflow_provider_flashpoint.core.flashpoint.paging.offsets import Offsets
from airflow_provider_flashpoint.core.flashpoint.paging.paginators import Scroll

_MOST_SKIPPED = 10_000
_INDEXED_AT = "header_.indexed_at"
_CREDENTIALS = Endpoint(
    path="/sources/v1/noncommunities/search",
    paginator=Offsets(
        parameter="skip",
        ceiling=_MOST_SKIPPED,
        fallback=Scroll(
            path="/sources/v1/noncommunities/scroll",
            records_key="hits.hits",
            begin="2m",
            token="_scroll_id",  # noqa: S106  no secret
            parameters={"scroll": "2m"},
        ),
    ),
    records_key="hits.hits",
    window_parameters=("", ""),
    search=Search(parameter="query", kind="+basetypes:(credential-sighting)", time_field=_INDEXED_AT),
    size_parameter="limit",
    page_size=1000,
    max_page_size=1000,
    fixed_parameters={"sort": f"{_INDEXED_AT}:asc"},
    total_key="hits.total",
    id_field="_id",
    time_field=f"_source.{_INDEXED_AT}",
    version_fields=(f"_source.{_INDEXED_AT}",),
    secrets=("password", "passwords", "password_hash", "original_password", "body", "cookies.value"),
    filters={
        "is_fresh": Clause("is_fresh", choices=("true", "false")),
        "domain": Clause("domain.keyword", is_list=True),
        "affected_domain": Clause("affected_domain.keyword", is_list=True),
    },
)

_VULNERABILITIES_PATH = "/vulnerability-intelligence/v1/vulnerabilities"
_LISTS = ("severity", "tags", "products", "vendors", "cwe_ids", "ransomware_score", "attack_type", "location")
# The server cannot sort them by the time that it selects them by, so each part of a window is read to its end.
_VULNERABILITIES = Endpoint(
    path=_VULNERABILITIES_PATH,
    calls={
        "get": Call("GET", _VULNERABILITIES_PATH),
        "get_slash": Call("GET", f"{_VULNERABILITIES_PATH}/"),
        "post": Call("POST", _VULNERABILITIES_PATH),
    },
    paginator=Offsets(parameter="from", ceiling=_MOST_SKIPPED, fallback=None),
    records_key="results",
    window_parameters=("updated_after", "updated_before"),
    size_parameter="size",
    page_size=200,
    max_page_size=1000,
    fixed_parameters={"sort": "id"},
    total_key="total",
    id_field="id",
    time_field="timelines.last_modified_at",
    version_fields=("timelines.last_modified_at",),
    filters={name: Filter(name, is_list=True) for name in _LISTS},
    remedy="Clients read vulnerabilities in several ways: try another `vulnerability_request` of the Flashpoint "
    "connection (get, get_slash or post).",
)

_REPORTS = Endpoint(
    path="/finished-intelligence/v1/reports",
    paginator=Keyset(time_field="updated_at", offset="skip", from_the_end={}),
    records_key="data",
    window_parameters=("since", ""),
    size_parameter="limit",
    page_size=50,
    max_page_size=500,
    fixed_parameters={"sort": "updated_at:asc"},
    id_field="id",
    time_field="updated_at",
    version_fields=("updated_at",),
)

EVENT_ROWS = {
    DataSet.CREDENTIALS: _CREDENTIALS,
    DataSet.VULNERABILITIES: _VULNERABILITIES,
    DataSet.REPORTS: _REPORTS,
}
