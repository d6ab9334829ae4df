"""The ``obfuscation`` of an input: rules that name what to hide, and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from airflow_provider_flashpoint.config.model import LookupConfig, ObfuscationAction, ObfuscationRule
from airflow_provider_flashpoint.config.section import Section
from airflow_provider_flashpoint.problems import shown

_EXAMPLE = "{path: Event.event_creator_email, action: hash}"


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
        if path in rules:
            service.problems.add(entry.place("path"), f"{'.'.join(path)!r} has a rule already; keep one")
        elif path:
            rules[path] = ObfuscationRule(path, action)
    return tuple(rules.values())


def refuse_hidden_keys(service: Section, rules: Iterable[ObfuscationRule], lookups: Iterable[LookupConfig]) -> None:
    """Note every rule that would leave a lookup without keys to tell its rows apart; a hash still does."""
    for rule in rules:
        path = ".".join(rule.path)
        for lookup in lookups:
            if rule.action is not ObfuscationAction.HASH and f"{lookup.lookup_key}.".startswith(f"{path}."):
                service.problems.add(
                    service.place("obfuscation"),
                    f"{rule.action} of {path!r} would hide the lookup_key {lookup.lookup_key!r} of "
                    f"{lookup.indicator_type}; hash it instead, or leave it",
                )


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
