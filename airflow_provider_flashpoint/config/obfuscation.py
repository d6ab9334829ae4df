"""The ``obfuscation`` of an input or an operator: rules that name what to hide, and how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_flashpoint.config.problems import Problems, shown
from airflow_provider_flashpoint.config.section import Section
from airflow_provider_flashpoint.core.flashpoint.endpoints import DataSet, endpoints_of
from airflow_provider_flashpoint.core.obfuscate import ObfuscationAction, ObfuscationRule

_EXAMPLE = "{path: Event.event_creator_email, action: hash}"


@dataclass(frozen=True, slots=True)
class _Needed:
    """A field that the work itself needs, by its flattened name; ``hashable`` where a digest serves as well."""

    field: str
    role: str
    hashable: bool


def rules_of(
    values: Iterable[Any] | None, data_set: DataSet, lookup_keys: Mapping[str, str], *, source: str
) -> tuple[ObfuscationRule, ...]:
    """Return the rules that an operator is given, as `read_obfuscation` reads them.

    :param lookup_keys: the lookup_key of each indicator type that the records are for.
    :param source: names the operator, for the message.
    :raises ConfigurationError: a rule is wrong, or hides what the work needs.
    """
    section = Section({"obfuscation": None if values is None else list(values)}, "", Problems(source))
    rules = read_obfuscation(section)
    refuse_needed_fields(section, rules, data_set, lookup_keys)
    section.problems.raise_if_any()
    return rules


def read_obfuscation(service: Section) -> tuple[ObfuscationRule, ...]:
    """Return the rules, in their order. A list of them is read, each with ``path`` and ``action``:

    ``path`` holds the keys that lead to the value, joined by dots, or as a list where a key has a dot in it.
    Items of lists need no key of their own: ``Event.Tag.name`` means the name of every tag.
    ``action`` is ``hash``, ``mask`` or ``drop``.
    """
    value, place = service.raw("obfuscation"), service.place("obfuscation")
    if value is None:
        return ()
    if not isinstance(value, list):
        service.refuse("obfuscation", f"a list of rules such as [{_EXAMPLE}]")
        return ()
    rules: dict[tuple[str, ...], ObfuscationRule] = {}
    for index, item in enumerate(value):
        where = f"{place}[{index}]"
        if not isinstance(item, Mapping):
            service.problems.add(where, f"{shown(item)} is not allowed; give a rule such as {_EXAMPLE}")
            continue
        entry = Section(item, where, service.problems)
        entry.refuse_unknown({"path", "action"})
        path, action = _read_path(entry), _read_action(entry)
        meets = next((other for other in rules if all(map(str.__eq__, path, other))), None) if path else None
        if path in rules:
            service.problems.add(entry.place("path"), f"{'.'.join(path)!r} has a rule already; keep one")
        elif meets:
            service.problems.add(
                entry.place("path"), f"{'.'.join(path)!r} meets the rule of {'.'.join(meets)!r}; keep one"
            )
        elif path:
            rules[path] = ObfuscationRule(path, action)
    return tuple(rules.values())


def refuse_needed_fields(
    service: Section, rules: Iterable[ObfuscationRule], data_set: DataSet, lookup_keys: Mapping[str, str]
) -> None:
    """Note every rule that hides what the work needs: the key of a lookup, the id or the time of a record."""
    needed = dict.fromkeys((*_needed_of(data_set), *_needed_keys(lookup_keys)))
    for rule in rules:
        path = ".".join(rule.path)
        for each in needed:
            reaches = f"{each.field}.".startswith(f"{path}.")
            within = path.startswith(f"{each.field}.")
            if not (reaches or within):
                continue
            if rule.action is ObfuscationAction.HASH and (within or (each.hashable and path == each.field)):
                continue
            advice = f"hash {each.field!r} itself, or leave it" if each.hashable else "leave it as it is"
            service.problems.add(
                service.place("obfuscation"),
                f"{rule.action} of {path!r} would hide the {each.role}; {advice}",
            )


def _needed_of(data_set: DataSet) -> Iterator[_Needed]:
    for endpoint in endpoints_of(data_set):
        if endpoint.id_field:
            yield _Needed(endpoint.id_field, f"id {endpoint.id_field!r} of {data_set}", hashable=True)
        for name in (endpoint.time_field, *endpoint.version_fields):
            if name:
                yield _Needed(name, f"time {name!r} of {data_set}, which is needed as it is", hashable=False)


def _needed_keys(lookup_keys: Mapping[str, str]) -> Iterator[_Needed]:
    for indicator_type, key in lookup_keys.items():
        yield _Needed(key, f"lookup_key {key!r} of {indicator_type}", hashable=True)


def _read_path(entry: Section) -> tuple[str, ...]:
    value = entry.raw("path")
    keys = value.split(".") if isinstance(value, str) else value
    if isinstance(keys, list) and keys and all(isinstance(key, str) and key.strip() for key in keys):
        return tuple(keys)
    entry.refuse("path", "keys joined by dots, such as Event.event_creator_email, or a list of keys")
    return ()


def _read_action(entry: Section) -> ObfuscationAction:
    if entry.raw("action") is None:
        entry.refuse("action", " or ".join(ObfuscationAction))
    return entry.choice("action", ObfuscationAction.HASH)
