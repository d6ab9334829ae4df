"""Compares the data in Devo with the data in Flashpoint: nothing lost, outdated or repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sandbox.generations import LEGACY, Document, Generation
from sandbox.sandbox import Sandbox


@dataclass(frozen=True)
class LookupVerdict:
    """One lookup compared with the newest versions of its keys in Flashpoint.

    ``missing`` keys are only in Flashpoint, ``unexpected`` ones only in Devo; ``outdated`` ones have an older version
    in Devo.
    """

    name: str
    served: int
    rows: int
    columns: int
    missing: tuple[str, ...]
    outdated: tuple[str, ...]
    unexpected: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether the lookup holds the newest version of every key, and nothing else."""
        return not (self.missing or self.outdated or self.unexpected)


@dataclass(frozen=True)
class EventVerdict:
    """One table of events compared with the records in Flashpoint."""

    tag: str
    served: int
    events: int
    duplicates: int
    lost: tuple[str, ...]
    unexpected: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether every event arrived exactly once, and nothing else arrived."""
        return not (self.duplicates or self.lost or self.unexpected)


def judge_lookup(
    sandbox: Sandbox,
    name: str,
    *,
    indicator_type: str,
    since: datetime | None = None,
    until: datetime | None = None,
    generation: Generation = LEGACY,
    matches: Callable[[Document], bool] = lambda document: True,
) -> LookupVerdict:
    """Compare the lookup ``name`` with the indicators of a window, by default with all.

    :param matches: the filter of the lookup.
    """
    newest = generation.newest(sandbox.flashpoint.store, indicator_type, since, until, matches)
    expected = {_as_stored(value): document for value, document in newest.items()}
    lookup = sandbox.devo.lookups.get(name)
    columns = lookup.columns if lookup else []
    found = {row[0]: dict(zip(columns, row, strict=True)) for row in (lookup.rows() if lookup else [])}
    shared = expected.keys() & found.keys()
    return LookupVerdict(
        name=name,
        served=len(expected),
        rows=len(found),
        columns=len(columns),
        missing=tuple(sorted(expected.keys() - found.keys())),
        outdated=tuple(sorted(value for value in shared if generation.is_older(found[value], expected[value]))),
        unexpected=tuple(sorted(found.keys() - expected.keys())),
    )


def judge_alerts(
    sandbox: Sandbox,
    tag: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    generation: Generation = LEGACY,
) -> EventVerdict:
    """Compare the events of ``tag`` with the alerts of a window, by default with all."""
    served = generation.alert_ids(sandbox.flashpoint.store, since, until)
    return judge_events(sandbox, tag, served, id_field=generation.alerts.id_field)


def judge_events(sandbox: Sandbox, tag: str, served: Iterable[str], *, id_field: str) -> EventVerdict:
    """Compare the events of ``tag`` with the ids that Flashpoint served."""
    wanted = set(served)
    ids = sandbox.devo.tables.ids(tag, id_field)
    return EventVerdict(
        tag=tag,
        served=len(wanted),
        events=ids.counts.total() + ids.without,
        duplicates=ids.duplicates,
        lost=tuple(sorted(wanted - ids.counts.keys())),
        unexpected=tuple(sorted(ids.counts.keys() - wanted)),
    )


def _as_stored(key: str) -> str:
    """Return a key as a CSV holds it: UTF-8 has no lone surrogates, so they become escapes."""
    return key.encode("utf-8", "backslashreplace").decode()
