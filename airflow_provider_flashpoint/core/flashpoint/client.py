"""The client of Flashpoint: a data set in, a source of its pages out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoint import Endpoint
from airflow_provider_flashpoint.core.flashpoint.endpoints import check_selection, check_types, endpoint_of
from airflow_provider_flashpoint.core.flashpoint.filters import FilterValue
from airflow_provider_flashpoint.core.flashpoint.source import HttpSource
from airflow_provider_flashpoint.core.http.client import HttpClient


@dataclass(frozen=True, slots=True, repr=False)
class FlashpointClient:
    """Reads one API generation.

    :param http: sends the requests.
    :param page_size: records in a page; by default that of the endpoint.
    :param paths: paths by data set that replace those of the endpoint table.
    :param calls: the choice by data set among the requests that clients send, see `Endpoint.calls`.
    :param requests_in_flight: how many requests may be under way at once, for one window and its parts.
    """

    http: HttpClient
    _: KW_ONLY
    api: Api
    page_size: int | None = None
    paths: Mapping[DataSet, str] = field(default_factory=dict)
    calls: Mapping[DataSet, str] = field(default_factory=dict)
    requests_in_flight: int = 4

    def endpoint(self, data_set: DataSet, *, path: str | None = None) -> Endpoint:
        """Return the row of the endpoint table with the settings of the connection.

        :param path: replaces the path of the connection and of the table.
        :raises ConfigurationError: this API generation does not serve the data set, or a setting is wrong.
        """
        path = path or self.paths.get(data_set)
        row = endpoint_of(self.api, data_set)
        return row.with_settings(page_size=self.page_size, path=path, call=self.calls.get(data_set))

    def source(
        self,
        data_set: DataSet,
        *,
        record_type: str | None = None,
        path: str | None = None,
        filters: Mapping[str, FilterValue] | None = None,
        embed: Sequence[str] | None = (),
        include_secrets: bool = False,
    ) -> HttpSource:
        """Return the source of a data set; nothing is requested yet.

        :param record_type: selects records of one type, by the API generation's name.
        :param path: replaces the path of the connection and of the endpoint table.
        :param filters: values by the names of filters, see `Endpoint.filters`.
        :param embed: parts that are added to records, see `Endpoint.with_embedded`.
        :param include_secrets: leave the secrets of records where they are.
        :raises ConfigurationError: as `endpoint`, or there is no such type, or a filter is wrong.
        """
        if record_type:
            check_types(self.api, data_set, [record_type])
        endpoint = self.endpoint(data_set, path=path).with_embedded(embed)
        if include_secrets:
            endpoint = replace(endpoint, secrets=())
        selection = endpoint.selection(record_type, filters or {})
        return HttpSource(self.http, endpoint, selection, requests_in_flight=self.requests_in_flight)

    def check(
        self,
        data_set: DataSet,
        *,
        types: Iterable[str] = (),
        filters: Iterable[Mapping[str, FilterValue]] = (),
        lookups: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """Make the cheapest authenticated request of a data set; return when it is accepted.

        :param types: types of records that the API generation must have.
        :param filters: filters that it must accept.
        :param lookups: options of lookups that it must allow, see `Endpoint.check_lookup`.
        :raises: the errors of `HttpClient`, MalformedPageError, or ConfigurationError as `source`.
        """
        check_selection(self.api, data_set, types=types, filters=filters, lookups=lookups)
        source = self.source(data_set)
        source.read(source.endpoint.probe(), records_key=source.endpoint.records_key)
