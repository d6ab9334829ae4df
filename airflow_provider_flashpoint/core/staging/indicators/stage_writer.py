"""Writes a stage, at once or in sections. See `stage` for its files."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Self

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.rows.flatten import Row
from airflow_provider_flashpoint.core.staging.folders import list_names, remove_tree
from airflow_provider_flashpoint.core.staging.indicators.column_names import MOST_NAMES, ColumnNames
from airflow_provider_flashpoint.core.staging.indicators.newest import RowKey
from airflow_provider_flashpoint.core.staging.indicators.sections import KeptPull, Section
from airflow_provider_flashpoint.core.staging.indicators.stage import StageSummary, digest_over
from airflow_provider_flashpoint.core.staging.indicators.stage_part import OpenPart
from airflow_provider_flashpoint.core.staging.storage import NAME_TIME, StoragePath, new_name, uri_of, write_whole
from airflow_provider_flashpoint.core.window import Window, as_utc

_ROWS_PER_PART = 100_000
_MANIFEST_VERSION = 3  # 2 had no numbered names; 1 had no key and no versions either


class StageWriter:
    """Writes one stage, which exists for readers only after `finish`. Use as a context manager.

    An error removes the stage, unless it has sections: another attempt may go on with them.

    :param directory: the directory of the stages of one indicator type.
    :param window: the window that is pulled.
    :param pulled_at: when the pull began; all rows are at least as new, if no section is older.
    :param key: where rows have their key and version; None if the sync must find them itself.
    :param kept: the sections of an earlier attempt, with which the stage begins.
    """

    def __init__(
        self,
        directory: StoragePath,
        *,
        window: Window,
        pulled_at: datetime,
        key: RowKey | None = None,
        rows_per_part: int = _ROWS_PER_PART,
        kept: KeptPull | None = None,
    ) -> None:
        self.window = window
        self.pulled_at = as_utc(pulled_at)
        hour = f"{self.pulled_at:%Y%m%d}/{self.pulled_at:%H}"
        span = f"{window.start.strftime(NAME_TIME)}_{window.end.strftime(NAME_TIME)}"
        self.place = kept.stage if kept else f"{hour}/{span}/{new_name(pulled_at)}"
        """The directory of the stage, relative to that of all stages."""
        self.directory = directory / self.place
        self.sections = list(kept.sections) if kept else []
        self.sealed = kept.records if kept else 0
        """The number of rows in sections."""
        self.unsealed = 0
        """The number of other rows."""
        # The attempt before may still write, or may have finished its own stage of these parts.
        self._suffix = f"-{secrets.token_hex(4)}" if kept else ""
        self._manifest_name = f"manifest{self._suffix}.json"
        self.manifest = b""
        self._rows_per_part = rows_per_part
        self._key = key
        self._parts = [part for section in self.sections for part in section.parts]
        self._parts_sealed = len(self._parts)
        self._names, self._names_of_section = ColumnNames(), ColumnNames()
        for section in self.sections:
            self._names.add_counts(section.names)
        self._open: OpenPart | None = None

    def add(self, rows: Sequence[Row]) -> None:
        """Append rows, at best a page at a time."""
        if not rows:
            return
        if self._open is None:
            self._open = OpenPart(self.directory, f"part-{len(self._parts):05d}{self._suffix}", self._key)
        self._open.write(rows)
        self._names_of_section.add(rows)
        self.unsealed += len(rows)
        if self._open.records >= self._rows_per_part:
            self._close_part()

    def seal(self, end: datetime) -> None:
        """End a section: all records of the window before ``end`` were added."""
        self._close_part()
        parts, names = tuple(self._parts[self._parts_sealed :]), self._count_names()
        self.sections.append(Section(end=end, pulled_at=self.pulled_at, parts=parts, names=names))
        self._parts_sealed = len(self._parts)
        self.sealed, self.unsealed = self.sealed + self.unsealed, 0

    def finish(self) -> StageSummary:
        """Write the manifest, remove older stages of the window, and return the summary."""
        self._close_part()
        self._count_names()
        summary = StageSummary(
            uri=uri_of(self.directory),
            records=self.sealed + self.unsealed,
            bytes=sum(part.bytes for part in self._parts),
            sha256=digest_over(self._parts),
            window=self.window,
            pulled_at=min([self.pulled_at, *(section.pulled_at for section in self.sections)]),
            columns=self._names.most_common(self._key.column if self._key else None),
            manifest=self._manifest_name,
        )
        manifest = {
            "version": _MANIFEST_VERSION,
            **summary.to_dict(),
            "key": asdict(self._key) if self._key else None,
            "parts": [asdict(part) for part in self._parts],
        }
        self.manifest = codec.encode(manifest)
        write_whole(self.directory / self._manifest_name, self.manifest)
        siblings = self.directory.parent
        for name in list_names(siblings):
            if name < self.directory.name:
                remove_tree(siblings / name)
        return summary

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is not None:
            self.abandon()

    def abandon(self) -> None:
        """Remove everything that was written, unless there are sections."""
        if self._open is not None:
            self._open.discard()
        if not self.sections:
            remove_tree(self.directory)

    def _count_names(self) -> dict[str, int]:
        """Count the names of the section with those of the stage, and return those that a section keeps."""
        names, self._names_of_section = self._names_of_section, ColumnNames()
        self._names.add_counts(names.counts())
        return names.counts(MOST_NAMES)

    def _close_part(self) -> None:
        if self._open is not None:
            self._parts.append(self._open.close())
            self._open = None
