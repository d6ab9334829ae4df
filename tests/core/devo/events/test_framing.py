"""Headers, counts and dates of the lines on a syslog stream."""

from __future__ import annotations

import json
import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.devo.connection.header import MAX_TAG_CHARACTERS, syslog_header
from airflow_provider_flashpoint.core.devo.events.syslog import syslog_frame
from airflow_provider_flashpoint.core.devo.events.writer import encode
from airflow_provider_flashpoint.errors import ConfigurationError

TAG = "my.app.test.x"
HEADER = syslog_header(TAG)


def test_lines_stand_behind_headers() -> None:
    """Each line follows the header of its tag."""
    assert syslog_frame(TAG)([b"a\n", b"b\n"]) == HEADER + b"a\n" + HEADER + b"b\n"


def test_counted_lines_stand_behind_their_length() -> None:
    """The count is the number of bytes of header and line, newline included, in digits, with a blank after it."""
    frame = syslog_frame(TAG, octet_counted=True, host="web1")
    assert frame(["ñ\n".encode(), b"b\n"]) == (
        "43 <14>Jan  1 00:00:00 web1 my.app.test.x: ñ\n42 <14>Jan  1 00:00:00 web1 my.app.test.x: b\n".encode()
    )


@given(st.lists(st.binary().map(lambda content: content.replace(b"\n", b"") + b"\n"), max_size=20))
def test_counted_stream_is_taken_apart_by_its_counts(lines: list[bytes]) -> None:
    """Any lines can be read back by following the counts."""
    rest, found = syslog_frame(TAG, octet_counted=True)(lines), []
    while rest:
        count, _, rest = rest.partition(b" ")
        event, rest = rest[: int(count)], rest[int(count) :]
        found.append(event.removeprefix(HEADER))
    assert found == lines


@pytest.mark.parametrize(
    ("moment", "date"),
    [
        ("2024-01-02T03:04:05.6789Z", "2024-01-02 03:04:05.678"),
        ("2024-01-02T05:04:05+02:00", "2024-01-02 03:04:05.000"),
        (1704164645, "2024-01-02 03:04:05.000"),
        (1704164645678, "2024-01-02 03:04:05.678"),
        ("0001-01-01T00:00:00Z", "0001-01-01 00:00:00.000"),
        ("9999-12-31T23:59:59Z", "9999-12-31 23:59:59.000"),
    ],
)
def test_date_of_the_record(moment: object, date: str) -> None:
    """With a date field, the header has its time in UTC, and the tag has the prefix for dated events."""
    frame = syslog_frame(TAG, event_date_field="created_at", host="web1")
    line = encode({"created_at": moment})
    assert frame([line]) == f"<14>{date} web1 (usd)my.app.test.x: ".encode() + line


@pytest.mark.parametrize(
    "line",
    [
        encode({}),
        *(encode({"created_at": missing}) for missing in (None, 0, 0.0, "0", "", " ", False, [], {})),
        encode({"created_at": "soon\n<14>"}),
        encode([1]),
        b"no JSON\n",
        b"[" * 100_000 + b"\n",
    ],
)
def test_line_without_a_date_arrives_when_it_arrives(line: bytes) -> None:
    """A line without a time in that field has the header of the time of arrival."""
    assert syslog_frame(TAG, event_date_field="created_at")([line]) == HEADER + line


def test_form_of_a_tag_is_not_doubled() -> None:
    """A given prefix for dated events is kept for dated lines only."""
    frame = syslog_frame("(usd)my.app.test.x", event_date_field="t", host="web1")
    assert frame([encode({"t": 1})]).startswith(b"<14>1970-01-01 00:00:01.000 web1 (usd)my.app.test.x: ")
    assert frame([b"{}\n"]) == b"<14>Jan  1 00:00:00 web1 my.app.test.x: {}\n"


@given(st.datetimes() | st.integers() | st.floats() | st.text(), st.booleans())
def test_any_time_makes_a_date_or_none(moment: object, as_text: bool) -> None:
    """For any value of the field, the header has a date in the one format, or is that of the time of arrival."""
    line = encode({"t": str(moment) if as_text or isinstance(moment, datetime) else moment})
    event = syslog_frame(TAG, event_date_field="t", host="web1")([line])
    dated = rb"<14>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} web1 \(usd\)my\.app\.test\.x: "
    assert re.match(dated, event) or event.startswith(b"<14>Jan  1 00:00:00 web1 my.app.test.x: ")
    assert event.endswith(line)


def test_dated_lines_can_be_counted() -> None:
    """Dates and counts can be combined."""
    line = encode({"t": 1})
    event = b"<14>1970-01-01 00:00:01.000 web1 (usd)my.app.test.x: " + line
    assert syslog_frame(TAG, octet_counted=True, event_date_field="t", host="web1")([line]) == b"%d %b" % (
        len(event),
        event,
    )


def test_date_is_off_by_default() -> None:
    """Without a date field, no time of a record changes a header."""
    line = json.dumps({"created_at": 0}).encode() + b"\n"
    assert syslog_frame(TAG)([line]) == HEADER + line


@pytest.mark.parametrize("octet_counted", [False, True])
def test_longest_tag_is_framed(octet_counted: bool) -> None:
    """A tag of the greatest length is valid."""
    tag = "a" * MAX_TAG_CHARACTERS
    assert syslog_frame(tag, octet_counted=octet_counted)([b"x\n"]).endswith(syslog_header(tag) + b"x\n")


def test_tag_is_checked_before_anything_is_framed() -> None:
    """A tag that could forge an event is refused at once."""
    with pytest.raises(ConfigurationError, match="Invalid Devo tag"):
        syslog_frame("my.app\n<14>")
