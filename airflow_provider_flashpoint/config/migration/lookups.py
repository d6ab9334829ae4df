"""Turns the lookups of a configuration file into those of another API generation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_flashpoint.config.lookups import name_for
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of, has_type
from airflow_provider_flashpoint.errors import ConfigurationError

Settings = dict[str, Any]
_OF_ONE_GENERATION = frozenset({"embed", "row_per_hash"})
_OF_ONE_LOOKUP = _OF_ONE_GENERATION | frozenset({"lookup_key", "lookup_name", "lookup_status"})


def drop_options(settings: Settings, api: Api, notes: list[str], *, of: str) -> None:
    """Remove the settings of lookups that an API generation does not have, and note each."""
    foreign = sorted(_OF_ONE_GENERATION - _options_of(api))
    dropped = [name for name in foreign if settings.pop(name, None) is not None]
    notes += [f"The setting {name} of {of} does not exist on {api}: left out." for name in dropped]


def _options_of(api: Api) -> set[str]:
    endpoint = endpoint_of(api, DataSet.INDICATORS)
    return {name for name, has in (("embed", endpoint.embed), ("row_per_hash", endpoint.columns.hashes)) if has}


def by_type(lookups: Any) -> dict[str, Any]:
    """Return the settings of each type in the ``lookups`` of a service, a list of mappings or one mapping."""
    return {name: settings for group in _groups(lookups) for name, settings in group.items()}


def _groups(lookups: Any) -> list[dict[str, Any]]:
    return lookups if isinstance(lookups, list) else [lookups]


class LookupMigration:
    """Converts the lookups of one input for an API generation.

    :param notes: gets what was left out, and what people must check.
    """

    def __init__(self, api: Api, notes: list[str]) -> None:
        self.is_foreign = False
        """Whether the lookups were of another kind of indicators."""
        self._api = api
        self._endpoint = endpoint_of(api, DataSet.INDICATORS)
        self._notes = notes

    def migrated(self, lookups: Any, service: Mapping[str, Any]) -> Any:
        """Return the ``lookups`` of a service, a list or a mapping; as they are where all are of the API generation.

        Types with the same counterpart become one lookup, in the place of the first. A type may become several.

        :param service: may hold more settings of a type, under its name.
        :raises ConfigurationError: no type has a counterpart.
        """
        given = {name: {**(service.get(name) or {}), **(own or {})} for name, own in by_type(lookups).items()}
        self.is_foreign = any(self._is_foreign(name, settings) for name, settings in given.items())
        if not self.is_foreign:
            return lookups
        replaced = self._replaced(given)
        new = {target: self._settings(target, {name: given[name] for name in replaced[target]}) for target in replaced}
        result = [entry for group in _groups(lookups) for entry in _placed(group, new, replaced)]
        return result if isinstance(lookups, list) else by_type(result)

    def _is_foreign(self, name: str, settings: Mapping[str, Any]) -> bool:
        key, columns = settings.get("lookup_key"), self._endpoint.counterparts.columns
        has_foreign_key = key is not None and _general(key, name) in columns and key not in columns.values()
        return has_foreign_key or not has_type(self._api, DataSet.INDICATORS, name)

    def _is_kept(self, name: str, settings: Mapping[str, Any]) -> bool:
        """Return whether a lookup is of the API generation for certain: its type, key or a setting exists only here."""
        if self._is_foreign(name, settings):
            return False
        counterparts, key = self._endpoint.counterparts, _general(settings.get("lookup_key"), name)
        has_key = key in counterparts.columns.values() and key not in counterparts.columns
        has_option = any(settings.get(option) is not None for option in _options_of(self._api))
        return name not in counterparts.types or has_key or has_option

    def _replaced(self, given: Iterable[str]) -> dict[str, list[str]]:
        """Return the types that each new lookup replaces."""
        replaced: dict[str, list[str]] = {}
        for name in given:
            targets = self._targets(name)
            for target in targets:
                replaced.setdefault(target, []).append(name)
            if not targets:
                self._notes.append(f"{name} has no counterpart on {self._api}: its lookup ends.")
        if not replaced:
            raise ConfigurationError(
                f"None of the types {', '.join(given)} has a counterpart on {self._api}. The types there are "
                f"{', '.join(self._endpoint.types)}."
            )
        return replaced

    def _targets(self, name: str) -> tuple[str, ...]:
        own = (name,) if has_type(self._api, DataSet.INDICATORS, name) else ()
        return self._endpoint.counterparts.types.get(name, own)

    def _settings(self, target: str, replaced: Mapping[str, Settings]) -> Settings:
        """Return the settings of a new lookup: those of the type of its name, or else of the first that it replaces."""
        first = target if target in replaced else next(iter(replaced))
        settings = {key: value for key, value in replaced[first].items() if value is not None}
        for name, others in replaced.items():
            compared = ({*settings, *others} - _OF_ONE_LOOKUP) | ({*others} & _OF_ONE_GENERATION)
            differing = {key for key in compared if settings.get(key) != others.get(key)}
            if differing:
                self._notes.append(
                    f"The lookup of {target} has the settings of {first}; those of {name} differ: "
                    f"{', '.join(sorted(differing))}."
                )
        if first == target and self._is_kept(first, settings):
            return {**self._row_per_hash(settings, replaced), **settings}
        if own_key := settings.pop("lookup_key", None):
            settings = {"lookup_key": self._key(str(own_key), first, target), **settings}
        if isinstance(settings.get("columns"), list):
            columns = self._columns(settings.pop("columns"), first, target)
            settings |= {"columns": columns} if columns else {}
        if "lookup_status" in settings:
            settings["lookup_status"] = "New"
        if own_name := self._name(target, first, replaced, settings.pop("lookup_name", None)):
            settings = {"lookup_name": own_name, **settings}
        return settings | self._row_per_hash(settings, replaced)

    def _row_per_hash(self, settings: Settings, replaced: Iterable[str]) -> Settings:
        """Return ``row_per_hash`` where a hash had a lookup of its own, so that it is still found."""
        hashes = self._endpoint.columns.hashes
        is_keyed_by_value = settings.get("lookup_key") in (None, *hashes[:1])
        had_hashes = any(f"hashes.{name}" in hashes for name in replaced)
        return {"row_per_hash": True} if is_keyed_by_value and had_hashes else {}

    def _key(self, key: str, name: str, target: str) -> str:
        columns = self._endpoint.counterparts.columns
        found = columns.get(_general(key, name))
        if found is None and key not in columns.values():
            default = self._endpoint.lookup_key_of(target)
            self._notes.append(f"The lookup_key {key} of {name} has no counterpart on {self._api}: {default} is used.")
            return default
        return (found or key).replace("{type}", target)

    def _columns(self, given: Iterable[str], name: str, target: str) -> list[str]:
        columns = self._endpoint.counterparts.columns
        found = {column: columns.get(_general(column, name)) for column in map(str, given)}
        lost = [column for column in found if not found[column] and column not in columns.values()]
        if lost:
            self._notes.append(f"The columns {', '.join(lost)} of {name} have no counterpart on {self._api}: left out.")
        kept = [(found[column] or column).replace("{type}", target) for column in found if column not in lost]
        return list(dict.fromkeys(kept))

    def _name(self, target: str, first: str, replaced: Mapping[str, Settings], own: str | None) -> str | None:
        """Return the name of a new lookup, None for the default one."""
        if own and (len(replaced) == 1 or first == target):
            return own if len(self._targets(first)) == 1 else name_for(target, own)
        names = [str(settings["lookup_name"]) for settings in replaced.values() if settings.get("lookup_name")]
        if names:
            self._notes.append(f"The lookup of {target} replaces {', '.join(names)}, and keeps none of their names.")
        return None


def _placed(
    group: Mapping[str, Any], new: Mapping[str, Settings], replaced: Mapping[str, list[str]]
) -> Iterator[Settings]:
    """Yield the entries in the place of a group: the new lookups whose first type it holds."""
    here = {target: settings for target, settings in new.items() if replaced[target][0] in group}
    if len(group) == 1:
        yield from ({target: settings} for target, settings in here.items())
    elif here:
        yield here


def _general(column: object, name: str) -> str:
    """Return a flattened name with ``{type}`` in the place of a type."""
    return "value.{type}" if column == f"value.{name}" else str(column)
