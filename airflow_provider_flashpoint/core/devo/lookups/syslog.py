"""Lookups over the syslog connection: the tables ``my.lookup``, which Devo deprecated as of 2026-01-01.

One upload is a START, its rows and an END, all on one connection::

    my.lookup.control.<name>.<FULL or INC>: <upload>_<name>|START|[{"key":{"type":"str","key":true}},...]
    my.lookup.data.<name>[.DELETE]: <upload>_<name>|"a key","a cell",12
    my.lookup.control.<name>.<FULL or INC>: <upload>_<name>|END|[...]

The bytes are those of devo-sdk's ``Lookup`` where that keeps a value whole: texts are quoted, texts that are numbers
are not. Quotes are always doubled, and since a line break would end the event, a line break, carriage return or NUL
becomes the two characters ``\\n``, ``\\r`` or ``\\0``; a backslash is not doubled.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Protocol

from airflow_provider_flashpoint.core.devo.connection.header import syslog_header
from airflow_provider_flashpoint.core.devo.lookups.csv_parts import rows_of
from airflow_provider_flashpoint.core.devo.lookups.csv_rows import lookup_columns
from airflow_provider_flashpoint.core.devo.lookups.ports import Operation, check_lookup_name, check_types
from airflow_provider_flashpoint.errors import DeliveryError, TransientError

# devo-sdk waits this long after START and before END, since other parts of Devo take up the one and the other.
DEFAULT_PAUSE_S = 5.0
_SEND_BYTES = 128 * 1024
_MAX_ATTEMPTS = 5
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 30.0
_ACTIONS = {Operation.CREATE: "FULL", Operation.REPLACE: "FULL", Operation.APPEND: "INC", Operation.DELETE: "INC"}
_NUMBER = rb'"(-?[0-9]+(?:\.[0-9]+)*)"(?=[,\n])'
_number_at_start = re.compile(_NUMBER).match
_numbers = re.compile(b"," + _NUMBER).sub

_log = logging.getLogger(__name__)


class SyslogStream(Protocol):
    """One connection at a time, as `SyslogChannel` has it."""

    def send(self, data: bytes) -> object: ...

    def confirm(self) -> None: ...

    def abandon(self) -> None: ...

    def check(self) -> None: ...


class SyslogLookups:
    """The lookups of the domain that a syslog connection belongs to.

    A return proves that Devo's host has read the upload; Devo loads it some minutes later, and tells of no failure.

    :param stream: carries the bytes as they are given, and confirms them.
    :param pause_s: seconds to wait after START and before END.
    :param max_attempts: how often an upload is begun before it is given up.
    :param host: the sender's name in each line; this machine's where it is None.
    :param clock: seconds since 1970, from which uploads get their names.
    """

    def __init__(
        self,
        stream: SyslogStream,
        *,
        pause_s: float = DEFAULT_PAUSE_S,
        max_attempts: int = _MAX_ATTEMPTS,
        host: str | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._stream = stream
        self._pause_s = pause_s
        self._max_attempts = max_attempts
        self._host = host
        self._clock = clock
        self._sleep = sleep

    def check(self) -> None:
        """Raise what stands against sending: name, network, TLS or certificate. Sends nothing."""
        self._stream.check()

    def exists(self, name: str) -> None:
        """Return None: over syslog nothing can be asked.

        :raises ConfigurationError: the name is none that a lookup can have.
        """
        check_lookup_name(name)

    def deploy(
        self,
        name: str,
        *,
        columns: Sequence[str],
        key: str,
        csv_file: IO[bytes],
        operation: Operation,
        types: Mapping[str, str] | None = None,
    ) -> None:
        """Bring the rows of ``csv_file`` into a lookup, and return once its upload is confirmed.

        CREATE and REPLACE both replace what there is. After a break the whole upload is sent again, under a name
        of its own, since rows without their START and END on the same connection count for nothing.

        :param columns: the columns of the file, as `csv_rows.write_csv` was given them.
        :param csv_file: what `csv_rows.write_csv` wrote, seekable; it is read from its start and not closed.
        :param types: the type of a column, one of `COLUMN_TYPES`; ``str`` where none is named.
        :raises DeliveryError: attempts ran out.
        :raises ConfigurationError, PermanentError: the peer cannot be trusted, or refuses us.
        """
        check_lookup_name(name)
        header = control_header(lookup_columns(columns, key), types or {})
        _log.warning(
            "Lookup %s goes over the my.lookup tables, which Devo deprecated as of 2026-01-01: set lookup_transport to "
            "'api' in the connection.",
            name,
        )
        for attempt in range(1, self._max_attempts + 1):
            try:
                rows = self._upload(name, header, csv_file, operation)
                self._stream.confirm()
            except TransientError as error:
                self._stream.abandon()
                if attempt == self._max_attempts:
                    raise DeliveryError(
                        f"Devo did not confirm the rows of lookup {name} in {attempt} attempts. {error} They count as "
                        "not sent: run the task again once Devo can be reached."
                    ) from error
                wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (attempt - 1))
                _log.warning("%s Sending all of lookup %s again in %.0f s.", error, name, wait_s)
                self._sleep(wait_s)
            except BaseException:
                self._stream.abandon()
                raise
            else:
                _log.info("Lookup %s: %s of %d rows confirmed.", name, operation.value, rows)
                return

    def _upload(self, name: str, header: str, csv_file: IO[bytes], operation: Operation) -> int:
        """Send one upload and return how many rows it has."""
        upload = f"{self._clock()}_{name}|".encode()
        control = self._header(f"my.lookup.control.{name}.{_ACTIONS[operation]}") + upload
        data = self._header(f"my.lookup.data.{name}{'.DELETE' if operation is Operation.DELETE else ''}") + upload
        self._stream.send(b"%bSTART|%b\n" % (control, header.encode()))
        self._sleep(self._pause_s)
        rows = 0
        for count, lines in row_lines(csv_file, data):
            self._stream.send(lines)
            rows += count
        self._sleep(self._pause_s)
        self._stream.send(b"%bEND|%b\n" % (control, header.encode()))
        return rows

    def _header(self, tag: str) -> bytes:
        return syslog_header(tag, host=self._host)


def control_header(columns: Sequence[str], types: Mapping[str, str]) -> str:
    """Return what START and END tell of the columns, the key first.

    :raises ConfigurationError: a type is none that Devo has.
    """
    check_types(types)
    fields = [
        {name: {"type": types.get(name, "str"), **({"key": True} if number == 0 else {})}}
        for number, name in enumerate(columns)
    ]
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def row_lines(csv_file: IO[bytes], start: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of many rows at once, with their count.

    :param csv_file: what `csv_rows.write_csv` wrote: every cell quoted.
    :param start: what precedes each row on its line.
    """
    rows = rows_of(csv_file)
    next(rows)
    lines: list[bytes] = []
    size = 0
    for row in rows:
        line = row
        if line.find(b"\n") != len(line) - 1:
            line = line[:-1].replace(b"\n", b"\\n") + b"\n"
        if line[1] in b"-0123456789" and (number := _number_at_start(line)):
            line = number[1] + line[number.end() :]
        lines.append(line)
        size += len(line)
        if size >= _SEND_BYTES:
            yield len(lines), _joined(lines, start)
            lines, size = [], 0
    if lines:
        yield len(lines), _joined(lines, start)


def _joined(lines: list[bytes], start: bytes) -> bytes:
    text = (start + start.join(lines)).replace(b"\r", b"\\r").replace(b"\0", b"\\0")
    return _numbers(_unquoted, text)


def _unquoted(number: re.Match[bytes]) -> bytes:
    return b"," + number[1]
