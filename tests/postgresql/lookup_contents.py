"""The actual and the expected values of each key of a lookup, independent of its columns."""

from __future__ import annotations

import json

from airflow_provider_flashpoint.core.devo.lookups.csv_rows import EXTRA_COLUMN, cell
from airflow_provider_flashpoint.core.flashpoint.rows.flatten import flatten
from sandbox.sandbox import Sandbox

Contents = dict[str, dict[str, str]]


def held(sandbox: Sandbox, lookup_name: str) -> Contents:
    """Return the values of each key in a lookup of Devo, including those in the column of extra fields."""
    lookup = sandbox.devo.lookups[lookup_name]
    rows = (dict(zip(lookup.columns, row, strict=True)) for row in lookup.rows())
    return {row[str(lookup.key)]: _values(row | json.loads(row.pop(EXTRA_COLUMN) or "{}")) for row in rows}


def served(sandbox: Sandbox, indicator_type: str) -> Contents:
    """Return the values of the newest version of each key in Flashpoint."""
    store = sandbox.flashpoint.store
    key = f"value.{indicator_type}"
    documents = (
        json.loads(store.indicators.body(each))
        for each in store.select_indicators([indicator_type], None, None).walk("asc")
    )
    rows = (flatten(document) for document in documents)
    return {_stored(cell(row[key])): _values(row) for row in rows}


def _values(row: dict[str, object]) -> dict[str, str]:
    texts = {name: _stored(cell(value)) for name, value in row.items()}
    return {name: text for name, text in texts.items() if text}


def _stored(text: str) -> str:
    """Return ``text`` with each lone surrogate, which UTF-8 cannot encode, as an escape sequence."""
    return text.encode("utf-8", "backslashreplace").decode()
