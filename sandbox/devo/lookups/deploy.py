"""The configuration and the rows of a deploy-csv call. Checks more than the service is known to check."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, BinaryIO, Literal, NamedTuple

from sandbox.errors import InvalidRowsError, InvalidSettingError

Operation = Literal["create", "replace", "append", "delete_rows", "drop"]

_FIELDS = {
    "columns": list,
    "hasHeader": bool,
    "key": dict,
    "skipEmptyLines": bool,
    "visibility": dict,
    "append": bool,
    "keepHistory": bool,
    "columnTimeReference": str,
    "contribution": dict,
}


class Column(NamedTuple):
    """A column of a lookup, with its Devo data type."""

    name: str
    type: str


@dataclass(frozen=True)
class DeployConfig:
    """The deploy-config of a call, checked."""

    columns: tuple[Column, ...]
    key: str
    has_header: bool = False
    skip_empty_lines: bool = False
    append: bool = False
    deletes: bool = False

    @classmethod
    def from_json(cls, value: Any) -> DeployConfig:
        """Return the configuration that a JSON object holds.

        :raises InvalidSettingError: a field is unknown, missing or of the wrong kind, the key is no
            column, or rows are to be deleted without ``append``.
        """
        _check(isinstance(value, dict), "The deploy-config is not an object.")
        for name, content in value.items():
            _check(name in _FIELDS, f"The deploy-config has an unknown field {name!r}.")
            kind = _FIELDS[name]
            _check(isinstance(content, kind), f"The field {name!r} is not a {kind.__name__}.")
        columns = tuple(_column(each) for each in value.get("columns", []))
        names = [column.name for column in columns]
        _check(bool(names), "The deploy-config has no columns.")
        _check(len(set(names)) == len(names), "Two columns have one name.")
        contribution = value.get("contribution", {"type": "add"})
        known = ({"type": "add"}, {"type": "del"})
        _check(contribution in known, "The contribution is not of type add or del.")
        deletes = contribution["type"] == "del"
        append = value.get("append", False)
        _check(append or not deletes, "Rows are deleted with append only.")
        return cls(
            columns=columns,
            key=_key(value.get("key"), names),
            has_header=value.get("hasHeader", False),
            skip_empty_lines=value.get("skipEmptyLines", False),
            append=append,
            deletes=deletes,
        )

    def operation(self, method: str) -> Operation:
        """Return the operation of the call: POST creates, PUT changes."""
        if method == "POST":
            return "create"
        if not self.append:
            return "replace"
        return "delete_rows" if self.deletes else "append"


def check_header(config: DeployConfig, upload: BinaryIO) -> None:
    """Compare the first row of the CSV with the columns, if the configuration announces a header.

    :raises InvalidSettingError: they differ.
    """
    if not config.has_header:
        return
    try:
        header: list[str] = next(_reader(upload), [])
    except csv.Error as error:
        raise InvalidSettingError(f"The header of the CSV cannot be read: {error}.") from error
    expected = [column.name for column in config.columns]
    _check(header == expected, f"The header of the CSV is {header}, the columns are {expected}.")


def read_rows(config: DeployConfig, upload: BinaryIO) -> Iterator[tuple[str, list[str]]]:
    """Yield key and cells of each row, as text.

    :raises InvalidRowsError: a row has a wrong number of cells, a cell does not have the type of its column, a key
        is empty, or the quoting is broken.
    """
    reader = _reader(upload)
    names = [column.name for column in config.columns]
    checks = [(i, column, _TYPES[column.type]) for i, column in enumerate(config.columns)]
    checks = [each for each in checks if each[2] is not _any]
    key_index = names.index(config.key)
    is_int = config.columns[key_index].type.startswith("INT")
    try:
        if config.has_header:
            next(reader, None)
        for row in reader:
            if not row and config.skip_empty_lines:
                continue
            if len(row) != len(names):
                raise InvalidRowsError(f"line {reader.line_num}: {len(row)} cells for {len(names)} columns")
            for index, column, fits in checks:
                if row[index] and not fits(row[index]):
                    raise InvalidRowsError(f"line {reader.line_num}: {column.name!r} holds no {column.type}")
            if not (key := row[key_index]):
                raise InvalidRowsError(f"line {reader.line_num}: the key {config.key!r} is empty")
            yield str(int(key)) if is_int else key, row
    except csv.Error as error:
        raise InvalidRowsError(f"line {reader.line_num}: {error}") from error


def _reader(upload: BinaryIO) -> Any:
    # The limit is global to the process; cells of a megabyte are legal here.
    csv.field_size_limit(sys.maxsize)
    upload.seek(0)
    # The inspection must show bytes that are not UTF-8 as they arrived.
    return csv.reader((line.decode("utf-8", "surrogateescape") for line in upload), strict=True)


def _column(value: Any) -> Column:
    _check(isinstance(value, dict) and set(value) == {"name", "type"}, "A column is not {name, type}.")
    name, kind = value["name"], value["type"]
    _check(isinstance(name, str) and bool(name), "A column has no name.")
    _check(kind in _TYPES, f"The type {kind!r} of the column {name!r} is none of {', '.join(_TYPES)}.")
    return Column(name, kind)


def _key(value: Any, names: list[str]) -> str:
    if value == {"type": "first-column"}:
        return names[0]
    fits = isinstance(value, dict) and set(value) == {"type", "column"} and value["type"] == "column"
    _check(fits, 'The key is neither {"type": "column", "column": ...} nor {"type": "first-column"}.')
    _check(value["column"] in names, f"The key {value['column']!r} is no column.")
    return str(value["column"])


def _check(fits: bool, message: str) -> None:
    if not fits:
        raise InvalidSettingError(message)


def _any(cell: str) -> bool:
    return True


def _int(bits: int) -> Callable[[str], bool]:
    bound = 2 ** (bits - 1)
    return lambda cell: bool(re.fullmatch(r"[+-]?[0-9]{1,20}", cell)) and -bound <= int(cell) < bound


def _float(cell: str) -> bool:
    return bool(re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", cell))


def _bool(cell: str) -> bool:
    return cell.lower() in ("true", "false")


def _ip4(cell: str) -> bool:
    try:
        IPv4Address(cell)
    except ValueError:
        return False
    return True


# INT8 and STRING are the vendor's examples; the others are the usual names of Devo's data types.
_TYPES: dict[str, Callable[[str], bool]] = {
    "STRING": _any,
    "INT4": _int(32),
    "INT8": _int(64),
    "FLOAT4": _float,
    "FLOAT8": _float,
    "BOOL": _bool,
    "IP4": _ip4,
}
