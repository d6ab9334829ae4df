"""Obfuscation: values of a record are hashed, masked or dropped before the record is stored or sent.

A rule has the path of keys to a value. In a list on the path, the rule applies to every item, also in nested lists. The
value at the end of the path is hidden as a whole, even a dictionary or a list. If two paths overlap, the shorter one
applies.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.page import Record
from airflow_provider_flashpoint.core.identity import id_of
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.errors import DataError

MASK = "***"

_DIGEST = re.compile(r"[0-9a-f]{64}")
_TOO_DEEP = "A record is nested more deeply than can be obfuscated."

_log = logger(__name__)


class ObfuscationAction(StrEnum):
    """Replace a value by a digest or by a constant, or drop it with its key."""

    HASH = "hash"
    MASK = "mask"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class ObfuscationRule:
    """A value to hide in each record; ``path`` has its keys in the record as Flashpoint gives it."""

    path: tuple[str, ...]
    action: ObfuscationAction

    def __str__(self) -> str:
        return f"{self.action} of {'.'.join(self.path)!r}"

    def to_dict(self) -> dict[str, Any]:
        """Return the rule in JSON types, as the configuration file and the operators take it."""
        return {"path": list(self.path), "action": self.action.value}


_Tree = dict[str, "ObfuscationRule | _Tree"]


class Obfuscator:
    """Hides values of records, by rules that are compiled once.

    :param secret: key of the digests, HMAC-SHA256 (RFC 2104); without it they are SHA-256. The same secret gives the
        same digests in every run, so hashed values can be joined.
    :param hidden_before: records may have been hidden before, so digests are not hashed again.
    """

    def __init__(self, rules: Iterable[ObfuscationRule] = (), *, secret: str = "", hidden_before: bool = False) -> None:
        self._secret = secret.encode("utf-8", "surrogatepass")
        self._hidden_before = hidden_before
        self.counts = dict.fromkeys(rules, 0)
        """The number of values that each rule has hidden."""
        self._tree: _Tree = {}
        for rule in sorted(self.counts, key=lambda rule: len(rule.path)):
            _plant(rule, self._tree)

    def hide(self, record: Record, *, key: str | None = None) -> Record:
        """Return ``record`` with its values hidden. The result is a copy where values change.

        Null, blank texts, and empty lists and dictionaries are not hashed: a missing value must be seen to be missing.

        :param key: the flattened name of the key, of which anything but an id is missing, see `id_of`.
        :raises DataError: a value is nested too deeply.
        """
        try:
            hidden: Record = self._hide(record, self._tree, key)
        except RecursionError as error:
            raise DataError(_TOO_DEEP) from error
        return hidden

    def for_hidden(self) -> Obfuscator:
        """Return one with the same rules for records that may have been hidden before, with counts of its own."""
        secret = self._secret.decode("utf-8", "surrogatepass")
        return Obfuscator(self.counts, secret=secret, hidden_before=True)

    def fingerprint(self, record: Record) -> str:
        """Return a digest of the whole ``record``, in hexadecimal. The order of keys does not matter.

        :raises DataError: a value is nested too deeply.
        """
        try:
            return self._digest(_canonical(record))
        except RecursionError as error:
            raise DataError(_TOO_DEEP) from error

    def report(self, records: int) -> None:
        """Log how many values each rule has hidden in this number of records, and warn of rules without a match."""
        for rule, count in self.counts.items():
            if count:
                _log.info("Obfuscation: %s, %d values in %d records.", rule, count, records)
            elif records:
                _log.warning("Obfuscation: %s matched no value in %d records; check its path.", rule, records)

    def _hide(self, value: Any, tree: _Tree, id_name: str | None) -> Any:
        if isinstance(value, msgspec.Raw):
            value = codec.decode(value)
        if isinstance(value, list):
            return [self._hide(item, tree, id_name) for item in value]
        if not isinstance(value, dict) or tree.keys().isdisjoint(value):
            return value
        copy = dict(value)
        for key, branch in tree.items():
            if key not in value:
                continue
            if isinstance(branch, dict):
                copy[key] = self._hide(value[key], branch, id_name)
                continue
            self.counts[branch] += 1
            if branch.action is ObfuscationAction.DROP:
                del copy[key]
            elif branch.action is ObfuscationAction.MASK:
                copy[key] = MASK
            elif id_name != ".".join(branch.path) or id_of(value[key]) is not None:
                copy[key] = self._hashed(value[key])
        return copy

    def _hashed(self, value: Any) -> Any:
        if value is None or value in ([], {}) or (isinstance(value, str) and not value.strip()):
            return value
        if self._hidden_before and isinstance(value, str) and _DIGEST.fullmatch(value):
            return value
        return self._digest(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else _canonical(value))

    def _digest(self, content: bytes) -> str:
        if self._secret:
            return hmac.digest(self._secret, content, "sha256").hex()
        return hashlib.sha256(content).hexdigest()


def _plant(rule: ObfuscationRule, tree: _Tree) -> None:
    *way, last = rule.path
    for key in way:
        branch = tree.setdefault(key, {})
        if not isinstance(branch, dict):
            return  # a shorter path hides this value
        tree = branch
    tree.setdefault(last, rule)


def _canonical(value: Any) -> bytes:
    """Return the canonical JSON of a value: sorted keys, no blanks, ASCII only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=codec.decode).encode("ascii")
