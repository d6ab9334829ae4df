"""Records flattened into rows: ``{"Event": {"info": 1}}`` becomes ``{"Event.info": 1}``.

Only dictionaries are flattened. A list becomes its JSON text, an empty dictionary ``{}``.

Keys may hold dots, so two paths may have one name: ``{"a.b": 1, "a": {"b": 2}}``. Both values are kept: the paths are
sorted, most levels first and then by their keys; the first keeps the name, the next ones become ``a.b#2``, ``a.b#3``.
The rule depends on the paths alone, not on the order of keys in the record.

A lone surrogate or a NUL in a key becomes its escape, since no UTF-8 and no database can hold it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.raw_json import list_text
from airflow_provider_flashpoint.errors import DataError

SEPARATOR = "."
Row = dict[str, Any]

_MOST_NAMES = 10_000  # below one path; more keys than that are data, not names
_Path = tuple[str, ...]


class _Names(dict[str, str]):
    """The names of columns by the last key of their path, built once. Rows share these texts, which saves memory."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix
        self._below: dict[str, _Names] = {}

    def __missing__(self, key: str) -> str:
        if len(self) >= _MOST_NAMES:
            self.clear()
        name = self[key] = self._prefix + _storable(key)
        return name

    def below(self, key: str) -> _Names:
        names = self._below.get(key)
        if names is None:
            if len(self._below) >= _MOST_NAMES:
                self._below.clear()
            names = self._below[key] = _Names(self._prefix + _storable(key) + SEPARATOR)
        return names


_NAMES = _Names("")


def flatten(record: Mapping[str, Any]) -> Row:
    """Return ``record`` as one level of ``name: scalar or text``, without losing a value.

    :raises DataError: it is nested more deeply than about 1,000 levels.
    """
    row: Row = {}
    try:
        if _add_leaves(record, _NAMES, row) != len(row):
            return _flatten_colliding(record)
    except RecursionError as error:
        raise DataError("A record is nested too deeply to be flattened.") from error
    return row


def is_container(value: object) -> bool:
    """Return whether a value of a row is the text of a list or of an empty dictionary."""
    if value == "{}":
        return True
    if not isinstance(value, str) or not value.startswith("[") or not value.endswith("]"):
        return False
    try:
        return isinstance(codec.decode(value.encode("utf-8", "surrogatepass")), list)
    except ValueError:
        return False
    except DataError:
        return True


def _storable(key: str) -> str:
    r"""Return ``key`` with an escape for each lone surrogate and NUL, which UTF-8 or a database cannot hold."""
    return key.encode("utf-8", "backslashreplace").decode().replace("\0", r"\x00")


def _add_leaves(level: Mapping[str, Any], names: _Names, row: Row) -> int:
    """Add the leaves below ``level`` to ``row``; return their number."""
    leaves = len(level)
    for key, value in level.items():
        kind = type(value)
        if kind is dict:
            if value:
                leaves += _add_leaves(value, names.below(key), row) - 1
                continue
            value = "{}"
        elif kind is list:
            value = list_text(value)
        row[names[key]] = value
    return leaves


def _flatten_colliding(record: Mapping[str, Any]) -> Row:
    paths: dict[str, list[tuple[_Path, Any]]] = {}
    _collect(record, (), paths)
    for leaves in paths.values():
        leaves.sort(key=lambda leaf: (-len(leaf[0]), leaf[0]))
    # All plain names are given first, since a key may itself end in `#2`.
    row: Row = {name: leaves[0][1] for name, leaves in paths.items()}
    for name, leaves in paths.items():
        number = 2
        for _, value in leaves[1:]:
            while (free := f"{name}#{number}") in row:
                number += 1
            row[free] = value
    return row


def _collect(level: Mapping[str, Any], path: _Path, paths: dict[str, list[tuple[_Path, Any]]]) -> None:
    for key, value in level.items():
        here = (*path, key)
        if isinstance(value, dict) and value:
            _collect(value, here, paths)
            continue
        leaf: Row = {}
        _add_leaves({key: value}, _NAMES, leaf)
        ((name, text),) = leaf.items()
        paths.setdefault(SEPARATOR.join((*map(_storable, path), name)), []).append((here, text))
