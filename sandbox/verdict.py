"""Compares the data in Devo with the data in Flashpoint: nothing lost, outdated or repeated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sandbox.sandbox import Sandbox

_INDEXED_AT = "header_.indexed_at"


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
class AlertVerdict:
    """One table of alerts compared with the alerts in Flashpoint."""

    tag: str
    served: int
    events: int
    duplicates: int
    lost: tuple[str, ...]
    unexpected: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether every alert arrived exactly once, and nothing else arrived."""
        return not (self.duplicates or self.lost or self.unexpected)


def judge_lookup(
    sandbox: Sandbox,
    name: str,
    *,
    indicator_type: str,
    key: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> LookupVerdict:
    """Compare the lookup ``name`` with the indicators of a window, by default with all."""
    expected = {
        _as_stored(value): record
        for value, record in sandbox.flashpoint.store.expected_indicators(
            indicator_type, key, since, until
        ).newest.items()
    }
    lookup = sandbox.devo.lookups.get(name)
    columns = lookup.columns if lookup else []
    found = {row[0]: dict(zip(columns, row, strict=True)) for row in (lookup.rows() if lookup else [])}
    return LookupVerdict(
        name=name,
        served=len(expected),
        rows=len(found),
        columns=len(columns),
        missing=tuple(sorted(expected.keys() - found.keys())),
        outdated=tuple(sorted(value for value in expected.keys() & found if _is_older(found[value], expected[value]))),
        unexpected=tuple(sorted(found.keys() - expected.keys())),
    )


def judge_alerts(
    sandbox: Sandbox, tag: str, *, since: datetime | None = None, until: datetime | None = None
) -> AlertVerdict:
    """Compare the events of ``tag`` with the alerts of a window, by default with all."""
    served = set(sandbox.flashpoint.store.expected_alerts(since, until))
    ids = sandbox.devo.tables.ids(tag, "alert_id")
    return AlertVerdict(
        tag=tag,
        served=len(served),
        events=ids.counts.total() + ids.without,
        duplicates=ids.duplicates,
        lost=tuple(sorted(served - ids.counts.keys())),
        unexpected=tuple(sorted(ids.counts.keys() - served)),
    )


def _is_older(row: dict[str, str], expected: dict[str, object]) -> bool:
    indexed_at = row.get(_INDEXED_AT)
    if not indexed_at:
        return row.get("fpid") != expected["fpid"]
    return int(indexed_at) < int(str(expected["indexed_at"]))


def _as_stored(key: str) -> str:
    """Return a key as a CSV holds it: UTF-8 has no lone surrogates, so they become escapes."""
    return key.encode("utf-8", "backslashreplace").decode()
