"""A stage: the flattened rows of one pull, kept for the sync.

::

    <directory>/<day>/<hour of the pull>/<from>_<to>/<pulled at>-<random>/part-00000.jsonl.gz ...    see `stage_part`
                                                                          part-00000.keys ...
                                                                          manifest.json              written last

A stage without a manifest does not exist. Every pull writes a stage of its own, so a reader never sees a mix of two
pulls. It removes older ones of the same window and hour; the others stay until they are old, see `prune`.
Earlier versions kept the windows in ``<directory>`` itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self, TypeVar

from isal.igzip_lib import IsalError

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.flatten import Row
from airflow_provider_flashpoint.core.staging.folders import list_names, remove_tree
from airflow_provider_flashpoint.core.staging.indicators.column_names import ColumnNames
from airflow_provider_flashpoint.core.staging.indicators.newest import Known, RowKey
from airflow_provider_flashpoint.core.staging.indicators.stage_part import NamedValues, OpenPart, Part
from airflow_provider_flashpoint.core.staging.storage import (
    NAME_TIME,
    StoragePath,
    new_name,
    read_whole,
    uri_of,
    write_whole,
)
from airflow_provider_flashpoint.core.window import Window, as_utc, format_instant, parse_instant
from airflow_provider_flashpoint.errors import DataError, StageError

MANIFEST = "manifest.json"
_ROWS_PER_PART = 100_000
_MANIFEST_VERSION = 3  # 2 had no numbered names; 1 had no key and no versions either

# Changed bytes may still be JSON, but of another shape.
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, IsalError)

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class StageSummary:
    """The summary of a stage that the next task gets: small, and safe to show.

    ``records`` counts rows, ``bytes`` the compressed files, ``sha256`` is over the digests of the parts in order,
    ``columns`` are the flattened names, those of most rows first, see `ColumnNames`.
    """

    uri: str
    records: int
    bytes: int
    sha256: str
    window: Window
    pulled_at: datetime
    columns: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the summary in JSON's own types, as it goes into an XCom."""
        window, pulled_at = self.window.to_dict(), format_instant(self.pulled_at)
        return {**asdict(self), "window": window, "pulled_at": pulled_at, "columns": list(self.columns)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> StageSummary:
        """Return the summary that `to_dict` wrote.

        :raises StageError: the value is no such summary.
        """
        try:
            return cls(
                uri=value["uri"],
                records=int(value["records"]),
                bytes=int(value["bytes"]),
                sha256=value["sha256"],
                window=Window(parse_instant(value["window"]["from"]), parse_instant(value["window"]["to"])),
                pulled_at=parse_instant(value["pulled_at"]),
                columns=tuple(value["columns"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StageError(f"Invalid stage summary: {type(error).__name__} at {error}.") from error


def _digest_over(parts: Iterable[Part]) -> str:
    return hashlib.sha256("".join(part.sha256 + part.versions_sha256 for part in parts).encode()).hexdigest()


class StageWriter:
    """Writes one stage, which exists for readers only after `finish`. Use as a context manager: an error removes it.

    :param directory: the directory of the stages of one indicator type.
    :param window: the window that is pulled.
    :param pulled_at: when the pull began; all rows are at least as new.
    :param key: where rows have their key and version; None if the sync must find them itself.
    """

    def __init__(
        self,
        directory: StoragePath,
        *,
        window: Window,
        pulled_at: datetime,
        key: RowKey | None = None,
        rows_per_part: int = _ROWS_PER_PART,
    ) -> None:
        self.window = window
        self.pulled_at = as_utc(pulled_at)
        hour = directory / f"{self.pulled_at:%Y%m%d}" / f"{self.pulled_at:%H}"
        self._siblings = hour / f"{window.start.strftime(NAME_TIME)}_{window.end.strftime(NAME_TIME)}"
        self.directory = self._siblings / new_name(pulled_at)
        self._rows_per_part = rows_per_part
        self._key = key
        self._parts: list[Part] = []
        self._names = ColumnNames()
        self._open: OpenPart | None = None

    def add(self, rows: Sequence[Row]) -> None:
        """Append rows, at best a page at a time."""
        if not rows:
            return
        if self._open is None:
            self._open = OpenPart(self.directory, len(self._parts), self._key)
        self._open.write(rows)
        self._names.add(rows)
        if self._open.records >= self._rows_per_part:
            self._close_part()

    def finish(self) -> StageSummary:
        """Write the manifest, remove older stages of the window, and return the summary."""
        self._close_part()
        summary = StageSummary(
            uri=uri_of(self.directory),
            records=sum(part.records for part in self._parts),
            bytes=sum(part.bytes for part in self._parts),
            sha256=_digest_over(self._parts),
            window=self.window,
            pulled_at=self.pulled_at,
            columns=self._names.most_common(self._key.column if self._key else None),
        )
        manifest = {
            "version": _MANIFEST_VERSION,
            **summary.to_dict(),
            "key": asdict(self._key) if self._key else None,
            "parts": [asdict(part) for part in self._parts],
        }
        write_whole(self.directory / MANIFEST, codec.encode(manifest))
        for name in list_names(self._siblings):
            if name < self.directory.name:
                remove_tree(self._siblings / name)
        return summary

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is not None:
            self.abandon()

    def abandon(self) -> None:
        """Remove everything that was written."""
        if self._open is not None:
            self._open.discard()
        remove_tree(self.directory)

    def _close_part(self) -> None:
        if self._open is not None:
            self._parts.append(self._open.close())
            self._open = None


class Stage:
    """A finished stage.

    :raises StageError: the stage does not exist, or is not the one of the summary.
    """

    def __init__(self, directory: StoragePath, summary: StageSummary) -> None:
        self.directory = directory
        self.rejected_rows = directory / "dead_letters.jsonl"
        """The file for rows without a key."""
        self.summary = summary
        try:
            manifest = codec.decode(read_whole(directory / MANIFEST))
            self._parts = [Part(**part) for part in manifest["parts"]]
            self._key = manifest.get("key")
            found = _digest_over(self._parts)
        except FileNotFoundError as error:
            raise StageError(f"The stage {summary.uri} is gone; its window must be pulled again.") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError, DataError) as error:
            raise StageError(
                f"The manifest of the stage {summary.uri} cannot be read; its window must be pulled again."
            ) from error
        if found != summary.sha256:
            raise StageError(
                f"The stage {summary.uri} is not the one that was pulled; its window must be pulled again."
            )

    def named_values(self) -> Iterator[NamedValues]:
        """Yield the rows in the order they were staged; the digest of each part is checked after its last row.

        :raises StageError: a part is missing, cut or changed.
        """
        return self._read(Part.rows)

    def rows(self) -> Iterator[Row]:
        """Yield the rows of `named_values` as dictionaries."""
        return (dict(zip(names, values, strict=True)) for names, values in self.named_values())

    def versions(self, key: RowKey) -> Iterator[Known | None]:
        """Yield the digest of the key and the version of each row in order, None for a row without a key.

        They are read from the rows if the stage was written for another key, or by a version without `Part.versions`.

        :raises StageError: a part is missing, cut or changed.
        """
        if self._key == {"column": key.column, "version_fields": list(key.version_fields)}:
            return self._read(Part.versions)
        return map(key.entry_of, self.rows())

    def _read(self, read: Callable[[Part, StoragePath], Iterator[Item]]) -> Iterator[Item]:
        for part in self._parts:
            try:
                yield from read(part, self.directory)
            except _UNREADABLE as error:  # type: ignore[misc]  # the stub of isal calls its error an instance
                problem = f"{part.name} of the stage {self.summary.uri} is missing or damaged"
                raise StageError(f"{problem}; its window must be pulled again.") from error
