"""Secrets that records hold, such as passwords: removed before anything else sees a record.

Of an object that holds a secret, such as a cookie, only known harmless attributes are kept. URLs lose their user info.

Obfuscation (`core.secrets.obfuscate`) hides the values that users name by their paths. Secrets are removed without a
rule, and wherever they stand, since a record may repeat them at another place or in another shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.page import Record

_MAX_LEVELS = 100
_HARMLESS = frozenset((
    "name", "domain", "path", "expires", "expiry", "expiration", "expirationdate", "max_age", "secure", "http_only",
    "httponly", "same_site", "samesite", "host_only", "hostonly", "created_at", "last_accessed_at",
))  # fmt: skip
_USER_INFO = re.compile(r"(?<=://)[^/?#\s]*@")


class SecretFields:
    """Removes the values of some keys from records.

    :param names: the keys, in any case. ``cookies.value`` names the key ``value`` of the objects in ``cookies``;
        of these objects, the attributes in `_HARMLESS` stay. Everything else that stands in ``cookies`` is secret too.
    :param cleaned_before: the records may have been cleaned before; what that left of such objects stays.
    """

    def __init__(self, names: Iterable[str], *, cleaned_before: bool = False) -> None:
        names = tuple(names)
        parts = [name.casefold().partition(".") for name in names]
        self._keys = {key for key, _, inner in parts if not inner}
        self._holders = {key: inner for key, _, inner in parts if inner}
        self._of_others = SecretFields(names) if cleaned_before else None

    def removed_from(self, record: Record) -> Record:
        """Return ``record`` without secrets, and without everything below `_MAX_LEVELS` levels."""
        cleaned: Record = self._cleaned(record, 0)
        return cleaned if self._of_others is None or cleaned == record else self._of_others.removed_from(record)

    def _cleaned(self, value: Any, level: int) -> Any:
        if level > _MAX_LEVELS:
            return None
        if isinstance(value, msgspec.Raw):
            value = codec.decode(value)
        if isinstance(value, list):
            return [self._cleaned(item, level + 1) for item in value]
        if isinstance(value, str):
            return _USER_INFO.sub("", value)
        if not isinstance(value, dict):
            return value
        kept = {}
        for key, inner in value.items():
            *way, last = parts = key.casefold().split(".")  # a search names fields by dotted paths
            if not (self._keys.intersection(parts) or self._holders.keys() & set(way)):
                holder = self._holders.get(last)
                kept[key] = self._held(inner, holder, level + 1) if holder else self._cleaned(inner, level + 1)
        return kept

    def _held(self, value: Any, name: str, level: int) -> Any:
        """Return the harmless attributes of objects whose secret has the key ``name``; None for any other value."""
        if isinstance(value, msgspec.Raw):
            value = codec.decode(value)
        if isinstance(value, list) and level <= _MAX_LEVELS:
            return [self._held(item, name, level + 1) for item in value]
        if isinstance(value, dict):
            harmless = {key: each for key, each in value.items() if key.casefold() in _HARMLESS and _is_scalar(each)}
            if name in map(str.casefold, value) or (self._of_others and len(harmless) == len(value)):
                return self._cleaned(harmless, level)
        return None


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))
