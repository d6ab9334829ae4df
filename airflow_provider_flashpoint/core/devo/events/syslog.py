"""How lines become syslog events on a stream: a header in front of each, and where one event ends.

Devo reads events that end with a newline, as devo-sdk sends them. Some relays want each event behind the count
of its bytes instead (RFC 6587, section 3.4.1); the newline at the end is then part of the event and counted,
as devo-sdk counts it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.devo.connection.header import syslog_header
from airflow_provider_flashpoint.core.window import epoch_us
from airflow_provider_flashpoint.errors import DataError

Frame = Callable[[Sequence[bytes]], bytes]

# The form of a tag that makes Devo take the header's date for the event's.
_DATED = "(usd)"
_EPOCH = datetime(1970, 1, 1)


def syslog_frame(
    tag: str, *, octet_counted: bool = False, event_date_field: str = "", host: str | None = None
) -> Frame:
    """Return what turns lines of ``tag`` into the bytes of their events.

    :param octet_counted: each event stands behind the count of its bytes.
    :param event_date_field: the field of a JSON line whose time becomes the event's date in Devo; empty for the
        time of arrival, which a line without a time in that field gets too. Devo's own loaders send dates like
        this, with ``(usd)`` before the tag and in UTC; no public page says what becomes of events out of order.
    :param host: the sender's name; this machine's where it is None.
    :raises ConfigurationError: the tag is not valid.
    """
    if event_date_field:
        header_of = _dated_headers(tag.removeprefix(_DATED), event_date_field, host)
    else:
        header = syslog_header(tag, host=host)
        if not octet_counted:
            return lambda lines: b"".join((header, header.join(lines)))
        header_of = lambda line: header  # noqa: E731  the counterpart of the line above

    def ended(lines: Sequence[bytes]) -> bytes:
        return b"".join([piece for line in lines for piece in (header_of(line), line)])

    def counted(lines: Sequence[bytes]) -> bytes:
        events = (header_of(line) + line for line in lines)
        return b"".join([b"%d %b" % (len(event), event) for event in events])

    return counted if octet_counted else ended


def _dated_headers(tag: str, field: str, host: str | None) -> Callable[[bytes], bytes]:
    """Return what tells the header of a line: with its own date, or of the time of arrival."""
    arrival = syslog_header(tag, host=host)
    before, after = syslog_header(f"{_DATED}{tag}", host=host, date="\0").split(b"\0")

    def header_of(line: bytes) -> bytes:
        date = _event_date(line, field)
        return b"".join((before, date, after)) if date else arrival

    return header_of


def _event_date(line: bytes, field: str) -> bytes | None:
    """Return the time in ``field`` as Devo writes dates, in UTC, or None where the line has none."""
    try:
        record = codec.decode(line)
        moment_us = epoch_us(record.get(field)) if isinstance(record, dict) else None
        if moment_us is None:
            return None
        moment = _EPOCH + timedelta(microseconds=moment_us)
    except (ValueError, DataError, OverflowError):
        return None
    return moment.isoformat(" ", "milliseconds").encode()
