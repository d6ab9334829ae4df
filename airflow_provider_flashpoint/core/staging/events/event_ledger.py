"""The ledger of an event stream: the ids that Devo confirmed, so that every later window sends only the other events.

::

    <directory>/<day>/<hour of the event's own time>/<confirmed at>-<random>-<digest>.ids

Entries are stored by the event's own time, not by the window that read it. Retries, reruns, overlaps and parallel
backfills therefore consult the same hours. Every confirmation adds files and changes none, so two runs can add entries
at once. Where a folder has many files, those of each month of confirmation become one. An hour is pruned when both it
and its last confirmation are old: Flashpoint can deliver old events late, and an overlap reads them again soon after.
Events without a time of their own share one folder. Earlier versions had folders ``<day>T<hour>``, which are read too.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import random
from collections import defaultdict
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_provider_flashpoint.core.identity import DIGEST_BYTES, Id, id_digest
from airflow_provider_flashpoint.core.staging.folders import list_files, list_names, remove_files, remove_if_empty
from airflow_provider_flashpoint.core.staging.sealed import read_sealed, write_sealed, write_sealed_after
from airflow_provider_flashpoint.core.staging.storage import NAME_TIME, StoragePath, time_of
from airflow_provider_flashpoint.core.window import as_utc

_HOUR_US = 3_600_000_000
_HOUR = "%Y%m%dT%H"
_UNDATED = "undated"
_MOST_FOLDERS = 4  # that one pruning looks into. Each costs an object store one request, and one more if it is old
_MOST_FILES = 16  # of one folder, before they are merged
_MOST_LISTINGS = 3
_SUFFIX = ".ids"
_REMEDY = "Remove it; events that only it recorded are sent again if their window is read again."


@dataclass(frozen=True, slots=True)
class Entry:
    """One event in the ledger: the hour of its own time, and the digest of its id."""

    hour: str
    digest: bytes

    @property
    def is_undated(self) -> bool:
        """Whether the event has no time of its own."""
        return self.hour == _UNDATED

    @property
    def begin(self) -> datetime | None:
        """The start of the hour; None for an event without a time of its own, or with one before the year 1000."""
        try:
            return datetime.strptime(self.hour, _HOUR).replace(tzinfo=UTC)
        except ValueError:
            return None


def entry_of(identity: Id, time_us: int | None) -> Entry:
    """Return the entry of an event.

    :param time_us: the event's own time in microseconds since 1970; None where it has none.
    """
    digest = id_digest(identity)
    if time_us is None:
        return Entry(_UNDATED, digest)
    hour = datetime.fromtimestamp(time_us // _HOUR_US * 3600, UTC)
    return Entry(hour.strftime(_HOUR), digest)


class EventLedger:
    """The ledger of one event stream. Each hour is read on first use, and again by `refresh`.

    :param read_only: keep new entries in memory only, and prune nothing; for previews.
    """

    def __init__(self, directory: StoragePath, *, read_only: bool = False) -> None:
        self._directory = directory
        self._read_only = read_only
        self._confirmed: dict[str, set[bytes]] = {}
        self._read: dict[str, set[str]] = defaultdict(set)

    def __contains__(self, entry: Entry) -> bool:
        """Return whether the event was confirmed, as of the last reading of its hour.

        :raises StageError: a file of the hour is damaged.
        """
        if entry.hour not in self._confirmed:
            self._read_hour(entry.hour)
        return entry.digest in self._confirmed[entry.hour]

    def refresh(self, entries: Iterable[Entry]) -> None:
        """Read what other runs have added to the hours of ``entries``."""
        for hour in {entry.hour for entry in entries}:
            self._read_hour(hour)

    def add(self, entries: Iterable[Entry], *, at: datetime) -> None:
        """Add events that Devo confirmed."""
        with self.adding(entries, at=at):
            pass

    @contextlib.contextmanager
    def adding(self, entries: Iterable[Entry], *, at: datetime) -> Generator[None]:
        """Add events at the end of the block, in which Devo confirms them.

        :raises TransientError: there is no room for them.
        """
        by_hour: dict[str, list[bytes]] = defaultdict(list)
        for entry in entries:
            by_hour[entry.hour].append(entry.digest)
        names = dict.fromkeys(by_hour, "")
        with contextlib.ExitStack() as files:
            for hour, digests in by_hour.items():
                if self._read_only:
                    self._read_hour(hour)
                else:
                    folder = _folder_of(hour)
                    file = write_sealed_after(self._directory / folder, digests, at=at, suffix=_SUFFIX)
                    names[hour] = f"{folder}/{files.enter_context(file)}"
            yield
        for hour, name in names.items():
            if hour in self._confirmed:  # else the first reading of the hour finds this file too
                self._confirmed[hour].update(by_hour[hour])
                self._read[hour].add(name)

    def prune(self, *, before: datetime) -> int:
        """Remove the files of hours before an instant; return their number. Their events are sent again if read again.

        Hours with a confirmation since that instant are kept. A limited number of folders is looked into.
        """
        if self._read_only:
            return 0
        hour_limit, limit = as_utc(before).strftime(_HOUR), as_utc(before).strftime(NAME_TIME)
        days = [name for name in self._folders if name <= hour_limit]
        pruned = 0
        for day in random.sample(days, min(len(days), _MOST_FOLDERS)):
            old: list[str] = []
            for hour, group in itertools.groupby(
                list_files(self._directory / day), lambda name: name.rpartition("/")[0]
            ):
                names = list(group)
                newest = max(name.rpartition("/")[2].lstrip(".") for name in names)
                if f"{day}T{hour}"[: len(hour_limit)] < hour_limit and newest < limit:
                    old += names
            remove_files(self._directory / day, old)
            remove_if_empty(self._directory / day)
            pruned += len(old)
        if _UNDATED in self._folders:
            undated = self._directory / _UNDATED
            remove_files(undated, [name for name in list_names(undated) if name < limit])
        return pruned

    @functools.cached_property
    def _folders(self) -> frozenset[str]:
        """The names in the directory: days, hours of earlier versions, and that of events without a time."""
        return frozenset(list_names(self._directory))

    def _read_hour(self, hour: str) -> None:
        self._confirmed.setdefault(hour, set())
        for folder in {_folder_of(hour), *self._folders & {hour}}:
            for _ in range(_MOST_LISTINGS):  # a file that is gone was merged or pruned by another run
                listed = list_names(self._directory / folder, remedy=_REMEDY)
                names = [name for name in listed if name.endswith(_SUFFIX)]
                gone = [name for name in names if not self._read_file(hour, f"{folder}/{name}")]
                if not gone:
                    break
            if len(names) > _MOST_FILES and not self._read_only:
                self._merge(folder, names)

    def _read_file(self, hour: str, name: str) -> bool:
        """Read a file that was not read before; return False if it is gone."""
        if name in self._read[hour]:
            return True
        try:
            for block in read_sealed(self._directory / name, unit=DIGEST_BYTES, remedy=_REMEDY):
                self._confirmed[hour].update(block[at : at + DIGEST_BYTES] for at in range(0, len(block), DIGEST_BYTES))
        except FileNotFoundError:
            return False
        self._read[hour].add(name)
        return True

    def _merge(self, folder: str, names: list[str]) -> None:
        """Write the files of each month into one, which sorts as the newest of them, and then remove them."""
        directory = self._directory / folder
        for _, group in itertools.groupby(names, key=lambda name: name[:6]):
            files = list(group)
            if len(files) > 1:
                blocks = (
                    block
                    for name in files
                    for block in read_sealed(directory / name, unit=DIGEST_BYTES, remedy=_REMEDY)
                )
                with contextlib.suppress(FileNotFoundError):  # another run merges or prunes them
                    write_sealed(directory, blocks, at=time_of(files[-1]), suffix=_SUFFIX)
                    remove_files(directory, files)


def _folder_of(hour: str) -> str:
    return hour.replace("T", "/")
