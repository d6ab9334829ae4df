"""What a transport of lookups must do, so that `core.sync` can bring rows over it without knowing which one it has."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from typing import IO, Protocol

from airflow_provider_flashpoint.errors import ConfigurationError

# The types of columns: their words on the syslog transport, and those of the Lookups API.
COLUMN_TYPES: Mapping[str, str] = {
    "str": "STRING",
    "int4": "INT4",
    "int8": "INT8",
    "float": "FLOAT8",
    "bool": "BOOL",
    "ip4": "IP4",
}


class Operation(enum.Enum):
    """What a deployment does to a lookup.

    APPEND adds rows, and changes those whose key is there; DELETE removes the rows whose key is among those given.
    """

    CREATE = "create"
    REPLACE = "replace"
    APPEND = "append"
    DELETE = "delete"


class Lookups(Protocol):
    """The lookups of a Devo domain; each transport has its own."""

    def check(self) -> None:
        """Raise what stands against using the transport; changes nothing."""

    def exists(self, name: str) -> bool | None:
        """Return whether there is a lookup ``name``, or None where the transport cannot tell."""

    def deploy(
        self,
        name: str,
        *,
        columns: Sequence[str],
        key: str,
        csv_file: IO[bytes],
        operation: Operation,
        types: Mapping[str, str] | None = None,
    ) -> object:
        """Bring the rows of ``csv_file`` into a lookup, and return once the transport has proof of it.

        It is safe to repeat: each operation gives the same content when it is done twice with the same rows.

        :param columns: the columns of the file, as `csv_rows.write_csv` was given them.
        :param csv_file: what `csv_rows.write_csv` wrote, seekable; it is read from its start and not closed.
        :param types: the type of a column, one of `COLUMN_TYPES`; ``str`` where none is named.
        """


def check_lookup_name(name: str) -> str:
    """Return ``name``.

    :raises ConfigurationError: it is none that a lookup can have.
    """
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise ConfigurationError(f"The lookup name {name!r} is not allowed: use letters, digits and _ only.")
    return name


def check_types(types: Mapping[str, str]) -> None:
    """Raise where a type is none that columns can have.

    :raises ConfigurationError: the message lists those that there are.
    """
    for column, kind in types.items():
        if kind not in COLUMN_TYPES:
            raise ConfigurationError(f"The column {column!r} has the type {kind!r}; use {', '.join(COLUMN_TYPES)}.")
