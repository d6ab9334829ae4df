"""One lookup of a sandbox Devo: columns, key, rows by key, and the jobs that made it."""

from __future__ import annotations

import marshal
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sandbox.devo.lookups.deploy import Column
from sandbox.devo.lookups.jobs import Job


def pack(cells: list[str]) -> bytes:
    """Return the cells of a row as bytes for `unpack`."""
    return marshal.dumps(cells)


def unpack(row: bytes) -> list[str]:
    """Return the cells of a packed row."""
    cells: list[str] = marshal.loads(row)  # ruff: ignore[suspicious-marshal-usage] - packed by this process
    return cells


@dataclass
class Content:
    """The content of a lookup. Each row is packed, which takes a third of the memory of its cells."""

    columns: tuple[Column, ...]
    key: str
    rows: dict[str, bytes] = field(default_factory=dict)


@dataclass(eq=False)
class Lookup:
    """A lookup that exists, existed or failed to be created; ``content`` is None while it does not exist.

    ``jobs`` holds all its jobs, oldest first. Times are in milliseconds.
    """

    name: str
    content: Content | None = None
    jobs: list[Job] = field(default_factory=list)
    created_ms: int = 0
    updated_ms: int = 0

    @property
    def running(self) -> Job | None:
        """The unfinished job, or None."""
        return self.jobs[-1] if self.jobs and not self.jobs[-1].finished else None

    @property
    def exists(self) -> bool:
        return self.content is not None

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order; empty if the lookup does not exist."""
        return [column.name for column in self.content.columns] if self.content else []

    @property
    def types(self) -> list[str]:
        """The data types of the columns."""
        return [column.type for column in self.content.columns] if self.content else []

    @property
    def key(self) -> str | None:
        """The name of the key column."""
        return self.content.key if self.content else None

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.content.rows) if self.content else 0

    def rows(self, offset: int = 0, limit: int | None = None) -> list[list[str]]:
        """Return rows as lists of texts, in the order in which their keys first arrived."""
        stored = self.content.rows if self.content else {}
        end = None if limit is None else offset + limit
        # Copied before they are unpacked, because a job may change the lookup during that time.
        taken = list(islice(stored.values(), offset, end))
        return [unpack(row) for row in taken]

    def row(self, key: str) -> dict[str, str] | None:
        """Return the row with this key as texts by column, or None."""
        stored = self.content.rows.get(key) if self.content else None
        return None if stored is None else dict(zip(self.columns, unpack(stored), strict=True))

    def to_json(self, offset: int = 0, limit: int = 0) -> dict[str, Any]:
        """Return the lookup as the inspection shows it, with ``limit`` of its rows."""
        return {
            "name": self.name,
            "exists": self.exists,
            "columns": self.columns,
            "types": self.types,
            "key": self.key,
            "count": self.count,
            "rows": self.rows(offset, limit),
            "jobs": [job.to_json() for job in self.jobs],
        }
