"""Lookups from syslog lines of a sandbox Devo: START, rows and END of the tables ``my.lookup``.

Devo's handling of inconsistent lines is not public. Here an upload has an effect only if its START, rows and END came
on one connection, and one row that does not fit the columns fails the whole upload.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sandbox.devo.lookups.deploy import Column, DeployConfig, read_rows
from sandbox.devo.lookups.store import Changes, DevoLookups
from sandbox.errors import InvalidRowsError

_CONTROL = re.compile(r"my\.lookup\.control\.([A-Za-z0-9_]+)\.(FULL|INC)")
_DATA = re.compile(r"my\.lookup\.data\.([A-Za-z0-9_]+)(\.DELETE)?")
_TYPES = {
    "str": "STRING",
    "int": "INT8",
    "int4": "INT4",
    "int8": "INT8",
    "float": "FLOAT8",
    "bool": "BOOL",
    "ip4": "IP4",
}


@dataclass
class _Upload:
    """The lines since a START. Each of ``lines`` is a flag (the row is to be deleted) and the row."""

    header: bytes
    lines: list[tuple[bool, bytes]] = field(default_factory=list)


class LookupLines:
    """Builds lookups from the lines of uploads. ``ignored`` counts the lines that belong to no upload."""

    def __init__(self, lookups: DevoLookups) -> None:
        self.ignored = 0
        self._lookups = lookups
        self._uploads: dict[tuple[int, str, bytes], _Upload] = {}

    def take(self, connection: int, tag: str, message: bytes) -> None:
        """Take the next line of a connection for the tables ``my.lookup``."""
        upload_id, _, rest = message.partition(b"|")
        if data := _DATA.fullmatch(tag):
            upload = self._uploads.get((connection, data[1], upload_id))
            if upload is None:
                self.ignored += 1
            else:
                upload.lines.append((data[2] is not None, rest))
            return
        control = _CONTROL.fullmatch(tag)
        event, _, header = rest.partition(b"|")
        if control is None or event not in (b"START", b"END"):
            self.ignored += 1
            return
        name, action = control.groups()
        if event == b"START":
            self._uploads[connection, name, upload_id] = _Upload(header)
            return
        upload = self._uploads.pop((connection, name, upload_id), None)
        if upload is None or upload.header != header:
            self.ignored += 1
            return
        self._lookups.load(name, full=action == "FULL", read=lambda: _read(upload))


def _read(upload: _Upload) -> tuple[DeployConfig, Changes]:
    config = _config(upload.header)
    runs = groupby(upload.lines, key=lambda line: line[0])
    return config, [
        change for deletes, run in runs for change in _changes(config, [row for _, row in run], deletes=deletes)
    ]


def _config(header: bytes) -> DeployConfig:
    """Return the columns in the header of an upload.

    :raises InvalidRowsError: it is not ``[{"name": {"type": "str", "key": true}}, {"name": {"type": "str"}}, ...]``.
    """
    try:
        fields: list[Any] = json.loads(header)
        columns = [(name, kind) for each in fields for name, kind in each.items()]
        made = tuple(Column(name, _TYPES[kind["type"]]) for name, kind in columns)
        keys = [kind.get("key") is True for _, kind in columns]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidRowsError(f"the header is not one of columns: {type(error).__name__}") from error
    if not columns or keys != [True] + [False] * (len(keys) - 1) or len({name for name, _ in columns}) != len(columns):
        raise InvalidRowsError("the first column is not the only key, or two have one name")
    return DeployConfig(made, made[0].name)


def _changes(config: DeployConfig, lines: list[bytes], *, deletes: bool) -> Changes:
    if deletes:
        texts = (line.decode("utf-8", "surrogateescape") for line in lines)
        try:
            return [(row[0], None) for row in csv.reader(texts, strict=True)]
        except (csv.Error, IndexError) as error:
            raise InvalidRowsError(f"a row to delete cannot be read: {error}") from error
    return list(read_rows(config, io.BytesIO(b"\n".join(lines))))
