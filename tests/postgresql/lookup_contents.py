"""The actual and the expected values of each key of a lookup, independent of its columns."""

from __future__ import annotations

import json

from airflow_provider_flashpoint.core.devo.lookups.csv_rows import EXTRA_COLUMN, cell
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of
from sandbox.generations import LEGACY
from sandbox.sandbox import Sandbox

Contents = dict[str, dict[str, str]]


def held(sandbox: Sandbox, lookup_name: str) -> Contents:
    """Return the values of each key in a lookup of Devo, including those in the column of extra fields."""
    lookup = sandbox.devo.lookups[lookup_name]
    rows = (dict(zip(lookup.columns, row, strict=True)) for row in lookup.rows())
    return {row[str(lookup.key)]: _values(row | json.loads(row.pop(EXTRA_COLUMN) or "{}")) for row in rows}


def served(sandbox: Sandbox, indicator_type: str) -> Contents:
    """Return the values of the newest version of each key in Flashpoint, without those that lookups leave out."""
    endpoint = endpoint_of(Api.LEGACY, DataSet.INDICATORS)
    shape = endpoint.columns.shape(key=LEGACY.lookup_key(indicator_type))
    newest = LEGACY.newest(sandbox.flashpoint.store, indicator_type)
    return {_stored(cell(value)): _values(shape.rows([document], None)[0]) for value, document in newest.items()}


def _values(row: dict[str, object]) -> dict[str, str]:
    texts = {name: _stored(cell(value)) for name, value in row.items()}
    return {name: text for name, text in texts.items() if text}


def _stored(text: str) -> str:
    """Return ``text`` with each lone surrogate, which UTF-8 cannot encode, as an escape sequence."""
    return text.encode("utf-8", "backslashreplace").decode()
