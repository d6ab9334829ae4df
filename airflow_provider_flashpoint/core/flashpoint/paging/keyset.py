"""Pages by the time of update, so that records that move while they are read hide no other record."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from airflow_provider_flashpoint.core.flashpoint.page import Answer, Page, Record
from airflow_provider_flashpoint.core.flashpoint.paging.order import SKEW_US, StillToRead, ignore, second_before
from airflow_provider_flashpoint.core.flashpoint.paging.paginators import PageReader, check_count
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.window import Window, epoch_us, format_instant
from airflow_provider_flashpoint.errors import DataError, MalformedPageError, RejectedError, ServerError

_MAX_PASSES = 20  # through the pages of one second that changes meanwhile
_US_PER_S = 1_000_000

_Key = tuple[str | bytes, int]

_log = logger(__name__)


class Changed(Exception):
    """The records of a request stand elsewhere than at the page before."""


class OutOfReach(Exception):
    """The server refuses to skip so many records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyset:
    """Pages in the order of a time, each from the last second of the page before.

    Records that were read before are left out. Where one second holds more than a page, the pages that follow skip
    records. Each of them begins with the last record of the page before, and no record may come twice: otherwise
    records have moved, and the second is read again. Where the server refuses to skip so many, the rest of the second
    is read from its end.

    :param time_field: the time of update; each record has one version per time.
    :param offset: the parameter with the number of records skipped.
    :param from_the_end: the parameters of the opposite order, with a count of the records; empty where a request has no
        end. Then a second with more records than the server lets a client skip is an error.
    """

    time_field: str
    offset: str
    from_the_end: Mapping[str, str]

    def pages(self, window: Window, reader: PageReader, *, still_to_read: StillToRead = ignore) -> Iterator[Page]:
        """Yield pages with each version of a record once, in ascending order.

        Fewer records than the server counts, where it does, are an error.

        :raises MalformedPageError: the server does not sort as requested.
        :raises ServerError: the records of a second did not come to rest.
        :raises DataError: one second holds more records than the server gives from its start and from its end.
        """
        walk = _Walk(self, window, reader, still_to_read)
        yield from walk.pages()
        check_count(window, reader, walk.read, walk.counted or 0)


class _Versions(NamedTuple):
    """The records of an answer with the identity and time of each; ``last`` is the time of the last one."""

    records: list[Record]
    keys: list[_Key]
    last: int
    total: int | None
    is_end: bool


@dataclass(slots=True)
class _Walk:
    """One reading of a window.

    ``position`` is where requests start, ``latest`` the newest time so far in microseconds since 1970, ``known`` the
    versions that were read and may come again, ``shown`` those that came since the position is this one. ``read`` is
    the number of versions so far, ``counted`` the server's count of records in the window.
    """

    keyset: Keyset
    window: Window
    reader: PageReader
    still_to_read: StillToRead
    position: datetime = field(init=False)
    latest: int = field(default=0, init=False)
    known: set[_Key] = field(default_factory=set, init=False)
    shown: set[_Key] = field(default_factory=set, init=False)
    is_end: bool = field(default=False, init=False)
    read: int = field(default=0, init=False)
    counted: int | None = field(default=None, init=False)

    def pages(self) -> Iterator[Page]:
        start, end = self.window.request_bounds()
        self.position = start
        while not self.is_end and self.position < end:
            if start < self.position < self.window.end:
                self.still_to_read(Window(self.position, self.window.end))
            try:
                yield from self._pages_from_position()
                self._move(self._next_position())
            except OutOfReach:
                latest = self.latest
                yield from self._pages_from_the_end()
                self.latest = latest  # up to which nothing is missing
                self._move(self.position + timedelta(seconds=1))

    def _pages_from_position(self) -> Iterator[Page]:
        """Yield pages until the position can advance, or to the end of the window."""
        self.shown.clear()
        for versions in self._versions({}, sign=1):
            yield from self._new(versions)
            self.is_end = versions.is_end
            if self._next_position() > self.position:
                return

    def _pages_from_the_end(self) -> Iterator[Page]:
        """Yield the rest of a second, from its end down to the latest record.

        The first attempt reads the second after it too. The second attempt ends where the next request begins, and a
        server that excludes both bounds sends no record of exactly that time.
        """
        path, before = self.reader.endpoint.path, self.reader.endpoint.window_parameters[1]
        reached = self.latest - SKEW_US
        for seconds in (2, 1):
            end = min(self.position + timedelta(seconds=seconds), self.window.request_bounds()[1])
            parameters = {before: format_instant(end), **self.keyset.from_the_end}
            with contextlib.suppress(OutOfReach):
                for versions in self._versions(parameters, sign=-1):
                    yield from self._new(versions)
                    if versions.last < reached or self._has_shown(versions.total, end):
                        break
                if seconds > 1 or self._is_covered(end):
                    return
        raise DataError(
            f"{path} holds more records within the second {format_instant(self.position)} than it lets a client read "
            f"from its start and from its end. Read fewer at once: by a type or by filters."
        )

    def _is_covered(self, border: datetime) -> bool:
        """Return whether two requests that meet at ``border`` have all records of one request over both."""
        end = border + timedelta(seconds=1)
        if border == self.window.request_bounds()[1]:
            return True
        parts, whole = [(self.position, border), (border, end)], (self.position, end)
        counts = [self._count(*bounds) for bounds in (*parts, whole)]
        return None not in counts and sum(counts[:2]) >= counts[2]  # type: ignore[arg-type,operator]

    def _count(self, start: datetime, end: datetime) -> int | None:
        bounds = zip(self.reader.endpoint.window_parameters, map(format_instant, (start, end)), strict=True)
        size = {self.reader.endpoint.size_parameter: 1, self.keyset.offset: 0}
        return self._read({**dict(bounds), **size, **self.keyset.from_the_end}).total

    def _has_shown(self, total: int | None, end: datetime) -> bool:
        """Return whether all records up to ``end`` were sent; their times do not show it where they are equal."""
        return total is not None and sum(at <= end.timestamp() * _US_PER_S for _, at in self.shown) >= total

    def _versions(self, parameters: Mapping[str, Any], *, sign: int) -> Iterator[_Versions]:
        """Yield the answers to a request from `position` on, from the first one again where records moved.

        :param sign: 1 for ascending order, -1 for descending order.
        """
        start = format_instant(self.position)
        parameters = {self.reader.endpoint.window_parameters[0]: start, **parameters}
        for _ in range(_MAX_PASSES):
            try:
                yield from self._pass(parameters, sign)
            except Changed:
                _log.info("Records of %s moved while they were read; it is read again from %s on.", self.window, start)
            else:
                return
        raise ServerError(
            f"{self.reader.endpoint.path} sent the records from {start} on in another order each of {_MAX_PASSES} "
            "times. Run the task again; if it stays so, report it to Flashpoint."
        )

    def _pass(self, parameters: Mapping[str, Any], sign: int) -> Iterator[_Versions]:
        shown: set[_Key] = set()
        before: list[_Key] = []
        skip, last, is_end = 0, -sign * (1 << 62), False
        while not is_end:
            answer = self._read({**parameters, self.keyset.offset: skip})
            records = answer.records()
            keys = self._keys(records)
            shown.update(keys)
            self.shown.update(keys)
            if skip:
                # A page of one record has no overlap with the next one, so it is read again after it.
                border = keys[:1] if len(before) > 1 else self._key_at(skip - 1, parameters)
                if border != before[-1:] or len(shown) != skip + len(keys):
                    raise Changed
            last = self._checked_last(keys, last, sign, answer.path)
            is_end = not records or _names_no_next(answer)
            yield _Versions(records, keys, last, answer.total, is_end)
            before = keys
            skip += max(1, len(keys) - 1)

    def _key_at(self, skip: int, parameters: Mapping[str, Any]) -> list[_Key]:
        """Return the record that stands behind ``skip`` others now, empty if there is none."""
        answer = self._read({**parameters, self.keyset.offset: skip})
        return self._keys(answer.records())[:1]

    def _keys(self, records: list[Record]) -> list[_Key]:
        return [(self.reader.endpoint.identity(record), self._time(record)) for record in records]

    def _read(self, parameters: Mapping[str, Any]) -> Answer:
        request = self.reader.request(self.window, parameters)
        try:
            answer = self.reader.read(request, records_key=self.reader.endpoint.records_key)
        except RejectedError as error:
            if not parameters[self.keyset.offset] or not self.keyset.from_the_end:
                raise
            _log.info("%s The rest of %s is read from its end.", error, format_instant(self.position))
            raise OutOfReach from error
        if self.counted is None:  # later requests begin later
            self.counted = answer.total or 0
        return answer

    def _checked_last(self, keys: list[_Key], last: int, sign: int, path: str) -> int:
        """Return the last time, after a check that all are in order."""
        for _, moment in keys:
            if moment and sign * (moment // SKEW_US - last // SKEW_US) < 0:
                raise MalformedPageError(
                    f"{path} did not sort {self.window} by {self.keyset.time_field}, although requested, so records "
                    "could be lost. Report it to Flashpoint."
                )
            last = moment or last
        return last

    def _new(self, versions: _Versions) -> Iterator[Page]:
        """Yield the records that were not read before."""
        fresh = [record for record, key in zip(versions.records, versions.keys, strict=True) if key not in self.known]
        self.known.update(versions.keys)
        self.read += len(fresh)
        self.latest = max(self.latest, *(moment for _, moment in versions.keys), 0)
        if fresh:
            yield fresh

    def _next_position(self) -> datetime:
        """Return the last whole second before all records that are still to come, whether or not it is inclusive."""
        return second_before(self.latest)

    def _move(self, position: datetime) -> None:
        self.position = max(self.position, position)
        oldest = round(self.position.timestamp()) * _US_PER_S - SKEW_US
        self.known = {key for key in self.known if key[1] >= oldest}

    def _time(self, record: Record) -> int:
        return epoch_us(record.get(self.keyset.time_field)) or 0


def _names_no_next(answer: Answer) -> bool:
    pagination = answer.field("pagination")
    return isinstance(pagination, Mapping) and not pagination.get("next")
