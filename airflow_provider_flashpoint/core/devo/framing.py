"""How lines become syslog events on a stream: a header in front of each, and where one event ends.

Devo reads events that end with a newline, as devo-sdk sends them. Some relays want each event behind the count
of its bytes instead (RFC 6587, section 3.4.1); the newline at the end is then part of the event and counted,
as devo-sdk counts it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.devo.line import syslog_header
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
        tag = tag.removeprefix(_DATED)
    header = syslog_header(tag, host=host)
    before, after = syslog_header(f"{_DATED}{tag}", host=host, date="\0").split(b"\0")

    def headers(lines: Sequence[bytes]) -> Sequence[bytes]:
        if not event_date_field:
            return [header] * len(lines)
        dates = (_event_date(line, event_date_field) for line in lines)
        return [b"".join((before, date, after)) if date else header for date in dates]

    def ended(lines: Sequence[bytes]) -> bytes:
        if not event_date_field:
            return b"".join((header, header.join(lines)))
        return b"".join(piece for pair in zip(headers(lines), lines, strict=True) for piece in pair)

    def counted(lines: Sequence[bytes]) -> bytes:
        pairs = zip(headers(lines), lines, strict=True)
        return b"".join([b"%d %b%b" % (len(start) + len(line), start, line) for start, line in pairs])

    return counted if octet_counted else ended


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
