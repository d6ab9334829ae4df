"""Rows of a lookup as CSV, such that every value can be read back unchanged.

Every cell is quoted. The vendor's CSV reader is not known, and quotes leave no reader a choice about
commas, line breaks, spaces at the edges or texts like ``007``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.errors import ConfigurationError

# Takes, as one JSON object, what a row has beyond the columns of its lookup.
EXTRA_COLUMN = "_extra"
_ROWS_PER_WRITE = 500


@dataclass(frozen=True)
class RowCount:
    """How many rows were written, and how often each key went to ``_extra``."""

    rows: int = 0
    extra_keys: Counter[str] = field(default_factory=Counter)


def lookup_columns(columns: Iterable[str], key: str) -> tuple[str, ...]:
    """Return the columns of a lookup: the key first, the others in their order, ``_extra`` last.

    :raises ConfigurationError: the key has no name, or the name of the last column.
    """
    if not key or key == EXTRA_COLUMN:
        raise ConfigurationError(f"The lookup key {key!r} cannot be a column; name a key of the data.")
    others = [name for name in dict.fromkeys(columns) if name not in (key, EXTRA_COLUMN)]
    return (key, *others, EXTRA_COLUMN)


def write_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], key: str, file: IO[bytes]) -> RowCount:
    r"""Write a header and ``rows`` to ``file`` as UTF-8, each line ended by ``\n``, and return their count.

    Booleans are written as ``true`` and ``false``, None as an empty text, numbers, lists and dictionaries
    as JSON. A lone surrogate, which UTF-8 cannot hold, becomes the six characters of its escape, ``\ud83d``.
    Keys outside of ``columns`` are not dropped: they go to ``_extra`` and are counted.

    :param columns: what the lookup was built with, in any order; see `lookup_columns`.
    :raises ConfigurationError: the key cannot be a column.
    """
    names = lookup_columns(columns, key)
    data_names = names[:-1]
    known = frozenset(data_names)
    extra_keys: Counter[str] = Counter()
    lines = [",".join(_header_cell(name) for name in names)]
    written = 0
    for row in rows:
        get = row.get
        cells = [get(name) for name in data_names]
        if row.keys() <= known:
            cells.append("")
        else:
            extra = {name: value for name, value in row.items() if name not in known}
            extra_keys.update(extra.keys())
            cells.append(codec.encode(extra).decode())
        lines.append(_line(cells))
        written += 1
        if len(lines) >= _ROWS_PER_WRITE:
            _write(lines, file)
            lines = []
    _write(lines, file)
    return RowCount(written, extra_keys)


def cell(value: Any) -> str:
    """Return what `write_csv` writes for ``value``, before quoting."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return codec.encode(value).decode()


def _line(cells: list[Any]) -> str:
    texts = [value if type(value) is str else cell(value) for value in cells]
    if '"' in "".join(texts):
        texts = [text.replace('"', '""') for text in texts]
    return '"' + '","'.join(texts) + '"'


def _header_cell(name: str) -> str:
    # A reader of the header may be simpler than that of the rows.
    if name.replace(".", "_").replace("-", "_").isidentifier():
        return name
    return '"' + name.replace('"', '""') + '"'


def _write(lines: list[str], file: IO[bytes]) -> None:
    if lines:
        file.write(("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
