"""The port of lookups: `Lookups`, which the sync uses and each lookup transport implements."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Protocol

from airflow_provider_flashpoint.errors import ConfigurationError

# Column types: the words of the syslog transport, and those of the Lookups API.
COLUMN_TYPES: Mapping[str, str] = {
    "str": "STRING",
    "int4": "INT4",
    "int8": "INT8",
    "float": "FLOAT8",
    "bool": "BOOL",
    "ip4": "IP4",
}


BeforeSending = Callable[[BaseException | None], None]
"""Called before each part of a deployment and each attempt of it, with the error of the attempt before."""


class Operation(enum.Enum):
    """The change that a deployment makes.

    APPEND adds rows and updates those whose key exists; DELETE removes the rows whose key is given.
    """

    CREATE = "create"
    REPLACE = "replace"
    APPEND = "append"
    DELETE = "delete"


class Lookups(Protocol):
    """The lookups of a Devo domain."""

    def check(self) -> None:
        """Raise the error that would prevent a deployment. Changes nothing."""

    def exists(self, name: str) -> bool | None:
        """Return whether the lookup ``name`` exists; None where the transport cannot know.

        :raises ConfigurationError: the name is invalid.
        """

    def deploy(
        self,
        name: str,
        *,
        columns: Sequence[str],
        key: str,
        csv_file: IO[bytes],
        operation: Operation,
        types: Mapping[str, str] | None = None,
        before_sending: BeforeSending = lambda failure: None,
    ) -> object:
        """Deploy the rows of ``csv_file`` to a lookup, and return once the transport confirms it.

        A deployment may be repeated: each operation gives the same content when it runs twice with the same rows.

        :param columns: the columns of the file, as given to `csv_rows.write_csv`.
        :param csv_file: written by `csv_rows.write_csv`, seekable; it is read from its start and not closed.
        :param types: column types by name, one of `COLUMN_TYPES`; by default ``str``.
        :param before_sending: raises if nothing more must be sent.
        :raises TransientError: Devo did not confirm it in time; it may still succeed.
        :raises ConfigurationError, PermanentError: an argument is invalid, or Devo refused it.
        """


def check_lookup_name(name: str) -> str:
    """Return ``name`` unchanged.

    :raises ConfigurationError: it is not a valid name of a lookup.
    """
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise ConfigurationError(f"The lookup name {name!r} is not allowed: use letters, digits and _ only.")
    return name


def check_types(types: Mapping[str, str]) -> None:
    """Check column types.

    :raises ConfigurationError: a type is unknown; the message lists the known ones.
    """
    for column, kind in types.items():
        if kind not in COLUMN_TYPES:
            raise ConfigurationError(f"The column {column!r} has the type {kind!r}; use {', '.join(COLUMN_TYPES)}.")
