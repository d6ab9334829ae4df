"""Tags, headers and lines."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from devo.sender import Sender
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.devo.connection.header import MAX_TAG_CHARACTERS, check_tag, syslog_header
from airflow_provider_flashpoint.core.devo.events.writer import encode
from airflow_provider_flashpoint.errors import ConfigurationError, DataError

ANY_TEXT = st.text(st.characters(exclude_categories=()))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


def as_utf16(value: Any) -> Any:
    """Return ``value`` with each surrogate pair as one character, as JSON escapes are read."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if isinstance(value, list):
        return [as_utf16(each) for each in value]
    if isinstance(value, dict):
        return {as_utf16(key): as_utf16(each) for key, each in value.items()}
    return value


def test_header_is_the_sdks() -> None:
    """The header of a tag has the bytes of devo-sdk."""
    tag = "threatintel.flashpoint.intelligence.alerts"
    assert syslog_header(tag) == Sender.compose_mem(tag).encode()


def test_header_names_the_host_it_is_given() -> None:
    """A given host replaces the name of this machine."""
    assert syslog_header("my.app.a.b", host="elsewhere") == b"<14>Jan  1 00:00:00 elsewhere my.app.a.b: "
    assert syslog_header("my.app.a.b").split()[3] == socket.gethostname().encode()


@pytest.mark.parametrize("host", ["a b", "a\nb", "a\0\tb", "a\udcffb", "a\u2028b"])
def test_host_cannot_forge_an_event(host: str) -> None:
    """Characters that host names do not have become a dash, so that the tag keeps its position."""
    assert syslog_header("my.app.a.b", host=host) == b"<14>Jan  1 00:00:00 a-b my.app.a.b: "


@pytest.mark.parametrize("tag", ["my.app.a.b", "(usd)my.app.a.b", "a-b_c.D9", "a" * MAX_TAG_CHARACTERS])
def test_tag_is_taken(tag: str) -> None:
    """Letters, digits and the six other characters of tags are valid, up to the greatest length."""
    assert check_tag(tag) == tag


@pytest.mark.parametrize(
    "tag",
    ["", "a b", "a\n<14>x", "a.b\n", "a:b", "ä.b", "a\0b", "a" * (MAX_TAG_CHARACTERS + 1), None],
)
def test_tag_that_could_forge_an_event_is_refused(tag: Any) -> None:
    """An empty tag, or one with another character, raises an error with the allowed characters."""
    with pytest.raises(ConfigurationError, match="letters, digits"):
        syslog_header(tag)


@given(ANY_TEXT | st.from_regex(r"[a-z.() :\n-]{1,12}"))
def test_tag_is_itself_or_refused(tag: str) -> None:
    """A tag is either written unchanged, in one line, or refused."""
    try:
        header = syslog_header(tag, host="web1")
    except ConfigurationError:
        return
    assert header == b"<14>Jan  1 00:00:00 web1 " + tag.encode("ascii") + b": "
    assert not set(tag) & set(" :\n\r\0<>/%")


@given(JSON_VALUES)
def test_record_is_one_line_and_reads_back(record: Any) -> None:
    """The line of any record has one newline, at its end, no carriage return or NUL, and the same JSON."""
    line = encode(record)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert not set(line[:-1]) & {0x0D, 0x00}
    assert as_utf16(json.loads(line)) == as_utf16(record)


def test_too_long_a_line_is_refused() -> None:
    """The longest line allowed counts its newline; one byte more is a DataError."""
    length = len(encode("xyz"))
    assert len(encode("xyz", max_line_bytes=length)) == length
    with pytest.raises(DataError, match=f"{length} bytes"):
        encode("xyz", max_line_bytes=length - 1)
