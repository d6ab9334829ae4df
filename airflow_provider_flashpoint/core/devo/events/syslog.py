"""Events over a syslog connection: a header before each line, and the framing that ends an event.

Devo reads events that end with a newline, as devo-sdk sends them. Some relays want each event after its number of
bytes instead (RFC 6587, section 3.4.1); the newline is then part of the event and counted, as devo-sdk counts it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.devo.connection.connector import uses_tls
from airflow_provider_flashpoint.core.devo.connection.header import syslog_header
from airflow_provider_flashpoint.core.devo.connection.syslog_channel import Frame, open_syslog
from airflow_provider_flashpoint.core.devo.transport import Transport
from airflow_provider_flashpoint.core.window import epoch_us
from airflow_provider_flashpoint.errors import DataError

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.devo.events.ports import Channel
    from airflow_provider_flashpoint.core.devo.settings import DevoSettings

# The form of a tag with which Devo dates the event by its header.
_DATED = "(usd)"
_EPOCH = datetime(1970, 1, 1)


def syslog_frame(
    tag: str, *, octet_counted: bool = False, event_date_field: str = "", host: str | None = None
) -> Frame:
    """Return a function that frames lines of ``tag`` as syslog events.

    :param octet_counted: write the number of bytes before each event.
    :param event_date_field: the field of a JSON line with the event's date in Devo; empty for the time of arrival,
        which a line without a time in that field gets too. Devo's own loaders send dates like this, with ``(usd)``
        before the tag and in UTC; no public page documents how Devo treats events out of order.
    :param host: the sender's name; None for the name of this machine.
    :raises ConfigurationError: the tag is invalid.
    """
    if event_date_field:
        header_of = _dated_headers(tag.removeprefix(_DATED), event_date_field, host)
    else:
        header = syslog_header(tag, host=host)
        if not octet_counted:
            return lambda lines: b"".join((header, header.join(lines)))
        header_of = lambda line: header  # noqa: E731  the counterpart of the line above

    def newline_framed(lines: Sequence[bytes]) -> bytes:
        return b"".join([piece for line in lines for piece in (header_of(line), line)])

    def counted(lines: Sequence[bytes]) -> bytes:
        events = (header_of(line) + line for line in lines)
        return b"".join([b"%d %b" % (len(event), event) for event in events])

    return counted if octet_counted else newline_framed


def _dated_headers(tag: str, field: str, host: str | None) -> Callable[[bytes], bytes]:
    arrival = syslog_header(tag, host=host)
    before, after = syslog_header(f"{_DATED}{tag}", host=host, date="\0").split(b"\0")

    def header_of(line: bytes) -> bytes:
        date = _event_date(line, field)
        return b"".join((before, date, after)) if date else arrival

    return header_of


def _event_date(line: bytes, field: str) -> bytes | None:
    """Return the time in ``field`` as Devo writes dates, in UTC; None where the line has no such time."""
    try:
        record = codec.decode(line)
        moment_us = epoch_us(record.get(field)) if isinstance(record, dict) else None
        if not moment_us:  # services send 0 for a missing time
            return None
        moment = _EPOCH + timedelta(microseconds=moment_us)
    except (ValueError, DataError, OverflowError):
        return None
    return moment.isoformat(" ", "milliseconds").encode()


def _channel(settings: DevoSettings, tag: str) -> Channel:
    frame = syslog_frame(
        tag,
        octet_counted=settings.event_framing == "octet_counted",
        event_date_field=settings.event_date_field,
    )
    return open_syslog(settings, frame)


def _ready(settings: DevoSettings) -> str:
    return "ready over TLS, and the certificate is accepted." if uses_tls(settings) else "ready over plain TCP."


TRANSPORT = Transport(make=_channel, needs=("host",), shown_by="host", uses_tls=uses_tls, ready=_ready)
