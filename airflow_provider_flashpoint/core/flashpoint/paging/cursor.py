"""Pages by a cursor that is the time of the record before it, with records of one time at the border of two pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto

from airflow_provider_flashpoint.core.flashpoint.page import REPORT, Answer, Page, Record
from airflow_provider_flashpoint.core.flashpoint.paging.order import SKEW_US, Order, StillToRead, ignore
from airflow_provider_flashpoint.core.flashpoint.paging.paginators import MAX_IDLE_PAGES, PageReader, token_in
from airflow_provider_flashpoint.core.http.client import Request
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.window import Window, epoch_us
from airflow_provider_flashpoint.errors import DataError, MalformedPageError, PagingLoopError

_US_PER_S = 1_000_000
_LOOK_BACK = timedelta(days=365)  # where too few records were shown to prove how large a page can be
_LEAST_PAGE = 25  # records; the default of the service, which sends no smaller pages where there are more

_log = logger(__name__)


class _Request(Enum):
    """How a page is requested."""

    FROM_BEFORE = auto()
    """From a moment before the last record."""
    LARGE = auto()
    """The same, with the largest page: records of one time may fill a page."""
    BEHIND = auto()
    """Behind the last record: nothing may follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Pages by a cursor in the link to the next page. The link itself is not followed.

    The cursor is the time of the last record, so others of that time would be lost. Each page is therefore requested
    from a moment before, and records that were read before are left out. A server that sorts the other way round, or
    not at all, is followed in its own order.

    :param parameter: the cursor, in the link and in the next request.
    :param time_field: the time that is the cursor.
    """

    parameter: str
    time_field: str

    def pages(self, window: Window, reader: PageReader, *, still_to_read: StillToRead = ignore) -> Iterator[Page]:
        """Yield pages with each record once, until one has no next page.

        :raises PagingLoopError: next pages are named without end.
        :raises DataError: more records have one time than a page can hold.
        """
        walk = _Walk(self, window, reader)
        while not walk.is_end:
            if rest := walk.order.still_to_read(window):
                still_to_read(rest)
            fresh = walk.take(reader.read(walk.request(), records_key=reader.endpoint.records_key))
            if fresh:
                yield fresh


@dataclass(slots=True)
class _Walk:
    """One reading of a window.

    ``token`` is the cursor of the request, ``issued`` the server's own one that it stands for. ``known`` holds the
    records that may come again, with their times. ``shown`` is the number of records in the last page before one behind
    it; ``is_full`` says that this page named a next page and was as large as the server's ``largest``.
    """

    cursor: Cursor
    window: Window
    reader: PageReader
    token: str | None = field(default=None, init=False)
    issued: str | None = field(default=None, init=False)
    kind: _Request = field(default=_Request.FROM_BEFORE, init=False)
    order: Order = field(default_factory=Order, init=False)
    known: dict[str | bytes, int | None] = field(default_factory=dict, init=False)
    tokens: set[str] = field(default_factory=set, init=False)
    idle: int = field(default=0, init=False)
    largest: int = field(default=0, init=False)
    shown: int = field(default=0, init=False)
    is_full: bool = field(default=False, init=False)
    is_end: bool = field(default=False, init=False)

    def request(self) -> Request:
        endpoint = self.reader.endpoint
        size = {endpoint.size_parameter: endpoint.max_page_size} if self.kind is _Request.LARGE else {}
        token = {} if self.token is None else {self.cursor.parameter: self.token}
        return self.reader.request(self.window, {**size, **token})

    def take(self, answer: Answer) -> list[Record]:
        """Return the records of an answer that were not read before, and choose the next request, or end."""
        records = answer.records()
        identities = list(map(self.reader.endpoint.identity, records))
        fresh = [record for record, identity in zip(records, identities, strict=True) if identity not in self.known]
        moments = [epoch_us(record.get(self.cursor.time_field)) for record in records]
        self._observe_order(moments, overlaps=len(fresh) < len(records))
        if fresh and (last := moments[-1]) is not None:
            self.known = {key: at for key, at in self.known.items() if at is None or abs(at - last) <= 2 * SKEW_US}
        self.known.update(zip(identities, moments, strict=True))
        self.idle = 0 if fresh else self.idle + 1
        self.largest = max(self.largest, len(records))
        if self.issued is not None and self.token != self.issued and len(fresh) == len(records):
            self._follow_the_server()  # it did not begin before the last record
            self._ask(self.issued, _Request.FROM_BEFORE)
        else:
            self._step(answer, self._token(answer, moments), moments, bool(fresh))
        return fresh

    def _step(self, answer: Answer, token: str | None, moments: list[int | None], is_fresh: bool) -> None:
        if self.kind is _Request.BEHIND:
            self._check_behind(answer, moments, is_fresh)
            self.is_end = not is_fresh or token is None
            if token is not None:
                self._go_on(token)
        elif token is None:
            self.is_end = True
        elif self.idle >= MAX_IDLE_PAGES or (self.order.direction == 0 and moments and token in self.tokens):
            raise PagingLoopError(f"{answer.path} names next pages of {self.window} that bring nothing new. {REPORT}")
        elif not moments or self.order.direction == 0:
            self.is_end = not moments and token == self.token
            self.tokens.add(token)
            self._ask(token, _Request.FROM_BEFORE)
        elif self.kind is _Request.FROM_BEFORE and (not is_fresh or self.order.direction is None):
            self.kind = _Request.LARGE
        elif is_fresh:
            self._go_on(token)
        else:
            self.shown = len(moments)
            self.is_full = bool(answer.field("pagination")) and 1 < len(moments) == self.largest
            self._ask(token, _Request.BEHIND)

    def _go_on(self, token: str) -> None:
        moment = epoch_us(token)
        self._ask(token, _Request.FROM_BEFORE)
        self.token = token if moment is None else _text(moment - (self.order.direction or 1) * SKEW_US)

    def _ask(self, token: str, kind: _Request) -> None:
        self.token, self.issued, self.kind = token, token, kind

    def _check_behind(self, answer: Answer, moments: list[int | None], is_fresh: bool) -> None:
        """Raise unless a page behind the last record has only that record, or records that arrived meanwhile."""
        behind = epoch_us(self.token)
        if moments and not is_fresh and (behind is None or abs((moments[0] or 0) - behind) > SKEW_US):
            raise PagingLoopError(f"{answer.path} sends the same page of {self.window} for every cursor. {REPORT}")
        if (is_fresh or self.is_full) and not self._has_shown_all(is_fresh):
            raise DataError(
                f"{answer.path} holds more records of one time than it sends in a page; some before the cursor "
                f"{self.token} cannot be read. Raise page_size."
            )

    def _has_shown_all(self, is_fresh: bool) -> bool:
        """Return whether the last page had all records of its time: the server sends longer pages, so it was not full.

        :param is_fresh: more records exist; then a longer page is the only proof.
        """
        endpoint, longer = self.reader.endpoint, self.window.widened_to(self.window.start - _LOOK_BACK)
        request = self.reader.request(longer, {endpoint.size_parameter: self.shown + 1})
        records = self.reader.read(request, records_key=endpoint.records_key).records()
        is_alone = not is_fresh and all(endpoint.identity(record) in self.known for record in records)
        return len(records) > self.shown or (is_alone and self.shown < _LEAST_PAGE)

    def _token(self, answer: Answer, moments: list[int | None]) -> str | None:
        """Return the cursor of the next page; without a pagination, that of the last record."""
        pagination = answer.field("pagination")
        if pagination and not isinstance(pagination, Mapping):
            raise MalformedPageError(
                f"{answer.path} sent a pagination in an unknown shape; expected an object. {REPORT}"
            )
        if not pagination:
            last = moments[-1] if moments else None
            if moments and (last is None or self.order.direction == 0):
                raise MalformedPageError(
                    f"{answer.path} sent a page that is neither sorted nor names a next one. {REPORT}"
                )
            return None if last is None else _text(last)
        link = pagination.get("next")
        if not link:
            return None
        return token_in(link, self.cursor.parameter, answer.path)

    def _observe_order(self, moments: list[int | None], *, overlaps: bool) -> None:
        was_sorted = self.order.direction != 0
        self.order.observe(moments, overlaps=overlaps)
        if was_sorted and self.order.direction == 0:
            self._warn()

    def _follow_the_server(self) -> None:
        if self.order.direction != 0:
            self._warn()
        self.order.direction = 0

    def _warn(self) -> None:
        _log.warning(
            "Pages of %s are not sorted by %s, although requested; the order of the server is followed. Records of "
            "one time at the border of two pages may be missing.",
            self.window,
            self.cursor.time_field,
        )


def _text(moment: int) -> str:
    return f"{moment // _US_PER_S}.{moment % _US_PER_S:06}"
