"""Rows of a lookup as CSV. Every value can be read back unchanged.

Every cell is quoted, since Devo's CSV reader is not known: quotes are unambiguous about commas, line breaks, spaces at
the edges and texts like ``007``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache, partial
from operator import itemgetter
from typing import IO, Any

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.rows.flatten import is_container
from airflow_provider_flashpoint.errors import ConfigurationError, DataError

EXTRA_COLUMN = "_extra"  # of the values that have no column, as one JSON object
_ROWS_PER_WRITE = 25  # real ones then fit into the cache of the processor
_BETWEEN_CELLS = b'","'
_SEPARATOR = "\x1f"  # stands between cells until quotes are doubled
_LAYOUTS_KEPT = 500
_EXTRA, _BLANK = -2, -1  # places of the two cells that are added to the values of a row


class OtherColumns(StrEnum):
    """What happens to a value without a column: it goes, as JSON, into ``_extra``, or it is left out."""

    EXTRA = "extra"
    LEAVE_OUT = "leave_out"


@dataclass(frozen=True)
class RowCount:
    """The number of rows, and how often each key had no column."""

    rows: int = 0
    extra_keys: Counter[str] = field(default_factory=Counter)


def lookup_columns(columns: Iterable[str], key: str) -> tuple[str, ...]:
    """Return the columns of a lookup: the key first, the others in their order, ``_extra`` last.

    A blank name is no column, since Devo refuses such a header; its values go to ``_extra``.

    :raises ConfigurationError: the key is empty or ``_extra``.
    """
    if not key or key == EXTRA_COLUMN:
        raise ConfigurationError(f"The lookup key {key!r} cannot be a column; name a key of the data.")
    others = [name for name in dict.fromkeys(columns) if name.strip() and name not in (key, EXTRA_COLUMN)]
    return (key, *others, EXTRA_COLUMN)


class _Layout:
    """Where rows of the same names have the values of the columns, and those that have no column."""

    def __init__(self, columns: Sequence[str], names: Sequence[str]) -> None:
        places = {name: place for place, name in enumerate(names)}
        self.pick = itemgetter(*(places.get(column, _BLANK) for column in columns[:-1]), _EXTRA)
        self.extra = [(name, place) for name, place in places.items() if name not in columns[:-1]]


def write_csv(
    rows: Iterable[tuple[tuple[str, ...], Sequence[Any]]],
    columns: Sequence[str],
    key: str,
    file: IO[bytes],
    *,
    other_columns: OtherColumns = OtherColumns.EXTRA,
) -> RowCount:
    r"""Write a header and ``rows`` to ``file`` as UTF-8, each line ended by ``\n``, and return their count.

    Booleans are written as ``true`` and ``false``, None as an empty text, numbers, lists and dictionaries as JSON. A
    lone surrogate, which UTF-8 cannot hold, becomes its escape of six characters, ``\ud83d``. Values without a column
    are counted, and go to ``_extra``, where a text that is the JSON of a list is the list, or are left out.

    :param rows: the names of each row, and its values in the same order.
    :param columns: the columns of the lookup in any order; see `lookup_columns`.
    :raises ConfigurationError: the key cannot be a column.
    """
    columns = lookup_columns(columns, key)
    layout_of = lru_cache(_LAYOUTS_KEPT)(partial(_Layout, columns))
    extra_keys: Counter[str] = Counter()
    file.write((",".join(_header_cell(name) for name in columns) + "\n").encode("utf-8", "backslashreplace"))
    lines: list[bytes] = []
    written = 0
    for names, values in rows:
        layout = layout_of(names)
        extra = {name: values[place] for name, place in layout.extra}
        if extra:
            extra_keys.update(extra.keys())
            if other_columns is OtherColumns.LEAVE_OUT:
                extra = {}
        # As `cell`, without a call for most values.
        cells = [
            v if (kind := type(v)) is str else str(v) if kind is int else cell(v)
            for v in layout.pick((*values, _extra_cell(extra) if extra else "", ""))
        ]
        lines.append(_line(cells))
        written += 1
        if len(lines) >= _ROWS_PER_WRITE:
            file.write(b"".join(lines))
            lines = []
    file.write(b"".join(lines))
    return RowCount(written, extra_keys)


def cell(value: Any) -> str:
    """Return the text of ``value`` that `write_csv` writes, before quoting."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if type(value) is int:
        return str(value)
    return codec.encode(value).decode()


def _extra_cell(extra: Mapping[str, Any]) -> str:
    """Return values without a column as a JSON object, in which the lists of a flattened row are lists again."""
    try:
        return cell({name: _with_its_type(value) for name, value in extra.items()})
    except DataError:  # a list is nested too deeply
        return cell(extra)


def _with_its_type(value: Any) -> Any:
    return codec.decode(value.encode("utf-8", "surrogatepass")) if is_container(value) else value


def _line(texts: list[str]) -> bytes:
    """Return the cells of a row as one line. They are quoted all at once, unless a cell contains the separator."""
    joined = _SEPARATOR.join(texts).encode("utf-8", "backslashreplace").replace(b'"', b'""')
    line = joined.replace(_SEPARATOR.encode(), _BETWEEN_CELLS)
    if len(line) - len(joined) != (len(texts) - 1) * (len(_BETWEEN_CELLS) - 1):
        cells = [text.encode("utf-8", "backslashreplace").replace(b'"', b'""') for text in texts]
        line = _BETWEEN_CELLS.join(cells)
    return b'"%b"\n' % line


def _header_cell(name: str) -> str:
    # Devo's reader of the header may be simpler than that of the rows: quote only where needed.
    if name.replace(".", "_").replace("-", "_").isidentifier():
        return name
    return '"' + name.replace('"', '""') + '"'
