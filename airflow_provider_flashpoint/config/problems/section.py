"""One mapping of the collector's file: its settings with their places, and the settings that it inherits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from airflow_provider_flashpoint.config.problems.collected import (
    NO_SECRETS,
    Problems,
    child_path,
    is_secret_name,
    shown,
    unknown_key,
)


class Section(dict[str, Any]):
    """A mapping that knows the path of each of its keys. Wrong keys and shapes become problems, never errors.

    :param values: the mapping as the file has it, which stays as it is.
    :param path: the path of the mapping itself.
    """

    def __init__(self, values: Mapping[Any, Any], path: str, problems: Problems) -> None:
        super().__init__()
        self.path = path
        self.places: dict[str, str] = {}
        self.problems = problems
        for key, value in values.items():
            if isinstance(key, str):
                self[key] = value
            else:
                problems.add(path, f"the key {shown(key)} is not a text; put it in quotes")

    def place(self, key: str) -> str:
        """Return the path of a key in the source: here, or where it is inherited from."""
        return self.places.get(key) or child_path(self.path, key)

    def section(self, key: str) -> Section:
        """Return the mapping under a key, empty if it is null or absent."""
        value, place = self.get(key), self.place(key)
        if value is not None and not isinstance(value, Mapping):
            self.problems.add(place, f"{shown(value)} is not allowed; give a mapping")
            value = None
        return Section(value or {}, place, self.problems)

    def only(self, keys: Collection[str]) -> Section:
        """Return the settings under ``keys``. Null is no setting."""
        return Section({}, self.path, self.problems).with_defaults(self, keys)

    def with_defaults(self, outer: Section, keys: Collection[str]) -> Section:
        """Return these settings, completed by those of ``outer`` under ``keys``. Null is no setting."""
        result = Section(self, self.path, self.problems)
        result.places |= self.places
        for name in outer:
            if name in keys and result.get(name) is None and outer[name] is not None:
                result[name] = outer[name]
                result.places[name] = outer.place(name)
        return result

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Add a problem for every key that is not one of the known, and for every secret."""
        self.refuse_secrets(known)
        for name in self:
            if name not in known and not is_secret_name(name):
                self.problems.add(child_path(self.path, name), unknown_key(name, known))

    def refuse_secrets(self, known: Collection[str] = ()) -> None:
        """Add a problem for every key that is the name of a secret, and not one of the known."""
        for name in filter(is_secret_name, self):
            if name not in known:
                self.problems.add(child_path(self.path, name), NO_SECRETS)

    def unfolded(self, heads: Collection[str]) -> Section:
        """Return this section with keys such as ``indicators.domain.lookup_name`` turned into mappings.

        :param heads: the first parts that such a key may have.
        """
        dotted = [name for name in self if "." in name and name.partition(".")[0] in heads]
        result = Section({name: value for name, value in self.items() if name not in dotted}, self.path, self.problems)
        for name in dotted:
            *outer_keys, last = name.split(".")
            holder: dict[str, Any] = result
            for key in outer_keys:
                inner = holder.get(key)
                if inner is not None and not isinstance(inner, Mapping):
                    break  # the wrong shape is refused where it is read
                holder[key] = holder = dict(inner or {})
            else:
                if last in holder:
                    self.problems.add(child_path(self.path, name), "the key is there twice; keep one")
                else:
                    holder[last] = self[name]
        return result
