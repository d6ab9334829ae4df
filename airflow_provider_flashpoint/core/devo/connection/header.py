"""The syslog header of an event: the sender, and the tag, which names the Devo table."""

from __future__ import annotations

import re
import socket

from airflow_provider_flashpoint.errors import ConfigurationError

# The limit of Devo's own collectors.
MAX_TAG_CHARACTERS = 1024
# Devo dates an event with this header by its arrival.
ARRIVAL_DATE = "Jan  1 00:00:00"
_PRIORITY = 14  # facility user-level (1 * 8) and severity informational (6)
_TAG = re.compile(r"[A-Za-z0-9_.()\-]+")
_NOT_IN_NAMES = re.compile(r"[^\w.:\-]+")


def check_tag(tag: str) -> str:
    """Return ``tag`` unchanged. A tag with a space or a newline could forge events.

    :raises ConfigurationError: the tag is empty, too long, or has a character that is not allowed.
    """
    if not isinstance(tag, str) or not _TAG.fullmatch(tag) or len(tag) > MAX_TAG_CHARACTERS:
        raise ConfigurationError(
            f"Invalid Devo tag {str(tag)[:80]!r}: "
            f"use letters, digits and _ . ( ) - only, at most {MAX_TAG_CHARACTERS} characters."
        )
    return tag


def sender_name(host: str | None = None) -> str:
    """Return ``host``, or the name of this machine, with ``-`` in place of characters that names do not have."""
    return _NOT_IN_NAMES.sub("-", host or socket.gethostname())


def syslog_header(tag: str, *, host: str | None = None, date: str = ARRIVAL_DATE) -> bytes:
    """Return the header of an event of ``tag``, byte for byte as devo-sdk writes it.

    :param host: the sender, see `sender_name`.
    :raises ConfigurationError: the tag is invalid.
    """
    return f"<{_PRIORITY}>{date} {sender_name(host)} {check_tag(tag)}: ".encode()
