"""The ``lookups`` of the indicators, folded: one mapping for each type, complete with inherited settings and a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

from airflow_provider_flashpoint.config.fields import LookupName, Settings
from airflow_provider_flashpoint.config.model import IndicatorInput, LookupConfig
from airflow_provider_flashpoint.config.problems.collected import (
    NO_SECRETS,
    child_path,
    close_match,
    is_secret_name,
    shown,
)
from airflow_provider_flashpoint.config.problems.section import Section
from airflow_provider_flashpoint.config.problems.validation import validated
from airflow_provider_flashpoint.core.flashpoint.api import IGNITE_TYPES, MISP_TYPES

_EXAMPLE = "{domain: {lookup_key: value.domain, lookup_status: New}}"
_DEFAULT_NAME = "Threatintel_Flashpoint_Intelligence"
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]")
_NOT_IN_TASK_IDS = re.compile(r"[^A-Za-z0-9_.-]+")
_MAX_STEM_CHARACTERS = 200
OWN_KEYS = LookupConfig.keys() - {"indicator_type"}
_KEYS_OF_ALL = (IndicatorInput.keys() | {"services", "indicators"}) - OWN_KEYS


class _Shared(Settings):
    lookup_name: LookupName | None = None


def folded_lookups(service: Section) -> dict[str, Section]:
    """Return the settings of each indicator type that the service lists, in their order.

    A mapping under the name of a type, as in ``indicators.domain.lookup_name``, adds to the settings in the list.
    """
    lookups: dict[str, Section] = {}
    for indicator_type, entry in _listed(service):
        _refuse_unknown(entry, service)
        if indicator_type in lookups:
            text = f"this type has its lookup already, at {lookups[indicator_type].path}"
            service.problems.add(entry.path, text, concerns=entry.path.removesuffix(f".{indicator_type}"))
            continue
        complete = _with_settings_by_type(indicator_type, entry, service)
        lookups[indicator_type] = complete.only(OWN_KEYS).with_defaults(service, LookupConfig.shared_keys())
        lookups[indicator_type]["indicator_type"] = indicator_type
    _name(lookups, service)
    return lookups


def _listed(service: Section) -> Iterator[tuple[str, Section]]:
    value, place = service.get("lookups"), service.place("lookups")
    if isinstance(value, (list, Mapping)) and value:
        groups = (
            {f"{place}[{index}]": group for index, group in enumerate(value)}
            if isinstance(value, list)
            else {place: value}
        )
        for path, group in groups.items():
            yield from _types(group, path, service)
    elif value is None or isinstance(value, (list, Mapping)):
        service.problems.add(place, f"at least one lookup is needed, such as lookups: [{_EXAMPLE}]")
    else:
        service.problems.add(place, f"{shown(value)} is not allowed; give a list such as [{_EXAMPLE}]")


def _types(group: object, path: str, service: Section) -> Iterator[tuple[str, Section]]:
    problems, whole = service.problems, service.place("lookups")
    if not isinstance(group, Mapping) or not group:
        text = f"{shown(group)} is not allowed; give a type and its settings, such as {_EXAMPLE}"
        may_be_setting = meant_setting(group) if isinstance(group, str) else group
        problems.add(path, text, concerns=whole if may_be_setting else None)
        return
    if beside := [name for name in group if name in OWN_KEYS]:
        text = f"{', '.join(beside)} must be inside of the type, not beside it, as in {_EXAMPLE}"
        problems.add(path, text, concerns=whole)
        return
    if refused := {name: reason for name, value in group.items() if (reason := _no_lookup(name, value))}:
        for name, reason in refused.items():
            problems.add(child_path(path, str(name)), reason, concerns=whole)
        return
    section = Section(group, path, problems)
    for indicator_type in section:
        entry = section.section(indicator_type)
        if "," in indicator_type or " " in indicator_type or not indicator_type.isprintable():
            problems.add(
                path, f"{shown(indicator_type)} is not allowed; give an indicator type, without spaces and commas"
            )
        else:
            yield indicator_type, entry


def _no_lookup(name: object, value: object) -> str | None:
    """Return why an entry of ``lookups`` is no lookup, but may be a setting of all lookups; None for a lookup."""
    if name in _KEYS_OF_ALL:
        return _of_all(str(name))
    if value is None or isinstance(value, Mapping):
        return None
    return NO_SECRETS if is_secret_name(str(name)) else f"{shown(value)} is not allowed; give a mapping"


def _of_all(name: str) -> str:
    return f"{name} is a setting of all lookups; put it beside lookups"


def meant_setting(name: str) -> str | None:
    """Return the setting that the name of an entry of ``lookups`` may mean; None if it means an indicator type."""
    return None if name in {*MISP_TYPES, *IGNITE_TYPES} else close_match(name, OWN_KEYS | _KEYS_OF_ALL)


def _refuse_unknown(entry: Section, service: Section) -> None:
    """Add a problem for every key that a lookup does not have. One that may be a setting of all concerns them all."""
    found = {name: meant for name in entry if name not in OWN_KEYS and (meant := meant_setting(name)) in _KEYS_OF_ALL}
    for name, meant in found.items():
        service.problems.add(entry.place(name), _of_all(meant), concerns=service.place("lookups"))
    entry.refuse_unknown(OWN_KEYS | found.keys())


def _with_settings_by_type(indicator_type: str, entry: Section, service: Section) -> Section:
    by_type = service.section(indicator_type)
    _refuse_unknown(by_type, service)
    for name, value in by_type.items():
        if value != entry.get(name, value):
            service.problems.add(by_type.place(name), f"{entry.place(name)} has another value; keep one of the two")
    return entry.with_defaults(by_type, OWN_KEYS)


def _name(lookups: Mapping[str, Section], service: Section) -> None:
    """Give each lookup without a name of its own the service's name, or else the default one."""
    settings = validated(_Shared, service.only({"lookup_name"}), service.problems)
    shared = settings.lookup_name if settings else None
    nameless = [lookup for lookup in lookups.values() if lookup.get("lookup_name") is None]
    for lookup in nameless:
        indicator_type = lookup["indicator_type"]
        lookup["lookup_name"] = default_lookup_name(indicator_type)
        if shared is not None:
            lookup["lookup_name"] = shared if len(nameless) == 1 else name_for(indicator_type, shared)
    takers: dict[str, str] = {}
    for indicator_type, lookup in lookups.items():
        name = lookup["lookup_name"]
        if not isinstance(name, str):
            continue
        taker = takers.setdefault(name, indicator_type)
        if taker != indicator_type:
            lookup.problems.add(
                lookup.place("lookup_name"),
                f"{name!r} is the lookup of {taker} too; give one of them a lookup_name of its own",
            )


def name_for(indicator_type: str, stem: str) -> str:
    """Return ``stem`` with the type appended: title-cased, ``_`` for all but ASCII letters and digits."""
    return f"{stem}_{_NOT_IN_NAMES.sub('_', indicator_type.title())}"


def default_lookup_name(indicator_type: str) -> str:
    """Return the collector's own name of a lookup: ``Threatintel_Flashpoint_Intelligence_Ip_Dst_Port``."""
    return name_for(indicator_type, _DEFAULT_NAME)


def task_names(indicator_types: Iterable[str]) -> dict[str, str]:
    """Return a name for the tasks of each type: the type with ``_`` for all characters that task ids must not have.

    If that is the name of another type too, a digest of the type is appended.
    """
    types = list(indicator_types)
    names = {each: each for each in types if not _NOT_IN_TASK_IDS.search(each)}
    for each in types:
        if each not in names:
            name = _NOT_IN_TASK_IDS.sub("_", each)
            digest = sha256(each.encode()).hexdigest()[:16]
            names[each] = f"{name[:_MAX_STEM_CHARACTERS]}-{digest}" if name in names.values() else name
    return names
