"""Lookups over the syslog connection: the tables ``my.lookup``, which Devo deprecated as of 2026-01-01.

One upload is a START, its rows and an END, all on one connection::

    my.lookup.control.<name>.<FULL or INC>: <upload>_<name>|START|[{"key":{"type":"str","key":true}},...]
    my.lookup.data.<name>[.DELETE]: <upload>_<name>|"a key","a cell",12
    my.lookup.control.<name>.<FULL or INC>: <upload>_<name>|END|[...]

The bytes are those of devo-sdk's ``Lookup`` wherever it keeps a value intact: texts are quoted, texts that are numbers
are not. Quotes are always doubled. A line break would end the event, so a line break, carriage return or NUL becomes
the two characters ``\\n``, ``\\r`` or ``\\0``; a backslash is not doubled.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import IO, TYPE_CHECKING

from airflow_provider_flashpoint.core.devo.connection.connector import uses_tls
from airflow_provider_flashpoint.core.devo.connection.header import syslog_header
from airflow_provider_flashpoint.core.devo.connection.resend import DEFAULT_MAX_ATTEMPTS, Resending
from airflow_provider_flashpoint.core.devo.connection.syslog_channel import SyslogChannel, open_syslog
from airflow_provider_flashpoint.core.devo.lookups.csv_parts import rows_of
from airflow_provider_flashpoint.core.devo.lookups.csv_rows import lookup_columns
from airflow_provider_flashpoint.core.devo.lookups.ports import BeforeSending, Operation, check_lookup_name, check_types
from airflow_provider_flashpoint.core.devo.transport import Transport
from airflow_provider_flashpoint.core.reporting.progress_log import ProgressLog
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.errors import TransientError

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.devo.settings import DevoSettings

_SEND_BYTES = 128 * 1024
_ACTIONS = {Operation.CREATE: "FULL", Operation.REPLACE: "FULL", Operation.APPEND: "INC", Operation.DELETE: "INC"}
_NUMBER = rb'"(-?[0-9]+(?:\.[0-9]+)*)"(?=[,\n])'
_number_at_start = re.compile(_NUMBER).match
_numbers = re.compile(b"," + _NUMBER).sub

_log = logger(__name__)


@dataclass(frozen=True)
class SyslogLookups:
    """The lookups of the domain that a syslog connection belongs to; see `Lookups`.

    A confirmed upload proves that Devo's host has read it. Devo loads it some minutes later, and reports no failure.

    :param channel: sends and confirms the bytes; its frame is not used.
    :param pause_s: seconds to wait after START and before END, as devo-sdk does: different parts of Devo process them.
    :param max_attempts: the most attempts of one upload.
    :param clock: seconds since 1970, which make the names of uploads unique.
    """

    channel: SyslogChannel
    _: KW_ONLY
    pause_s: float = 5.0
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def check(self) -> None:
        """Connect and send nothing; see `Lookups`."""
        self.channel.check()

    def exists(self, name: str) -> None:
        """Return None: nothing can be read over syslog."""
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
        before_sending: BeforeSending = lambda failure: None,
    ) -> None:
        """See `Lookups`. CREATE and REPLACE both replace the content.

        After a break the whole upload is sent again under a new name, since rows count only with their START and END
        on the same connection.
        """
        check_lookup_name(name)
        header = control_header(lookup_columns(columns, key), types or {})
        _log.warning(
            "Lookup %s uses the my.lookup tables, which Devo deprecated as of 2026-01-01: set lookup_transport to "
            "'api' in the connection.",
            name,
        )
        resending = Resending(lambda: f"the rows of lookup {name}", max_attempts=self.max_attempts, sleep=self.sleep)
        failure: BaseException | None = None

        def upload() -> int:
            nonlocal failure
            try:
                return self._upload(name, header, csv_file, operation, partial(before_sending, failure))
            except TransientError as error:
                failure = error
                raise

        rows = resending(upload)
        _log.info("Lookup %s: %s of %d rows confirmed.", name, operation.value, rows)

    def _upload(
        self, name: str, header: str, csv_file: IO[bytes], operation: Operation, before_sending: Callable[[], None]
    ) -> int:
        """Send and confirm one upload, and return its number of rows."""
        upload = f"{self.clock()}_{name}|".encode()
        control = syslog_header(f"my.lookup.control.{name}.{_ACTIONS[operation]}") + upload
        deletion = ".DELETE" if operation is Operation.DELETE else ""
        data = syslog_header(f"my.lookup.data.{name}{deletion}") + upload
        rows, progress = 0, ProgressLog(f"Lookup {name}: {{}} rows sent so far")
        before_sending()
        try:
            self.channel.send(b"%bSTART|%b\n" % (control, header.encode()))
            self.sleep(self.pause_s)
            for count, lines in row_lines(csv_file, data):
                self.channel.send(lines)
                rows += count
                progress.look(rows)
            self.sleep(self.pause_s)
            before_sending()  # Devo loads the rows only after the END
            self.channel.send(b"%bEND|%b\n" % (control, header.encode()))
            self.channel.confirm()
        except BaseException:
            self.channel.abandon()
            raise
        return rows


def control_header(columns: Sequence[str], types: Mapping[str, str]) -> str:
    """Return the columns as START and END declare them, the key first.

    :raises ConfigurationError: a type is unknown.
    """
    check_types(types)
    fields = [
        {name: {"type": types.get(name, "str"), **({"key": True} if number == 0 else {})}}
        for number, name in enumerate(columns)
    ]
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def row_lines(csv_file: IO[bytes], start: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number of rows in each send, and their lines.

    :param csv_file: written by `csv_rows.write_csv`, which quotes every cell.
    :param start: the start of each line, before its row.
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


def _lookups(settings: DevoSettings, max_attempts: int) -> SyslogLookups:
    return SyslogLookups(open_syslog(settings), pause_s=settings.lookup_pause_s, max_attempts=max_attempts)


TRANSPORT = Transport(
    make=_lookups,
    needs=("host",),
    refuses={"event_framing": "which is for events: lookups over syslog are framed by newlines"},
    uses_tls=uses_tls,
    ready=lambda settings: "ready over syslog, which Devo has deprecated for lookups.",
)
