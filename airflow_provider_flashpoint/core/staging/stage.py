"""A stage: the flattened rows of one pull, kept between the pull and the sync.

::

    <directory>/<from>_<to>/<pulled at>-<random>/part-00000.jsonl.gz ...
                                                 manifest.json          written last

A stage without a manifest does not exist. Every pull writes a stage of its own and then removes older ones of the
same window, so that no reader ever sees two pulls mixed.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import IO, Any, Self

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.flatten import Row
from airflow_provider_flashpoint.core.staging.newest import Known, RowKey
from airflow_provider_flashpoint.core.staging.storage import (
    StoragePath,
    list_names,
    read_whole,
    remove_tree,
    uri_of,
    write_whole,
)
from airflow_provider_flashpoint.core.window import Window, as_utc, format_instant, parse_instant
from airflow_provider_flashpoint.errors import StageError

MANIFEST = "manifest.json"
_ROWS_PER_PART = 100_000
_READ_BYTES = 1 << 20
_QUICK_COMPRESSION = 1  # a stage lives for days and is read once or twice: time matters more than size
_GZIP = 31
_NAME_TIME = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True)
class StageSummary:
    """The summary of a stage that the next task gets: small, and safe to show.

    ``records`` counts rows, ``bytes`` the compressed files, ``sha256`` is over the digests of the parts in order,
    ``columns`` are the flattened names seen, sorted.
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
        return {
            "uri": self.uri,
            "records": self.records,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "window": self.window.to_dict(),
            "pulled_at": format_instant(self.pulled_at),
            "columns": list(self.columns),
        }

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


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    records: int
    bytes: int
    sha256: str


def _digest_over(parts: Iterable[_Part]) -> str:
    return hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest()


class StageWriter:
    """Writes one stage; nothing of it exists for readers before `finish`.

    :param directory: where the stages of one kind of rows lie.
    :param window: the window that was pulled.
    :param pulled_at: when the pull began, so that all that is staged is at least as new.
    """

    def __init__(
        self, directory: StoragePath, *, window: Window, pulled_at: datetime, rows_per_part: int = _ROWS_PER_PART
    ) -> None:
        self.window = window
        self.pulled_at = as_utc(pulled_at)
        self._siblings = directory / f"{window.start.strftime(_NAME_TIME)}_{window.end.strftime(_NAME_TIME)}"
        self.directory = self._siblings / f"{self.pulled_at.strftime(_NAME_TIME)}-{secrets.token_hex(4)}"
        self._rows_per_part = rows_per_part
        self._parts: list[_Part] = []
        self._columns: set[str] = set()
        self._open: _OpenPart | None = None

    def add(self, rows: Sequence[Row]) -> None:
        """Append rows, at best a page at a time."""
        if not rows:
            return
        if self._open is None:
            self._open = _OpenPart(self.directory, len(self._parts))
        self._open.write(codec.encode_lines(rows), len(rows))
        for row in rows:
            if not self._columns.issuperset(row):
                self._columns.update(row)
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
            columns=tuple(sorted(self._columns)),
        )
        manifest = {"version": 1, **summary.to_dict(), "parts": [asdict(part) for part in self._parts]}
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


class _OpenPart:
    def __init__(self, directory: StoragePath, number: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.name = f"part-{number:05d}.jsonl.gz"
        self.records = 0
        self._bytes = 0
        self._file: IO[bytes] = (directory / self.name).open("wb")
        self._compress = zlib.compressobj(_QUICK_COMPRESSION, zlib.DEFLATED, _GZIP)
        self._sha256 = hashlib.sha256()

    def write(self, lines: bytes, records: int) -> None:
        self._put(self._compress.compress(lines))
        self.records += records

    def close(self) -> _Part:
        self._put(self._compress.flush())
        self._file.close()
        return _Part(self.name, self.records, self._bytes, self._sha256.hexdigest())

    def discard(self) -> None:
        self._file.close()

    def _put(self, compressed: bytes) -> None:
        self._file.write(compressed)
        self._sha256.update(compressed)
        self._bytes += len(compressed)


class Stage:
    """A finished stage, to be read as often as needed.

    :raises StageError: there is no such stage, or it is not the one of the summary.
    """

    def __init__(self, directory: StoragePath, summary: StageSummary) -> None:
        self.directory = directory
        self.summary = summary
        try:
            manifest = codec.decode(read_whole(directory / MANIFEST))
            self._parts = [_Part(**part) for part in manifest["parts"]]
            found = _digest_over(self._parts)
        except FileNotFoundError as error:
            raise StageError(f"The stage {summary.uri} is gone; its window must be pulled again.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise StageError(f"The manifest of the stage {summary.uri} cannot be read.") from error
        if found != summary.sha256:
            raise StageError(f"The stage {summary.uri} is not the one that was pulled.")

    def rows(self) -> Iterator[Row]:
        """Yield the rows in the order they were staged; the digest of each part is proved after its last row.

        :raises StageError: a part is missing, cut or changed.
        """
        for part in self._parts:
            try:
                with (self.directory / part.name).open("rb") as file:
                    yield from _read_part(file, part)
            except (OSError, EOFError, zlib.error, ValueError) as error:
                raise StageError(f"{part.name} of the stage {self.summary.uri} is missing or damaged.") from error

    def versions(self, key: RowKey) -> Iterator[Known | None]:
        """Yield the digest of the key and the version of each row in order, None for a row without a key."""
        return map(key.entry_of, self.rows())


def _read_part(file: IO[bytes], part: _Part) -> Iterator[Row]:
    digested = _Digested(file)
    rest = b""
    with gzip.GzipFile(fileobj=io.BufferedReader(digested, _READ_BYTES // 4)) as lines:
        while block := lines.read(_READ_BYTES):
            whole, newline, rest = (rest + block).rpartition(b"\n")
            yield from codec.decode_lines(whole + newline)
    if rest or digested.sha256.hexdigest() != part.sha256:
        raise ValueError("its digest differs")


class _Digested(io.RawIOBase):
    """Passes a file through, and digests what went by."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read = self._file.read(len(buffer))
        buffer[: len(read)] = read
        self.sha256.update(read)
        return len(read)


def prune_stages(directory: StoragePath, *, before: datetime) -> int:
    """Remove the stages that were pulled before an instant; return how many. Unfinished ones go by the same rule."""
    limit = as_utc(before).strftime(_NAME_TIME)
    removed = 0
    for window in list_names(directory):
        names = list_names(directory / window)
        old = [name for name in names if name < limit]
        for name in old:
            remove_tree(directory / window / name)
        removed += len(old)
        if len(old) == len(names):
            with contextlib.suppress(OSError):  # a stage of this window may have been begun meanwhile
                (directory / window).rmdir()
    return removed
