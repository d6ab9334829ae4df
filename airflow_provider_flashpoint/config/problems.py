"""What is wrong with a configuration, gathered so that all of it is reported at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from airflow_provider_flashpoint.errors import ConfigurationError

_SHOWN_CHARACTERS = 60
_USER_IN_URI = re.compile(r"//[^/\s]*@")


class Problems:
    """The problems found so far in one source.

    :param source: the name of the file, for the message.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._lines: dict[str, None] = {}  # in order, and each once: a setting may be read for several lookups

    def add(self, path: str, text: str) -> None:
        """Note what is wrong at ``path``, the full path of a key."""
        self._lines[f"{path}: {text}." if path else f"{text}."] = None

    def raise_if_any(self) -> None:
        """Return where nothing was noted.

        :raises ConfigurationError: with one line for each problem, in the order in which they were found.
        """
        if self._lines:
            count = f"{len(self._lines)} problems" if len(self._lines) > 1 else "1 problem"
            raise ConfigurationError("\n  ".join([f"{self._source}: {count} found.", *self._lines]))


def child_path(path: str, key: str) -> str:
    """Return the path of ``key`` in the mapping at ``path``."""
    name = key if key.isprintable() else ascii(key)
    return f"{path}.{name}" if path else name


def shown(value: object) -> str:
    """Return a value as a message may show it: on one line, cut short, without what lists, mappings and
    the user part of a URI hold."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list" if value else "an empty list"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, str):
        value = _USER_IN_URI.sub("//…@", value)
    text = repr(value) if isinstance(value, (str, int, float)) else f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def close_match(name: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed name that is most like ``name``, or None where none is."""
    from difflib import get_close_matches  # only a wrong file needs it

    by_lower = {candidate.lower(): candidate for candidate in allowed}
    matches = get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[matches[0]] if matches else None
