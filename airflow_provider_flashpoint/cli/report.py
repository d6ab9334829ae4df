"""What a command found, for people as lines and for programs as one JSON object."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from airflow_provider_flashpoint.errors import ConfigurationError, FlashpointProviderError

EXIT_CODES = "0 all is good, 1 a problem was found, 2 the command was used wrongly"
_USER_IN_URI = re.compile(r"//[^/\s]*@")
_LONGEST_REASON_CHARACTERS = 500


class WrongUsage(ConfigurationError):
    """The command cannot do what it was asked to; the arguments must be changed."""


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a command.

    :param data: what the JSON object holds besides ``good``; in JSON's own types.
    :param lines: the same for people.
    :param error: why there is no outcome.
    """

    data: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    good: bool = True
    error: str = ""
    exit_code: int = 0

    @classmethod
    def of(cls, data: Mapping[str, Any], lines: Iterable[str], *, good: bool = True) -> Self:
        """Return the report of a command that did its work; where what it found is not good, the exit code is 1."""
        return cls(data, tuple(lines), good=good, exit_code=0 if good else 1)

    @classmethod
    def failure(cls, error: str, *, exit_code: int = 1) -> Self:
        """Return the report of a command that could not do its work."""
        return cls(good=False, error=error, exit_code=exit_code)

    def as_text(self) -> str:
        """Return the report for people; nothing in it can steer a terminal."""
        text = f"error: {self.error}" if self.error else "\n".join(self.lines)
        return "\n".join(visible(line) for line in text.split("\n"))

    def as_json(self) -> str:
        """Return the report as a JSON object, in ASCII."""
        shown = {"good": self.good, **({"error": self.error} if self.error else {}), **self.data}
        return json.dumps(shown, indent=2)


def visible(text: str) -> str:
    """Return ``text`` with every character that does not print as its escape."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def cut(text: str, most: int) -> str:
    """Return ``text``, or as much of it as is allowed and how much more there is."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most} characters more)"


def table(rows: Iterable[Sequence[str]], *, indent: str = "") -> list[str]:
    """Return rows of texts as lines, in columns that begin at the same place."""
    listed = [list(row) for row in rows]
    if not listed:
        return []
    widths = [max(len(row[at]) for row in listed) for at in range(len(listed[0]) - 1)]
    return [
        indent + "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in listed
    ]


def reason_of(error: BaseException) -> str:
    """Return why something failed, without secrets: the provider's own words, else the first line of any others."""
    if isinstance(error, FlashpointProviderError):
        return str(error)
    first_line = next(iter(str(error).splitlines()), "").strip()
    text = _USER_IN_URI.sub("//…@", f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__)
    return cut(_masked(text), _LONGEST_REASON_CHARACTERS)


def _masked(text: str) -> str:
    """Return ``text`` without the secrets that Airflow knows of; it knows none where it was not started."""
    if "airflow" not in sys.modules:
        return text
    from airflow.providers.common.compat.sdk import redact

    return str(redact(text))
