"""A record's nested dictionaries, laid flat: ``{"Event": {"info": 1}}`` becomes ``{"Event.info": 1}``.

Only dictionaries are opened. A list stays together as its JSON text, an empty dictionary as ``{}``.

Two paths may meet in one name, since keys may hold dots: ``{"a.b": 1, "a": {"b": 2}}``. Both values are kept: the
paths are put in order, most levels first and then by their keys; the first keeps the name, the next ones are called
``a.b#2``, ``a.b#3``. The rule looks at the paths alone, so the order of keys in the record does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_flashpoint.core.codec import encode
from airflow_provider_flashpoint.errors import DataError

SEPARATOR = "."
Row = dict[str, Any]


def flatten(record: Mapping[str, Any]) -> Row:
    """Return ``record`` as one level of ``name: scalar or text``, losing no value.

    :raises DataError: it is nested more deeply than can be laid flat, about 1,000 levels.
    """
    row: Row = {}
    try:
        if _lay(record, "", row) != len(row):
            return _flatten_colliding(record)
    except RecursionError as error:
        raise DataError("A record is nested more deeply than can be laid flat.") from error
    return row


def _lay(level: Mapping[str, Any], prefix: str, row: Row) -> int:
    """Put the leaves below ``level`` into ``row``; return how many there were."""
    leaves = 0
    for key, value in level.items():
        kind = type(value)
        if kind is dict:
            if value:
                leaves += _lay(value, f"{prefix}{key}{SEPARATOR}", row)
                continue
            value = "{}"
        elif kind is list:
            value = encode(value).decode()
        row[prefix + key] = value
        leaves += 1
    return leaves


def _flatten_colliding(record: Mapping[str, Any]) -> Row:
    paths: dict[str, list[tuple[tuple[str, ...], Any]]] = {}
    _collect(record, (), paths)
    for leaves in paths.values():
        leaves.sort(key=lambda leaf: (-len(leaf[0]), leaf[0]))
    # Every name is taken before any number is given, since a key may itself end in `#2`.
    row: Row = {name: leaves[0][1] for name, leaves in paths.items()}
    for name, leaves in paths.items():
        number = 2
        for _, value in leaves[1:]:
            while (free := f"{name}#{number}") in row:
                number += 1
            row[free] = value
    return row


def _collect(
    level: Mapping[str, Any], path: tuple[str, ...], paths: dict[str, list[tuple[tuple[str, ...], Any]]]
) -> None:
    for key, value in level.items():
        here = (*path, key)
        if isinstance(value, dict) and value:
            _collect(value, here, paths)
            continue
        leaf: Row = {}
        _lay({"": value}, "", leaf)
        paths.setdefault(SEPARATOR.join(here), []).append((here, leaf[""]))
