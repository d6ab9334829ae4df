"""The ``lookups`` of the indicators: which types there are, their settings, how their lookups are named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from airflow_provider_flashpoint.config.model import (
    DEFAULT_INDICATOR_LAG,
    LookupConfig,
    default_lookup_name,
    lookup_name_for,
)
from airflow_provider_flashpoint.config.problems import shown
from airflow_provider_flashpoint.config.section import Section
from airflow_provider_flashpoint.core.devo.lookups.csv_rows import EXTRA_COLUMN
from airflow_provider_flashpoint.core.state import LookupStatus

# What the service may set for all its lookups, and a lookup for itself.
SHARED_SETTINGS = frozenset({
    "heal_gaps",
    "initial_start_time",
    "lag_s",
    "lookup_status",
    "max_rejects",
    "page_size",
})
OWN_SETTINGS = SHARED_SETTINGS | {"columns", "lookup_key", "lookup_name"}

MAX_PAGE_SIZE = 1000
MAX_LAG_S = 7 * 86_400
MAX_REJECTS = 1_000_000_000

_TYPE = re.compile(r"[^\s,]+")
# An Airflow Variable is named after the lookup, and its key holds 250 characters.
_NAME = re.compile(r"[A-Za-z0-9_]{1,200}")
_NAME_ALLOWED = "at most 200 ASCII letters, digits and _"
_ENTRY_EXAMPLE = "{domain: {lookup_key: value.domain, lookup_status: New}}"


def lookup_entries(service: Section) -> dict[str, Section]:
    """Return the settings of each indicator type that the service lists, complete with what they inherit.

    A mapping under the name of a type, as in ``indicators.domain.lookup_name``, adds to what the list says.
    """
    entries: dict[str, Section] = {}
    for indicator_type, entry in _listed(service):
        if indicator_type in entries:
            service.problems.add(entry.path, f"this type has its lookup already, at {entries[indicator_type].path}")
            continue
        entry.refuse_unknown(OWN_SETTINGS)
        entries[indicator_type] = entry.within(service, SHARED_SETTINGS)
    return {kind: _with_settings_by_type(kind, entry, service) for kind, entry in entries.items()}


def read_lookups(entries: Mapping[str, Section], service: Section) -> tuple[LookupConfig, ...]:
    """Return the lookups of these entries, in their order."""
    names = _names(entries, service)
    return tuple(_read_lookup(kind, entry, names[kind]) for kind, entry in entries.items())


def _listed(service: Section) -> Iterator[tuple[str, Section]]:
    value, place = service.raw("lookups"), service.place("lookups")
    if not value and (value is None or isinstance(value, (list, Mapping))):
        service.problems.add(place, f"at least one lookup is needed, such as lookups: [{_ENTRY_EXAMPLE}]")
    elif isinstance(value, Mapping):
        yield from _types(value, place, service)
    elif isinstance(value, list):
        for index, group in enumerate(value):
            yield from _types(group, f"{place}[{index}]", service)
    else:
        service.refuse("lookups", f"a list such as [{_ENTRY_EXAMPLE}]")


def _types(group: object, path: str, service: Section) -> Iterator[tuple[str, Section]]:
    problems = service.problems
    if not isinstance(group, Mapping) or not group:
        problems.add(path, f"{shown(group)} is not allowed; give a type and its settings, such as {_ENTRY_EXAMPLE}")
        return
    if beside := [name for name in group if name in OWN_SETTINGS]:
        problems.add(path, f"{', '.join(beside)} must be inside of the type, not beside it, as in {_ENTRY_EXAMPLE}")
        return
    section = Section(group, path, problems)
    for indicator_type in section.values:
        entry = section.section(indicator_type)
        if entry is None or not (_TYPE.fullmatch(indicator_type) and indicator_type.isprintable()):
            problems.add(
                path,
                f"{shown(indicator_type)} is not allowed; give an indicator type, without spaces and commas",
            )
            continue
        yield indicator_type, entry


def _with_settings_by_type(indicator_type: str, entry: Section, service: Section) -> Section:
    by_type = service.section(indicator_type)
    if by_type is None:
        return entry
    by_type.refuse_unknown(OWN_SETTINGS)
    for name, value in by_type.values.items():
        if value != entry.values.get(name, value):
            service.problems.add(by_type.place(name), f"{entry.place(name)} says otherwise; keep one of the two")
    return by_type.within(entry, OWN_SETTINGS)


def _names(entries: Mapping[str, Section], service: Section) -> dict[str, str]:
    own = {kind: entry.text("lookup_name", None, form=_NAME, allowed=_NAME_ALLOWED) for kind, entry in entries.items()}
    shared = service.text("lookup_name", None, form=_NAME, allowed=_NAME_ALLOWED)
    sharers = sum(name is None for name in own.values())
    names: dict[str, str] = {}
    takers: dict[str, str] = {}
    for kind, name in own.items():
        if name is None and shared is not None:
            name = shared if sharers == 1 else lookup_name_for(kind, shared)
        names[kind] = name or default_lookup_name(kind)
        taker = takers.setdefault(names[kind], kind)
        if taker != kind:
            service.problems.add(
                entries[kind].place("lookup_name"),
                f"{names[kind]!r} is the lookup of {taker} too; give one of them a lookup_name of its own",
            )
    return names


def _read_lookup(indicator_type: str, entry: Section, lookup_name: str) -> LookupConfig:
    if entry.raw("lookup_key") is None:
        entry.problems.add(
            entry.place("lookup_key"),
            f"missing; give the flattened key that tells the rows apart, such as value.{indicator_type}",
        )
    return LookupConfig(
        indicator_type=indicator_type,
        lookup_key=entry.text("lookup_key", ""),
        lookup_name=lookup_name,
        lookup_status=entry.choice("lookup_status", LookupStatus.NEW),
        columns=_read_columns(entry),
        max_rejects=entry.count("max_rejects", 0, minimum=0, maximum=MAX_REJECTS),
        initial_start_time=entry.instant("initial_start_time"),
        lag=entry.seconds("lag_s", DEFAULT_INDICATOR_LAG, minimum=0, maximum=MAX_LAG_S),
        page_size=entry.count("page_size", None, minimum=2, maximum=MAX_PAGE_SIZE),
        heal_gaps=entry.flag("heal_gaps", default=True),
    )


def _read_columns(entry: Section) -> tuple[str, ...] | None:
    value = entry.raw("columns")
    if value is None:
        return None
    if (
        isinstance(value, list)
        and value
        and all(isinstance(name, str) and name.strip() and name != EXTRA_COLUMN for name in value)
        and len(set(value)) == len(value)
    ):
        return tuple(value)
    entry.refuse("columns", f"a list of flattened keys, each once, without {EXTRA_COLUMN}, which is added to them")
    return None
