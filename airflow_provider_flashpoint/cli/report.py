"""The output of a command: lines for people, or one JSON object for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_flashpoint.core.foreign_text import clean
from airflow_provider_flashpoint.core.known_secrets import masked
from airflow_provider_flashpoint.errors import ConfigurationError

EXIT_CODES = "0 all is good, 1 a problem was found, 2 the command was used wrongly"


class WrongUsage(ConfigurationError):
    """The arguments of the command must be changed."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a command.

    :param data: the keys of the JSON object besides ``good``, in JSON's own types.
    :param lines: the same for people.
    :param error: why there is no result.
    :param exit_code: see `EXIT_CODES`.
    """

    data: Mapping[str, Any] = field(default_factory=dict)
    lines: Iterable[str] = ()
    error: str = ""
    exit_code: int = 0

    def as_text(self) -> str:
        """Return the report for people, without secrets and control characters."""
        text = f"error: {self.error}" if self.error else "\n".join(self.lines)
        return "\n".join(map(clean, text.split("\n")))

    def as_json(self) -> str:
        """Return the report as a JSON object, in ASCII and without secrets."""
        result = {"good": self.exit_code == 0, **({"error": self.error} if self.error else {}), **self.data}
        return json.dumps(_without_secrets(result), indent=2)


def _without_secrets(value: Any) -> Any:
    """Return a value of JSON with masked texts. Numbers and flags stay, so that it is JSON whatever a secret is."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {_without_secrets(key): _without_secrets(inner) for key, inner in value.items()}
    return [_without_secrets(inner) for inner in value] if isinstance(value, list | tuple) else value


def cut(text: str, limit: int) -> str:
    """Return ``text``, cut after ``limit`` characters; a cut text ends with the number of missing characters."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} characters more)"


def table(rows: Iterable[Sequence[str]], *, indent: str = "") -> list[str]:
    """Return one line for each row, with aligned columns."""
    listed = [list(row) for row in rows]
    if not listed:
        return []
    widths = [max(len(row[at]) for row in listed) for at in range(len(listed[0]) - 1)]
    return [
        indent + "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in listed
    ]
