"""The output of a command: lines for people, or one JSON object for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from airflow_provider_flashpoint.core.secrets.foreign_text import clean
from airflow_provider_flashpoint.core.secrets.known import masked
from airflow_provider_flashpoint.errors import ConfigurationError

EXIT_CODES = "0 all is good, 1 a problem was found, 2 the command was used wrongly"


class WrongUsage(ConfigurationError):
    """The arguments of the command must be changed."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, shown with aligned columns.

    :param indent: the start of each line.
    :param has_heading: whether the first row names the columns.
    """

    rows: Sequence[Sequence[str]]
    indent: str = ""
    has_heading: bool = False


Block = str | Table


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a command.

    :param data: the keys of the JSON object besides ``good``, in JSON's own types.
    :param lines: the same for people.
    :param error: why there is no result.
    :param exit_code: see `EXIT_CODES`.
    :param is_document: the lines are those of a file, so they stay as they are on a terminal too.
    """

    data: Mapping[str, Any] = field(default_factory=dict)
    lines: Iterable[Block] = ()
    error: str = ""
    exit_code: int = 0
    is_document: bool = False

    def as_text(self) -> str:
        """Return the report for people, without secrets and control characters."""
        return plain(self._blocks())

    def show(self, stream: TextIO) -> None:
        """Write the report for people, see `show`."""
        if self.is_document:
            stream.write(f"{self.as_text()}\n")
        else:
            show(self._blocks(), stream)

    def _blocks(self) -> Iterable[Block]:
        return [f"error: {self.error}"] if self.error else self.lines

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


def show(blocks: Iterable[Block], stream: TextIO) -> None:
    """Write lines and tables; on a terminal with colours, and wrapped at words. There are no secrets in them."""
    if stream.isatty():
        from airflow_provider_flashpoint.cli.output.screen import print_blocks  # a pipe needs no rich

        print_blocks(blocks, stream)
    else:
        stream.write(f"{plain(blocks)}\n")
    stream.flush()


def plain(blocks: Iterable[Block]) -> str:
    """Return lines and tables as text, without secrets and control characters."""
    parts = (table(each.rows, indent=each.indent) if isinstance(each, Table) else each.split("\n") for each in blocks)
    return "\n".join(clean(line) for lines in parts for line in lines)


def cut(text: str, limit: int) -> str:
    """Return ``text``, cut after ``limit`` characters; a cut text ends with the number of missing characters."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} characters more)"


def table(rows: Iterable[Sequence[str]], *, indent: str = "", is_padded: bool = False) -> list[str]:
    """Return one line for each row, with aligned columns.

    :param is_padded: whether the spaces before an empty last cell stay.
    """
    listed = [list(row) for row in rows]
    if not listed:
        return []
    widths = [max(len(row[at]) for row in listed) for at in range(len(listed[0]) - 1)]
    lines = (
        indent + "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[-1]])
        for row in listed
    )
    return [line if is_padded else line.rstrip() for line in lines]
