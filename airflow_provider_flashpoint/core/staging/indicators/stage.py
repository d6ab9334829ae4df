"""A stage: the flattened rows of one pull, kept for the sync.

::

    <directory>/<day>/<hour of the pull>/<from>_<to>/<pulled at>-<random>/part-00000.jsonl.gz ...    see `stage_part`
                                                                          part-00000.keys ...
                                                                          manifest.json              written last

A stage without a manifest does not exist. Every pull writes a stage of its own, or goes on with the one of an earlier
attempt, see `sections`; then the names of its files have a suffix. A pull that ends well removes older stages of the
same window and hour; the others stay until they are old, see `prune`.
Earlier versions kept the windows in ``<directory>`` itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TypeVar

from isal.igzip_lib import IsalError

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.rows.flatten import Row
from airflow_provider_flashpoint.core.staging.indicators.newest import Known, RowKey
from airflow_provider_flashpoint.core.staging.indicators.stage_part import NamedValues, Part
from airflow_provider_flashpoint.core.staging.storage import StoragePath, read_whole
from airflow_provider_flashpoint.core.window import Window, format_instant, parse_instant
from airflow_provider_flashpoint.errors import DataError, StageError

MANIFEST = "manifest.json"

# Changed bytes may still be JSON, but of another shape.
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, IsalError)

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class StageSummary:
    """The summary of a stage that the next task gets: small, and safe to show.

    ``records`` counts rows, ``bytes`` the compressed files, ``sha256`` is over the digests of the parts in order,
    ``columns`` are the flattened names, those of most rows first, see `ColumnNames`. ``manifest`` is the name of that
    file.
    """

    uri: str
    records: int
    bytes: int
    sha256: str
    window: Window
    pulled_at: datetime
    columns: tuple[str, ...]
    manifest: str = MANIFEST

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
                manifest=value.get("manifest", MANIFEST),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StageError(
                f"Invalid stage summary: {type(error).__name__} at {error}. Give what PullIndicatorsOperator returned."
            ) from error


def digest_over(parts: Iterable[Part]) -> str:
    """Return the digest over the digests of the parts."""
    return hashlib.sha256("".join(part.sha256 + part.versions_sha256 for part in parts).encode()).hexdigest()


class Stage:
    """A finished stage.

    :param manifest: the content of its manifest, None to read it.
    :raises StageError: the stage does not exist, or is not the one of the summary.
    """

    def __init__(self, directory: StoragePath, summary: StageSummary, *, manifest: bytes | None = None) -> None:
        self.directory = directory
        self.rejected_rows = directory / "dead_letters.jsonl"
        """The file for rows without a key."""
        self.summary = summary
        try:
            found = codec.decode(manifest or read_whole(directory / summary.manifest))
            self._parts = [Part(**part) for part in found["parts"]]
            self._key = found.get("key")
            digest = digest_over(self._parts)
        except FileNotFoundError as error:
            raise StageError(f"The stage {summary.uri} is gone; its window must be pulled again.") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError, DataError) as error:
            raise StageError(
                f"The manifest of the stage {summary.uri} cannot be read; its window must be pulled again."
            ) from error
        if digest != summary.sha256:
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
