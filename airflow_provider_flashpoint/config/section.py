"""One mapping of the configuration file, read setting by setting with every value checked."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from airflow_provider_flashpoint.config.problems import Problems, child_path, close_match, shown
from airflow_provider_flashpoint.core.window import as_utc, parse_instant
from airflow_provider_flashpoint.errors import ConfigurationError

D = TypeVar("D")
E = TypeVar("E", bound=StrEnum)

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_FLAGS = {"true": True, "false": False}
_SECRET_NAMES = (
    "api_key", "api_token", "bearer_token", "bearer_token_base64", "credentials", "password", "secret",
    "token",
)  # fmt: skip
_NO_SECRETS = (
    "a secret does not belong in this file. Remove it and make a connection in its place: "
    "airflow connections add flashpoint_default --conn-type flashpoint --conn-host https://fp.tools "
    "--conn-password '<token>' (or, for a token in base64, "
    """--conn-extra '{"bearer_token_base64": "<token>"}' instead of --conn-password)"""
)


class Section:
    """A mapping, the path of its keys, and what it inherits.

    Every reading method returns the value of a setting, or ``default`` where it is absent, null, or wrong;
    what is wrong goes to the problems.

    :param outer: the section whose settings hold where this one has none.
    :param inherited: the names of the settings for which that is so.
    """

    def __init__(
        self,
        values: Mapping[Any, Any],
        path: str,
        problems: Problems,
        *,
        outer: Section | None = None,
        inherited: Collection[str] = (),
    ) -> None:
        self.path = path
        self.problems = problems
        self.values = {key: value for key, value in values.items() if isinstance(key, str)}
        self._outer = outer
        self._inherited = inherited
        for key in values:
            if not isinstance(key, str):
                problems.add(path, f"the key {shown(key)} is not a text; put it in quotes")

    def place(self, name: str) -> str:
        """Return the full path of a setting: here, or where it is inherited from."""
        holder = self._holder(name)
        return child_path((holder or self).path, name)

    def raw(self, name: str) -> Any:
        """Return a setting unchecked."""
        holder = self._holder(name)
        return holder.values[name] if holder else None

    def refuse(self, name: str, allowed: str, *, close_to: Collection[str] = ()) -> None:
        """Note that the value of a setting is not one of those allowed."""
        value = self.raw(name)
        match = close_match(value, close_to) if isinstance(value, str) else None
        hint = f" (did you mean {match}?)" if match else ""
        self.problems.add(self.place(name), f"{shown(value)} is not allowed; give {allowed}{hint}")

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Note every key that is not one of the known.

        The value of an unknown key is not shown: it may be a secret under a name that nobody thought of.
        """
        self.refuse_secrets()
        for name in self.values:
            if name in known or name.lower() in _SECRET_NAMES:
                continue
            match = close_match(name, [*sorted(known), *_SECRET_NAMES])
            if match in _SECRET_NAMES:
                text = f"unknown key; if it is {match}, {_NO_SECRETS}"
            else:
                hint = f" (did you mean {match}?)" if match else ""
                text = f"unknown key{hint}; allowed are {', '.join(sorted(known))}"
            self.problems.add(child_path(self.path, name), text)

    def refuse_secrets(self) -> None:
        """Note every key that is the name of a secret."""
        for name in self.values:
            if name.lower() in _SECRET_NAMES:
                self.problems.add(child_path(self.path, name), _NO_SECRETS)

    def text(
        self,
        name: str,
        default: D,
        *,
        form: re.Pattern[str] | None = None,
        allowed: str = "a text that is not empty",
    ) -> str | D:
        """Return a text of the given form, or any text but an empty one. A number is taken as its digits."""
        value = self.raw(name)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and (form.fullmatch(value) if form else value.strip() and value.isprintable()):
            return value
        self.refuse(name, allowed)
        return default

    def count(self, name: str, default: D, *, minimum: int, maximum: int, unit: str = "") -> int | D:
        """Return a whole number within the bounds, both allowed."""
        value = self.raw(name)
        if value is None:
            return default
        number = _whole_number(value)
        if number is not None and minimum <= number <= maximum:
            return number
        self.refuse(name, f"a whole number{unit} from {minimum} to {maximum}")
        return default

    def seconds(self, name: str, default: timedelta, *, minimum: int, maximum: int) -> timedelta:
        """Return a span of time that is given in whole seconds."""
        count = self.count(name, None, minimum=minimum, maximum=maximum, unit=" of seconds")
        return default if count is None else timedelta(seconds=count)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self.raw(name)
        if isinstance(value, str):
            value = _FLAGS.get(value.strip().lower(), value)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.refuse(name, "true or false")
        return default

    def choice(self, name: str, default: E) -> E:
        """Return a member of the enumeration that ``default`` belongs to."""
        value = self.raw(name)
        if value is None:
            return default
        members = {member.value: member for member in type(default)}
        if isinstance(value, str) and value in members:
            return members[value]
        self.refuse(name, " or ".join(members), close_to=list(members))
        return default

    def instant(self, name: str) -> datetime | None:
        """Return a time as an aware datetime in UTC; one without an offset is taken as UTC."""
        value = self.raw(name)
        if value is None:
            return None
        if isinstance(value, datetime):
            return as_utc(value)
        try:
            return parse_instant(value if isinstance(value, str) else "")
        except (ConfigurationError, OverflowError):
            self.refuse(name, "a time in ISO 8601, such as 2026-02-07T00:00:00Z")
            return None

    def section(self, name: str) -> Section | None:
        """Return the mapping under a key of this section's own, empty where it is null, None where absent."""
        if name not in self.values:
            return None
        value, path = self.values[name], child_path(self.path, name)
        if isinstance(value, Mapping):
            return Section(value, path, self.problems)
        if value is not None:
            self.problems.add(path, f"{shown(value)} is not allowed; give a mapping")
        return self.empty(name)

    def empty(self, name: str) -> Section:
        """Return a section without settings, in the place of a key."""
        return Section({}, child_path(self.path, name), self.problems)

    def within(self, outer: Section, inherited: Collection[str]) -> Section:
        """Return this section with the settings of another to fall back on."""
        return Section(self.values, self.path, self.problems, outer=outer, inherited=inherited)

    def unfolded(self, heads: Collection[str]) -> Section:
        """Return this section with keys such as ``indicators.domain.lookup_name`` turned into mappings.

        :param heads: what such a key must begin with.
        """
        dotted = [name for name in self.values if "." in name and name.partition(".")[0] in heads]
        values = {name: value for name, value in self.values.items() if name not in dotted}
        for name in dotted:
            *outer_keys, last = name.split(".")
            holder: dict[str, Any] | None = values
            for key in outer_keys:
                holder = _opened(holder, key) if holder is not None else None
            if holder is not None and last in holder:
                self.problems.add(child_path(self.path, name), "the key is there twice; keep one")
            elif holder is not None:
                holder[last] = self.values[name]
        return Section(values, self.path, self.problems)

    def _holder(self, name: str) -> Section | None:
        if self.values.get(name) is not None:
            return self
        return self._outer._holder(name) if self._outer and name in self._inherited else None


def _whole_number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
        return int(value)
    return None


def _opened(holder: dict[str, Any], key: str) -> dict[str, Any] | None:
    """Return the mapping under a key as one that may be added to; None where something else is there."""
    inner = holder.get(key)
    if inner is not None and not isinstance(inner, Mapping):
        return None
    holder[key] = dict(inner or {})
    opened: dict[str, Any] = holder[key]
    return opened
