"""Problems of a configuration, collected and reported in one error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from airflow_provider_flashpoint.errors import ConfigurationError

_SHOWN_CHARACTERS = 60
_USER_IN_URI = re.compile(r"//[^/\s]*@")
_SECRET_NAMES = (
    "api_key", "api_token", "bearer_token", "bearer_token_base64", "credentials", "password", "secret",
    "token",
)  # fmt: skip
_SECRET_WORDS = re.compile(
    "|".join(name.rstrip("s").replace("_", r"[\W_]?") for name in (*_SECRET_NAMES, "bearer", "private_key")),
    re.IGNORECASE,
)


def no_secrets(host: str) -> str:
    """Return the text of a problem: a secret, and the command that creates the connection to ``host`` instead."""
    return (
        "a secret does not belong in this file. Remove it and create a connection instead: "
        f"airflow connections add flashpoint_default --conn-type flashpoint --conn-host {host} "
        "--conn-password '<token>' (or, for a token in base64, "
        """--conn-extra '{"bearer_token_base64": "<token>"}' instead of --conn-password)"""
    )


NO_SECRETS = no_secrets("https://api.flashpoint.io")


class Problems:
    """The problems found so far in one source.

    :param source: the name of the file, for the message.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._lines: dict[str, str] = {}  # in order, and each once: several lookups may inherit one setting

    def add(self, path: str, text: str, *, concerns: str | None = None) -> None:
        """Add a problem of the key at ``path``, its full path.

        :param concerns: the path of the part that must not be used then, by default ``path``.
        """
        self._lines[f"{path}: {text}." if path else f"{text}."] = path if concerns is None else concerns

    def paths(self) -> set[str]:
        """Return the paths of the parts that the problems concern; an empty one stands for the whole source."""
        return set(self._lines.values())

    def error(self) -> ConfigurationError | None:
        """Return the error with one line for each problem, in the order in which they were found; None without any."""
        if not self._lines:
            return None
        count = f"{len(self._lines)} problems" if len(self._lines) > 1 else "1 problem"
        return ConfigurationError("\n  ".join([f"{self._source}: {count} found.", *self._lines]))

    def raise_if_any(self) -> None:
        """Return if there is no problem.

        :raises ConfigurationError: see `error`.
        """
        if error := self.error():
            raise error


def unknown_key(name: str, known: Iterable[str], *, refused_secrets: tuple[str, ...] = _SECRET_NAMES) -> str:
    """Return the text of a problem: a key that is not one of the known, or that is the name of a secret.

    Its value is not shown: it may be a secret under any name.

    :param refused_secrets: names of secrets that do not belong in this source; none for a connection.
    """
    if name.lower() in refused_secrets:
        return NO_SECRETS
    match = close_match(name, [*sorted(known), *refused_secrets])
    if match in refused_secrets:
        return f"unknown key; if it is {match}, {NO_SECRETS}"
    hint = f" (did you mean {match}?)" if match else ""
    return f"unknown key{hint}; allowed are {', '.join(sorted(known))}"


def is_secret_name(name: str) -> bool:
    """Return whether a key is the name of a secret."""
    return name.lower() in _SECRET_NAMES


def names_secret(text: str) -> bool:
    """Return whether a text has the name of a secret anywhere, also in words: ``API key``."""
    return _SECRET_WORDS.search(text) is not None


def child_path(path: str, key: str) -> str:
    """Return the path of ``key`` in the mapping at ``path``."""
    name = key if key.isprintable() else ascii(key)
    return f"{path}.{name}" if path else name


def shown(value: object) -> str:
    """Return a value as a message may show it.

    On one line, cut short, without the content of lists and mappings and without the user part of a URI.
    """
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
    """Return the allowed name that is most like ``name``, or None if none is."""
    from difflib import get_close_matches  # only a wrong file needs it

    by_lower = {candidate.lower(): candidate for candidate in allowed}
    matches = get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[matches[0]] if matches else None
