"""Paginators: each reads all pages of one window in one way of paging, and can serve several endpoints.

`Scroll` is here; the others have modules of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.page import REPORT, Answer, Page
from airflow_provider_flashpoint.core.flashpoint.paging.order import StillToRead, ignore
from airflow_provider_flashpoint.core.http.client import Request
from airflow_provider_flashpoint.core.identity import Id, id_of
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import (
    FlashpointProviderError,
    MalformedPageError,
    MissingRecordsError,
    PagingLoopError,
    TransientError,
)

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.flashpoint.endpoint import Endpoint

_SCROLL_ATTEMPTS = 5
MAX_IDLE_PAGES = 100  # in a row

_log = logger(__name__)


class PageReader(Protocol):
    """Sends the requests of a paginator to one endpoint.

    A paginator sets ``complete_to``, see `Source`.
    """

    endpoint: Endpoint
    requests_in_flight: int
    complete_to: datetime | None

    def request(self, window: Window, parameters: Mapping[str, Any]) -> Request:
        """Return the request of a page: the parameters of the endpoint and the window, and those of the paginator."""

    def read(self, request: Request, *, records_key: str | None) -> Answer:
        """Return the answer, whose records stand under ``records_key``; may be called from several threads."""

    def send(self, request: Request) -> None:
        """Send a request whose answer holds no records."""


class Paginator(Protocol):
    """A way of paging."""

    def pages(self, window: Window, reader: PageReader) -> Iterator[Page]:
        """Yield pages with each record of ``window`` at least once, in the server's order."""


class Walk(Protocol):
    """A way of paging in which each page follows from the one before.

    Its first request is that of the window, without parameters of its own.
    """

    @property
    def time_field(self) -> str:
        """The time of a record by which the server selects and sorts."""

    def pages(self, window: Window, reader: PageReader, *, still_to_read: StillToRead = ignore) -> Iterator[Page]:
        """Yield pages as a `Paginator`.

        :param still_to_read: called before each further request, where the order of the records shows what is left.
        """


def check_count(window: Window, reader: PageReader, read: int, counted: int) -> None:
    """Return if as many records were read as the server counts; where fewer were, it is asked for its count again.

    :param read: how many records of ``window`` were read.
    :param counted: how many the server counted before; records may have left the window since.
    :raises MissingRecordsError: fewer were read.
    """
    if read >= counted:
        return
    endpoint = reader.endpoint
    now = reader.read(reader.request(window, {}), records_key=endpoint.records_key).total
    counted = counted if now is None else now
    if read < counted:
        raise MissingRecordsError(
            f"{endpoint.path} sent {read} of the {counted} records that it counts in {window}. "
            "Run the task again; if the numbers stay, report them to Flashpoint."
        )


def token_in(link: object, parameter: str, path: str) -> str | None:
    """Return the token of the next page in the link to it, None where it is no id.

    :raises MalformedPageError: the link has no such parameter.
    """
    tokens = parse_qs(str(link).partition("?")[2], keep_blank_values=True).get(parameter)
    if not tokens:
        raise MalformedPageError(f"{path} names a next page without a {parameter} in its link. {REPORT}")
    return None if id_of(tokens[0]) is None else tokens[0]


@dataclass(frozen=True, slots=True)
class Scroll:
    """Pages by a scroll that the server holds, without a limit on the number of records.

    :param path: continues a scroll with POST, and closes it with DELETE.
    :param records_key: where the records of a scroll stand.
    :param begin: the value of the parameter ``scroll`` that begins one.
    :param token: the key of the scroll id in an answer.
    :param parameters: the query of the requests that continue and close a scroll.
    """

    path: str
    records_key: str
    begin: str = "True"
    token: str = "scroll_id"  # noqa: S105  no secret
    parameters: Mapping[str, str] | None = None

    def pages(self, window: Window, reader: PageReader, *, counted: int = 0) -> Iterator[Page]:
        """Yield pages until an empty one, always with the latest scroll id; then close the scroll.

        No page of a scroll can be requested twice. A scroll whose answer was lost, or that ends before all counted
        records came, is restarted, and its pages come more than once.

        :param counted: how many records the server counted in ``window``.
        :raises PagingLoopError: a page came twice in one scroll.
        :raises TransientError: the scroll broke `_SCROLL_ATTEMPTS` times.
        """
        for attempt in range(1, _SCROLL_ATTEMPTS + 1):
            try:
                yield from self._scroll(window, reader, counted)
            except TransientError as error:
                if attempt == _SCROLL_ATTEMPTS:
                    raise
                _log.warning("%s The scroll over %s is restarted.", error, window)
            else:
                return

    def _scroll(self, window: Window, reader: PageReader, counted: int) -> Iterator[Page]:
        seen: set[bytes] = set()
        read = 0
        scroll_id: Id | None = None
        request = reader.request(window, {"scroll": self.begin})
        try:
            while True:
                answer = reader.read(request, records_key=self.records_key)
                scroll_id = id_of(answer.field(self.token)) or scroll_id
                if not seen:
                    counted = max(counted, answer.total or 0)
                if not answer.items:
                    check_count(window, reader, read, counted)
                    return
                if scroll_id is None:
                    raise MalformedPageError(f"{answer.path} started a scroll without a scroll_id. {REPORT}")
                digest = hashlib.sha256(codec.encode(answer.items)).digest()
                if digest in seen:
                    raise PagingLoopError(f"{answer.path} sent the same page of {window} twice. {REPORT}")
                seen.add(digest)
                read += len(answer.items)
                yield from answer.pages()
                body = {"scroll_id": scroll_id}
                request = Request("POST", self.path, params=self.parameters, json=body, retry=False)
        finally:
            if scroll_id is not None:
                self._close(scroll_id, reader)

    def _close(self, scroll_id: Id, reader: PageReader) -> None:
        try:
            body, accept = {"scroll_id": scroll_id}, (200, 202, 204, 404)
            reader.send(Request("DELETE", self.path, params=self.parameters, json=body, accept=accept))
        except FlashpointProviderError as error:
            _log.warning("%s The scroll stays open until it expires.", error)
