"""How records become rows: what is left out, what is added, and how many rows a record gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.page import Record
from airflow_provider_flashpoint.core.flashpoint.rows.flatten import SEPARATOR, Row, flatten
from airflow_provider_flashpoint.core.identity import id_of
from airflow_provider_flashpoint.core.secrets.obfuscate import MASK
from airflow_provider_flashpoint.errors import DataError

_Tree = dict[str, "_Tree"]


def is_within(name: str, outer: str) -> bool:
    """Return whether a flattened name is ``outer`` or lies below it."""
    return name == outer or name.startswith(outer + SEPARATOR)


@dataclass(frozen=True, slots=True)
class TagColumn:
    """A column of the texts that follow a prefix in tags, such as ``malware:``, joined by commas.

    :param tags: the name of the list of tags.
    """

    column: str
    tags: str
    prefix: str

    def value_in(self, row: Row) -> str:
        """Return the value of the column; empty without such a tag."""
        text = row.get(self.tags)
        if not isinstance(text, str) or self.prefix not in text:
            return ""
        try:
            tags = codec.decode(text.encode("utf-8", "surrogatepass"))
        except (ValueError, DataError):  # a hidden value
            return ""
        found = [tag.removeprefix(self.prefix) for tag in tags if isinstance(tag, str) and tag.startswith(self.prefix)]
        return ", ".join(dict.fromkeys(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class RowShape:
    """What the rows of a lookup hold. All names are flattened.

    :param left_out: names that are left out, with all below them.
    :param left_out_if_empty: names that are left out where they hold null or an empty dictionary.
    :param from_tags: columns that are added, unless the record has them.
    :param hashes: names that hold the value and the hashes of a file; each of them becomes the key of a row.
    """

    left_out: tuple[str, ...] = ()
    left_out_if_empty: tuple[str, ...] = ()
    from_tags: tuple[TagColumn, ...] = ()
    hashes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the shape in JSON's own types. Rows of equal shapes may be mixed."""
        from_tags = [each.column for each in self.from_tags]
        return {name: list(value) for name, value in asdict(self).items()} | {"from_tags": from_tags}

    def rows(self, records: Iterable[Record], key: str | None) -> list[Row]:
        """Return the rows of records, which stay as they are.

        :param key: the column of the lookup's key.
        :raises DataError: a record is nested too deeply.
        """
        tree = _tree(self.left_out)
        if not (tree or self.left_out_if_empty or self.from_tags or self.hashes):
            return [flatten(record) for record in records]
        rows = [self._row(_without(record, tree)) for record in records]
        return [each for row in rows for each in self._row_per_hash(row, key)] if key and self.hashes else rows

    def _row(self, record: Mapping[str, Any]) -> Row:
        row = flatten(record)
        for name in self.left_out_if_empty:
            if row.get(name, name) in (None, "{}"):
                del row[name]
        for each in self.from_tags:
            row.setdefault(each.column, each.value_in(row))
        return row

    def _row_per_hash(self, row: Row, key: str) -> Iterator[Row]:
        """Yield the row under each of its hashes, or as it is without any."""
        found = [value for name in self.hashes if id_of(value := row.get(name)) is not None and value != MASK]
        for value in dict.fromkeys(found):
            yield {**row, key: value}
        if not found:
            yield row


def _tree(names: Iterable[str]) -> _Tree:
    tree: _Tree = {}
    for name in names:
        branch = tree
        for part in name.split(SEPARATOR):
            branch = branch.setdefault(part, {})
    return tree


def _without(record: Record, tree: _Tree) -> Record:
    """Return a copy of ``record`` without the leaves of ``tree``, and without dictionaries that this empties."""
    copy = dict(record)
    for key, below in tree.items():
        if not below:
            copy.pop(key, None)
        elif isinstance(inner := copy.get(key), dict) and inner:
            copy[key] = _without(inner, below)
            if not copy[key]:
                del copy[key]
    return copy
