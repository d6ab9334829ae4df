"""The body of a deploy call of the Lookups API: a form that holds the configuration and a part of a CSV file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.core.devo.lookups.csv_parts import CsvPart
from airflow_provider_flashpoint.core.devo.lookups.csv_rows import lookup_columns
from airflow_provider_flashpoint.core.devo.lookups.ports import COLUMN_TYPES, Operation, check_types
from airflow_provider_flashpoint.core.reporting.progress_log import ProgressLog
from airflow_provider_flashpoint.core.reporting.sentences import size

if TYPE_CHECKING:
    from requests_toolbelt import MultipartEncoder  # type: ignore[import-untyped]

_BLOCK_BYTES = 1 << 18
# The configuration of an operation, beyond the columns and the key.
_CHANGES: dict[Operation, dict[str, Any]] = {
    Operation.APPEND: {"append": True},
    Operation.DELETE: {"append": True, "contribution": {"type": "del"}},
}


def deploy_config(columns: Sequence[str], key: str, types: Mapping[str, str]) -> dict[str, Any]:
    """Return the columns of a lookup with their types, and its key, as the API takes them.

    :raises ConfigurationError: a type is unknown, or the key cannot be a column.
    """
    check_types(types)
    return {
        "columns": [
            {"name": name, "type": COLUMN_TYPES[types.get(name, "str")]} for name in lookup_columns(columns, key)
        ],
        "hasHeader": True,
        "key": {"type": "column", "column": key},
    }


def deploy_form(
    name: str, config: Mapping[str, Any], part: CsvPart, operation: Operation
) -> tuple[Any, Mapping[str, str]]:
    """Return a body that streams ``part``, and its headers."""
    from requests_toolbelt import MultipartEncoder

    encoder = MultipartEncoder({
        "deploy-config": (None, json.dumps({**config, **_CHANGES.get(operation, {})}), "application/json"),
        "csv": (f"{name}.csv", part.open(), "text/csv"),
    })
    return _Blocks(encoder, ProgressLog(f"Lookup {name}: {{}} sent so far", shown=size)), {
        "Content-Type": encoder.content_type
    }


class _Blocks:
    """A body that is sent in larger blocks than http.client's own 16 KiB, each of which costs time."""

    def __init__(self, body: MultipartEncoder, progress: ProgressLog) -> None:
        self._body = body
        self._progress = progress

    def __len__(self) -> int:
        return int(self._body.len)

    def __iter__(self) -> Iterator[bytes]:
        sent, total = 0, len(self)
        while block := self._body.read(_BLOCK_BYTES):
            yield block
            sent += len(block)
            self._progress.look(sent, sent / total)
