"""The ledger of an event stream: the ids that Devo confirmed, so that every later window sends only the other events.

::

    <directory>/<hour of the event's own time>/<confirmed at>-<random>-<digest>.ids

Entries are stored by the event's own time, not by the window that read it. Retries, reruns, overlaps and parallel
backfills therefore consult the same hours. Every confirmation adds files and changes none, so two runs can add entries
at once. An hour is pruned when both it and its last confirmation are old: Flashpoint can deliver old events late, and
an overlap reads them again soon after. Events without a time of their own share one directory.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_provider_flashpoint.core.identity import DIGEST_BYTES, Id, id_digest
from airflow_provider_flashpoint.core.staging.sealed import read_sealed, write_sealed_after
from airflow_provider_flashpoint.core.staging.storage import NAME_TIME, StoragePath, list_names, remove_tree
from airflow_provider_flashpoint.core.window import as_utc

_HOUR_US = 3_600_000_000
_HOUR = "%Y%m%dT%H"
_UNDATED = "undated"
# Old hours with late confirmations that one pruning lists. Each costs an object store one request.
_MAX_LISTED_HOURS = 24
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
                    file = write_sealed_after(self._directory / hour, digests, at=at, suffix=_SUFFIX)
                    names[hour] = files.enter_context(file)
            yield
        for hour, name in names.items():
            if hour in self._confirmed:  # else the first reading of the hour finds this file too
                self._confirmed[hour].update(by_hour[hour])
                self._read[hour].add(name)

    def prune(self, *, before: datetime) -> int:
        """Remove the hours before an instant; return their number. Their events are sent again if they are read again.

        Hours with a confirmation since that instant are kept. Where there are many of those, pruning stops early.
        """
        if self._read_only:
            return 0
        hour_limit, limit = as_utc(before).strftime(_HOUR), as_utc(before).strftime(NAME_TIME)
        pruned = kept = 0
        for hour in list_names(self._directory):
            if hour == _UNDATED or hour >= hour_limit or kept == _MAX_LISTED_HOURS:
                break
            if max(list_names(self._directory / hour), default="") < limit:
                remove_tree(self._directory / hour)
                pruned += 1
            else:
                kept += 1
        for name in list_names(self._directory / _UNDATED):
            if name < limit:
                (self._directory / _UNDATED / name).unlink(missing_ok=True)
        return pruned

    def _read_hour(self, hour: str) -> None:
        confirmed = self._confirmed.setdefault(hour, set())
        for name in list_names(self._directory / hour):
            if name.endswith(_SUFFIX) and name not in self._read[hour]:
                try:
                    for block in read_sealed(self._directory / hour / name, unit=DIGEST_BYTES, remedy=_REMEDY):
                        confirmed.update(block[at : at + DIGEST_BYTES] for at in range(0, len(block), DIGEST_BYTES))
                except FileNotFoundError:  # another run pruned the hour meanwhile
                    continue
                self._read[hour].add(name)
