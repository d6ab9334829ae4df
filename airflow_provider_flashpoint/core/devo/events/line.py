"""One event as bytes: what is written in front of a line, and what a line is.

A *line* is one event without its header: JSON, then a newline, and no other newline in it. The header
names the sending host and the *tag*, which is the name of the Devo table the event goes to.
"""

from __future__ import annotations

import re
import socket
from typing import Any

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.errors import ConfigurationError, DataError

# Devo's own collectors check this length; longer tags were never seen.
MAX_TAG_CHARACTERS = 1024
# User-level, informational: 1 * 8 + 6.
_PRIORITY = 14
# Devo takes this date to mean: the time of arrival is the time of the event.
ARRIVAL_DATE = "Jan  1 00:00:00"
_TAG = re.compile(r"[A-Za-z0-9_.()\-]+")
_NO_HOST = re.compile(r"[^\w.:\-]+")
_VISIBLE = str.maketrans({"\n": "\\n", "\r": "\\r", "\0": "\\0"})


def check_tag(tag: str) -> str:
    """Return ``tag``; a tag with a space or a newline in it would forge events.

    :raises ConfigurationError: it is empty, too long, or has a character that tags do not have.
    """
    if not isinstance(tag, str) or not _TAG.fullmatch(tag) or len(tag) > MAX_TAG_CHARACTERS:
        raise ConfigurationError(
            f"The tag {str(tag)[:80]!r} is no Devo tag: "
            f"use letters, digits and _ . ( ) - only, at most {MAX_TAG_CHARACTERS} of them."
        )
    return tag


def sender_name(host: str | None = None) -> str:
    """Return ``host``, or this machine's name; what is in no name, such as a space, becomes ``-``."""
    return _NO_HOST.sub("-", host or socket.gethostname())


def syslog_header(tag: str, *, host: str | None = None, date: str = ARRIVAL_DATE) -> bytes:
    """Return what precedes each line of ``tag`` on a syslog connection; the same bytes as devo-sdk's.

    :param host: the sender's name, see `sender_name`.
    :raises ConfigurationError: the tag is not valid.
    """
    return f"<{_PRIORITY}>{date} {sender_name(host)} {check_tag(tag)}: ".encode()


def encode(record: Any, *, max_line_bytes: int | None = None) -> bytes:
    """Return ``record`` as a line: its JSON and a newline.

    JSON escapes control characters, so no text in a record can end the line early. Lone surrogates leave
    as their ``\\udXXX`` escapes.

    :param max_line_bytes: the longest line allowed, newline included; None for any.
    :raises DataError: the line is longer than that.
    """
    return _limited(codec.encode(record) + b"\n", max_line_bytes)


def encode_text(text: str, *, max_line_bytes: int | None = None) -> bytes:
    r"""Return a text that is not JSON as a line.

    A newline, carriage return or NUL in it becomes the two characters ``\n``, ``\r`` or ``\0``, and a lone
    surrogate its ``\udXXX``; all else stays. A backslash is not doubled, so the way back is not exact.

    :param max_line_bytes: the longest line allowed, newline included; None for any.
    :raises DataError: the line is longer than that.
    """
    return _limited(text.translate(_VISIBLE).encode("utf-8", "backslashreplace") + b"\n", max_line_bytes)


def _limited(line: bytes, max_line_bytes: int | None) -> bytes:
    if max_line_bytes is not None and len(line) > max_line_bytes:
        raise DataError(f"A line has {len(line)} bytes; max_line_bytes allows {max_line_bytes}.")
    return line
