"""Rows of a test as the CSV file of a deployment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

from airflow_provider_flashpoint.core.devo.lookups import csv_rows


def write_csv(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], key: str, file: IO[bytes]
) -> csv_rows.RowCount:
    """Write dictionaries with `csv_rows.write_csv`, whose rows are names and values."""
    return csv_rows.write_csv(((tuple(row), [*row.values()]) for row in rows), columns, key, file)
