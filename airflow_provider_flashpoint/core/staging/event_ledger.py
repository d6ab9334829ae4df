"""Which alerts Devo has confirmed, so that whatever window touches them again sends only the others.

::

    <directory>/<hour of the alert's own time>/<confirmed at>-<random>.ids

Entries are found by the alert's own time, not by the window that brought it: a retry, a rerun, an overlap, a healed gap
and a parallel backfill all consult the same hours. Every confirmation adds files and changes none, so two runs can
record at once. An hour is forgotten when both it and its last confirmation are old: an alert's own time may be old
when Flashpoint tells of it, and an overlap is read soon after. Alerts without a time of their own share one place.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_provider_flashpoint.core.staging.storage import (
    StoragePath,
    list_names,
    read_whole,
    remove_tree,
    write_whole,
)
from airflow_provider_flashpoint.core.window import as_utc

_DIGEST_BYTES = 16
_HOUR_US = 3_600_000_000
_HOUR = "%Y%m%dT%H"
_UNDATED = "undated"
_MOST_LISTED = 24  # old hours of late confirmations that one pruning lists, each a request of an object store
_SUFFIX = ".ids"
_NAME_TIME = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True)
class Entry:
    """An alert as the ledger knows it: the hour it belongs to, and the digest of its id."""

    hour: str
    digest: bytes

    @property
    def is_undated(self) -> bool:
        """Whether the alert has no time of its own."""
        return self.hour == _UNDATED

    @property
    def begin(self) -> datetime | None:
        """When the hour begins; None where the alert has no time of its own, or one before the year 1000."""
        try:
            return datetime.strptime(self.hour, _HOUR).replace(tzinfo=UTC)
        except ValueError:
            return None


def entry_of(identity: str, time_us: int | None) -> Entry:
    """Return the entry of an alert with this id and this time of its own, in microseconds; None without one."""
    digest = hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()
    if time_us is None:
        return Entry(_UNDATED, digest)
    hour = datetime.fromtimestamp(time_us // _HOUR_US * 3600, UTC)
    return Entry(hour.strftime(_HOUR), digest)


class EventLedger:
    """The ledger of one stream of alerts. It keeps the hours it was asked for, and re-reads them on `refresh`."""

    def __init__(self, directory: StoragePath) -> None:
        self._directory = directory
        self._confirmed: dict[str, set[bytes]] = {}
        self._read: dict[str, set[str]] = defaultdict(set)

    def __contains__(self, entry: Entry) -> bool:
        """Return whether the alert was confirmed, as far as the last look at its hour tells."""
        if entry.hour not in self._confirmed:
            self._confirmed[entry.hour] = set()
            self._look(entry.hour)
        return entry.digest in self._confirmed[entry.hour]

    def refresh(self, entries: Iterable[Entry]) -> None:
        """Look again at the hours of ``entries`` for what another run confirmed meanwhile."""
        for hour in {entry.hour for entry in entries}:
            self._confirmed.setdefault(hour, set())
            self._look(hour)

    def add(self, entries: Iterable[Entry], *, at: datetime) -> None:
        """Record alerts, after Devo confirmed them."""
        by_hour: dict[str, list[bytes]] = defaultdict(list)
        for entry in entries:
            by_hour[entry.hour].append(entry.digest)
        for hour, digests in by_hour.items():
            name = f"{as_utc(at).strftime(_NAME_TIME)}-{secrets.token_hex(4)}{_SUFFIX}"
            write_whole(self._directory / hour / name, b"".join(digests))
            if hour in self._confirmed:  # else the first look reads this file with the others
                self._confirmed[hour].update(digests)
                self._read[hour].add(name)

    def prune(self, *, before: datetime) -> int:
        """Forget the hours before an instant; return how many. What they held is sent again if it is read again.

        An hour in which something was confirmed since that instant stays. Behind many such hours others may stay, too.
        """
        hour_limit, limit = as_utc(before).strftime(_HOUR), as_utc(before).strftime(_NAME_TIME)
        forgotten = kept = 0
        for hour in list_names(self._directory):
            if hour == _UNDATED or hour >= hour_limit or kept == _MOST_LISTED:
                break
            if max(list_names(self._directory / hour), default="") < limit:
                remove_tree(self._directory / hour)
                forgotten += 1
            else:
                kept += 1
        for name in list_names(self._directory / _UNDATED):
            if name < limit:
                (self._directory / _UNDATED / name).unlink(missing_ok=True)
        return forgotten

    def _look(self, hour: str) -> None:
        for name in list_names(self._directory / hour):
            if name.endswith(_SUFFIX) and name not in self._read[hour]:
                try:
                    content = read_whole(self._directory / hour / name)
                except FileNotFoundError:  # another run pruned the hour meanwhile
                    continue
                self._confirmed[hour].update(
                    content[at : at + _DIGEST_BYTES] for at in range(0, len(content), _DIGEST_BYTES)
                )
                self._read[hour].add(name)
