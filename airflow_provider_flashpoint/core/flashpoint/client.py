"""Flashpoint as a source of pages: a data set and a window in, pages of records out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.endpoints import Api, DataSet, Endpoint, Walk, endpoint_of
from airflow_provider_flashpoint.core.flashpoint.page import Page, Record, records_of
from airflow_provider_flashpoint.core.flashpoint.walks import walk_links, walk_offsets, walk_scroll
from airflow_provider_flashpoint.core.http.client import HttpClient
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import FlashpointProviderError, MalformedPageError

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
        endpoint = endpoint_of(self.api, data_set)
        page_size = min(self._page_size, endpoint.max_page_size) if self._page_size else None
        return endpoint.with_settings(page_size=page_size, path=self._paths.get(data_set))

    def pages(self, data_set: DataSet, window: Window, *, record_type: str | None = None) -> Iterator[Page]:
        """Yield the pages of ``window``: each record the server has there at least once, in the server's order.

        :param record_type: ask for records of this type only, by Flashpoint's name of it; types are an open set.
        """
        endpoint = self.endpoint(data_set)
        of_type = {endpoint.type_parameter: record_type} if endpoint.type_parameter and record_type else {}
        reader = _Reader(self._http, endpoint, of_type)
        if endpoint.walk is Walk.LINKS:
            return walk_links(window, reader.by_link)
        return walk_offsets(
            window,
            reader.by_offset,
            page_size=endpoint.page_size,
            ceiling=endpoint.ceiling,
            id_of=reader.identity,
            otherwise=lambda part: walk_scroll(part, reader.by_scroll, reader.close_scroll),
            ahead=self._requests_ahead,
        )

    def check(self, data_set: DataSet) -> None:
        """Make the cheapest authenticated call of ``data_set``; return when it is answered.

        :raises: the tree of `errors`, as every request.
        """
        endpoint = self.endpoint(data_set)
        body, _ = self._http.read_json("GET", endpoint.path, params={endpoint.size_parameter: 1})
        records_of(body, key=endpoint.records_key, path=endpoint.path)


class _Reader:
    """Asks for single pages of one endpoint."""

    def __init__(self, http: HttpClient, endpoint: Endpoint, filters: dict[str, str]) -> None:
        self._http = http
        self._endpoint = endpoint
        self._fixed = {**dict(endpoint.fixed_parameters), **filters}

    def identity(self, record: Record) -> str | bytes:
        """Return what tells a record apart: its id, or all of it where it has none."""
        found = record.get(self._endpoint.id_field)
        return found if isinstance(found, str) else codec.encode(record)

    def by_offset(self, window: Window, skip: int) -> Page:
        parameters = self._parameters(window) | {"skip": skip}
        body, headers = self._http.read_json("GET", self._endpoint.path, params=parameters)
        total = headers.get(TOTAL_HEADER, "")
        return Page(self._records(body), total=int(total) if total.isdecimal() else None)

    def by_link(self, window: Window, token: str | None) -> Page:
        parameters = self._parameters(window) | ({"scroll_id": token} if token else {})
        body, _ = self._http.read_json("GET", self._endpoint.path, params=parameters)
        return Page(self._records(body), next=_next_scroll_id(body, self._endpoint.path))

    def by_scroll(self, window: Window, scroll_id: str | None) -> Page:
        if scroll_id is None:
            parameters = self._parameters(window) | {"scroll": "True"}
            body, _ = self._http.read_json("GET", self._endpoint.path, params=parameters)
        else:
            body, _ = self._http.read_json("POST", self._scroll_path, json={"scroll_id": scroll_id}, retry=False)
        records = records_of(body, key="results", path=self._endpoint.path)
        following = body.get("scroll_id")
        if records and not (scroll_id or following):
            raise MalformedPageError(f"{self._endpoint.path} begins a scroll without a scroll_id to go on with.")
        return Page(records, next=following)

    def close_scroll(self, scroll_id: str) -> None:
        """Tell the server that the scroll is done with. One that cannot be closed runs out by itself."""
        try:
            self._http.send("DELETE", self._scroll_path, json={"scroll_id": scroll_id}, accept=(200, 202, 204, 404))
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
