"""Sources: pages of one data set."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_flashpoint.core import codec, raw_json
from airflow_provider_flashpoint.core.flashpoint.endpoint import Endpoint
from airflow_provider_flashpoint.core.flashpoint.page import Answer, Page, items_of, value_at, without
from airflow_provider_flashpoint.core.http.body import is_without_body
from airflow_provider_flashpoint.core.http.client import HttpClient, Request
from airflow_provider_flashpoint.core.http.refusals import errors_in
from airflow_provider_flashpoint.core.secrets.fields import SecretFields
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import FlashpointProviderError, RejectedError, ServerError

if TYPE_CHECKING:
    from requests import Response

_MAX_TOTAL_DIGITS = 15  # a longer number counts no records
_NO_SUCH_REQUEST = (*range(300, 400), 404, 405)


class Source(Protocol):
    """The port through which pipelines read records."""

    @property
    def endpoint(self) -> Endpoint:
        """How the data set is read."""

    @property
    def complete_to(self) -> datetime | None:
        """The whole second up to which the window is complete, None where nothing is known yet.

        Every record with an earlier time was in a page before the latest one; at the end of the pages, in any of them.
        The time is the one by which the server selects records.
        """

    @property
    def total(self) -> int | None:
        """The server's count of records in the window that was read first, None where it sends none."""

    def pages(self, window: Window) -> Iterator[Page]:
        """Yield the pages of ``window``: each record at least once, in the server's order."""


def share_read(source: Source, window: Window, records: int) -> float:
    """Return the share of ``window`` that is read, by the server's count or else by time; 0 where neither is known."""
    if source.total:
        return min(1.0, records / source.total)
    return window.share_before(max(source.complete_to, window.start)) if source.complete_to else 0.0


@dataclass(eq=False, repr=False)
class HttpSource:
    """A `Source` over HTTP, which also counts what it reads.

    ``requests`` is the number of accepted answers so far, ``first_url`` the URL of the first one with its query, and
    ``total`` the server's count of records in that answer, None where it sent none. ``complete_to`` belongs to the
    pages of one window at a time.

    :param selection: parameters that select records, by type or by filters.
    :param requests_in_flight: how many requests may be under way at once.
    """

    http: HttpClient
    endpoint: Endpoint
    selection: Mapping[str, Any]
    _: KW_ONLY
    requests_in_flight: int
    requests: int = field(default=0, init=False)
    first_url: str | None = field(default=None, init=False)
    total: int | None = field(default=None, init=False)
    complete_to: datetime | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def pages(self, window: Window) -> Iterator[Page]:
        """Return the pages of ``window``, see `Source`."""
        self.complete_to = None
        return self._pages(window)

    def _pages(self, window: Window) -> Iterator[Page]:
        try:
            yield from self.endpoint.paginator.pages(window, self)
        except FlashpointProviderError as error:
            error.service = self.http.service
            raise

    def request(self, window: Window, parameters: Mapping[str, Any]) -> Request:
        """Return the request of a page, see `PageReader`."""
        return self.endpoint.request(window, self.selection, parameters)

    def read(self, request: Request, *, records_key: str | None) -> Answer:
        """Return the answer to a request, see `PageReader`."""

        def parse(response: Response) -> Answer:
            text = self.http.body(request, response)
            body = raw_json.split(text) if text or not is_without_body(response) else None
            name = self.http.named(request)
            items = items_of(body, key=records_key, path=name)
            # Items of lists may be raw; the records themselves are no errors.
            rest = codec.decode(codec.encode(without(body, records_key))) if records_key and body else None
            if reason := errors_in(rest):
                raise ServerError(f"{name} answered with an error: {reason}. Its status is 200.")
            if value_at(rest, "timed_out") is True:
                raise ServerError(f"{name} answered with a part of the records: the search was out of time.")
            if value_at(rest, "_shards.failed"):
                raise ServerError(f"{name} answered with a part of the records: shards of the search failed.")
            return Answer(
                items,
                body=body,
                path=name,
                size=len(text),
                total=self._count(response, body),
                decode=raw_json.decode_record if self.endpoint.raw_lists else codec.decode,
                clean=SecretFields(self.endpoint.secrets).removed_from if self.endpoint.secrets else None,
            )

        try:
            return self.http.read(replace(request, stream=True, accept=(200, 204)), parse)
        except RejectedError as error:
            if not self.endpoint.remedy or error.status not in _NO_SUCH_REQUEST:
                raise
            refused = RejectedError(f"{error} {self.endpoint.remedy}", status=error.status)
            refused.service = error.service
            raise refused from error

    def send(self, request: Request) -> None:
        """Send a request whose answer holds no records."""
        self._count(self.http.send(request))

    def _count(self, response: Response, body: Any = None) -> int | None:
        """Count an accepted answer and return its total."""
        found = value_at(body, self.endpoint.total_key)
        if isinstance(found, Mapping):  # a search; another relation than "equal" is a lower bound
            found = found.get("value") if found.get("relation", "eq") == "eq" else None
        digits = response.headers.get(self.endpoint.total_header, "" if found is None else str(found)).strip()
        total = int(digits) if digits.isdecimal() and len(digits) <= _MAX_TOTAL_DIGITS else None
        with self._lock:
            if not self.requests:
                self.first_url, self.total = response.url, total
            self.requests += 1
        return total
