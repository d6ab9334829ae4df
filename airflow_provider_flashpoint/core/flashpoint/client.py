"""Flashpoint as a source of pages: a data set and a window in, pages of records out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

import requests

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.endpoints import Api, DataSet, Endpoint, Walk, endpoint_of
from airflow_provider_flashpoint.core.flashpoint.page import Page, Record, records_of
from airflow_provider_flashpoint.core.flashpoint.walks import walk_links, walk_offsets, walk_scroll
from airflow_provider_flashpoint.core.http.client import HttpClient, Request
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import ConfigurationError, FlashpointProviderError, MalformedPageError

_log = logging.getLogger(__name__)

TOTAL_HEADER = "x-fp-total-hits"
DEFAULT_REQUESTS_AHEAD = 4


class FlashpointClient:
    """Reads windows of one API generation.

    :param http: sends the requests and repeats them where that may help.
    :param page_size: records in a page; None takes the endpoint's own.
    :param paths: paths that differ from the table's, by data set.
    :param requests_ahead: how many requests may be under way at once, of one window and of its parts.
    """

    def __init__(
        self,
        http: HttpClient,
        *,
        api: Api,
        page_size: int | None = None,
        paths: Mapping[DataSet, str] | None = None,
        requests_ahead: int = DEFAULT_REQUESTS_AHEAD,
    ) -> None:
        self.api = api
        self._http = http
        self._page_size = page_size
        self._paths = paths or {}
        self._requests_ahead = requests_ahead

    def endpoint(self, data_set: DataSet) -> Endpoint:
        """Return the row of the endpoint table that this connection reads ``data_set`` with."""
        return self._endpoint(data_set, self._paths.get(data_set))

    def _endpoint(self, data_set: DataSet, path: str | None) -> Endpoint:
        endpoint = endpoint_of(self.api, data_set)
        page_size = min(self._page_size, endpoint.max_page_size) if self._page_size else None
        return endpoint.with_settings(page_size=page_size, path=path)

    def source(
        self,
        data_set: DataSet,
        *,
        record_type: str | None = None,
        path: str | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> PagedSource:
        """Return the source of one data set.

        :param record_type: read records of this type only, by Flashpoint's name of it; types are an open set.
        :param path: replaces the path of the connection and of the endpoint table.
        :param filters: read only what matches; which filters exist depends on the endpoint.
        :raises ConfigurationError: this generation does not serve the data set, or a filter does not exist.
        """
        endpoint = self.endpoint(data_set) if path is None else self._endpoint(data_set, path)
        if filters:
            raise ConfigurationError(f"{data_set} accepts no filters; got {', '.join(sorted(filters))}.")
        return PagedSource(self._http, endpoint, record_type, self._requests_ahead)

    def pages(self, data_set: DataSet, window: Window, *, record_type: str | None = None) -> Iterator[Page]:
        """Yield the pages of ``window``."""
        return self.source(data_set, record_type=record_type).pages(window)

    def check(self, data_set: DataSet) -> None:
        """Make the cheapest authenticated call of ``data_set``; return when it is answered.

        :raises: the tree of `errors`, as every request.
        """
        endpoint = self.endpoint(data_set)
        body = self._http.read_json(Request("GET", endpoint.path, params={endpoint.size_parameter: 1}))
        records_of(body, key=endpoint.records_key, path=endpoint.path)


class PagedSource:
    """A `Source` over HTTP that counts its requests."""

    def __init__(self, http: HttpClient, endpoint: Endpoint, record_type: str | None, requests_ahead: int) -> None:
        of_type = {endpoint.type_parameter: record_type} if endpoint.type_parameter and record_type else {}
        self.endpoint = endpoint
        self._reader = _Reader(http, endpoint, of_type)
        self._requests_ahead = requests_ahead

    @property
    def requests(self) -> int:
        """Return the number of requests that were answered so far."""
        return self._reader.requests

    @property
    def first_url(self) -> str | None:
        """Return the address of the first request with its query, None before it."""
        return self._reader.first_url

    @property
    def total(self) -> int | None:
        """Return the number of records by the first answer, None where it gives none."""
        return self._reader.total

    def pages(self, window: Window) -> Iterator[Page]:
        """Yield the pages of ``window``: each record at least once, in the server's order."""
        reader = self._reader
        if self.endpoint.walk is Walk.LINKS:
            return walk_links(window, reader.by_link)
        return walk_offsets(
            window,
            reader.by_offset,
            page_size=self.endpoint.page_size,
            ceiling=self.endpoint.ceiling,
            id_of=reader.identity,
            otherwise=lambda part: walk_scroll(part, reader.by_scroll, reader.close_scroll),
            ahead=self._requests_ahead,
        )


class _Reader:
    """Asks for single pages of one endpoint."""

    def __init__(self, http: HttpClient, endpoint: Endpoint, filters: dict[str, str]) -> None:
        self._http = http
        self._endpoint = endpoint
        self._fixed = {**dict(endpoint.fixed_parameters), **filters}
        self.requests = 0
        self.first_url: str | None = None
        self.total: int | None = None

    def _read_json(self, parameters: dict[str, Any]) -> tuple[Any, Mapping[str, str]]:
        if self.first_url is None:
            prepared = requests.Request("GET", self._http.base_url + self._endpoint.path, params=parameters).prepare()
            self.first_url = prepared.url
        body, headers = self._http.read(
            Request("GET", self._endpoint.path, params=parameters),
            lambda response: (codec.decode(response.content), response.headers),
        )
        total = headers.get(TOTAL_HEADER, "")
        if not self.requests and total.isdecimal():
            self.total = int(total)
        self.requests += 1
        return body, headers

    def identity(self, record: Record) -> str | bytes:
        """Return what tells a record apart: its id, or all of it where it has none."""
        found = record.get(self._endpoint.id_field)
        return found if isinstance(found, str) else codec.encode(record)

    def by_offset(self, window: Window, skip: int) -> Page:
        parameters = self._parameters(window) | {"skip": skip}
        body, headers = self._read_json(parameters)
        total = headers.get(TOTAL_HEADER, "")
        return Page(self._records(body), total=int(total) if total.isdecimal() else None)

    def by_link(self, window: Window, token: str | None) -> Page:
        parameters = self._parameters(window) | ({"scroll_id": token} if token else {})
        body, _ = self._read_json(parameters)
        return Page(self._records(body), next=_next_scroll_id(body, self._endpoint.path))

    def by_scroll(self, window: Window, scroll_id: str | None) -> Page:
        if scroll_id is None:
            parameters = self._parameters(window) | {"scroll": "True"}
            body, _ = self._read_json(parameters)
        else:
            body = self._http.read_json(Request("POST", self._scroll_path, json={"scroll_id": scroll_id}, retry=False))
            self.requests += 1
        records = records_of(body, key="results", path=self._endpoint.path)
        following = body.get("scroll_id")
        if records and not (scroll_id or following):
            raise MalformedPageError(f"{self._endpoint.path} begins a scroll without a scroll_id to go on with.")
        return Page(records, next=following)

    def close_scroll(self, scroll_id: str) -> None:
        """Tell the server that the scroll is done with. One that cannot be closed runs out by itself."""
        try:
            self._http.send(
                Request("DELETE", self._scroll_path, json={"scroll_id": scroll_id}, accept=(200, 202, 204, 404))
            )
            self.requests += 1
        except FlashpointProviderError as error:
            _log.warning("%s The scroll is left to run out.", error)

    @property
    def _scroll_path(self) -> str:
        if self._endpoint.scroll_path is None:
            raise MalformedPageError(
                f"{self._endpoint.path} holds more records than can be paged through, and has no scroll."
            )
        return self._endpoint.scroll_path

    def _parameters(self, window: Window) -> dict[str, Any]:
        since, until = self._endpoint.window_parameters
        start, end = window.asked()
        return {since: start, until: end, self._endpoint.size_parameter: self._endpoint.page_size, **self._fixed}

    def _records(self, body: Any) -> list[Record]:
        return records_of(body, key=self._endpoint.records_key, path=self._endpoint.path)


def _next_scroll_id(body: Mapping[str, Any], path: str) -> str | None:
    """Return the scroll id in the link to the next page; the link, relative to another root, is not followed."""
    links = body.get("links")
    following = links.get("next") if isinstance(links, Mapping) else None
    if not following:
        return None
    href = following.get("href") if isinstance(following, Mapping) else following
    scroll_id = parse_qs(str(href).partition("?")[2]).get("scroll_id")
    if not scroll_id:
        raise MalformedPageError(f"{path} names a next page without a scroll_id in its link.")
    return scroll_id[0]
