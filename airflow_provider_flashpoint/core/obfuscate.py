"""Values hidden before a record goes anywhere: as a digest, as a constant, or left out.

A rule names the keys that lead to a value. Where a list lies on the way, every item of it is meant, and so are the
items of lists within lists. Whatever stands at the end of the path is hidden as a whole, be it a dictionary or a list.
Where two rules meet, the shorter path hides what the longer one leads to.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_provider_flashpoint.core.flashpoint.page import Record
from airflow_provider_flashpoint.errors import DataError

MASK = "***"

_TOO_DEEP = "A record is nested more deeply than can be obfuscated."

_log = logging.getLogger(__name__)


class ObfuscationAction(StrEnum):
    """What becomes of an obfuscated value: a digest, a constant, or nothing."""

    HASH = "hash"
    MASK = "mask"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class ObfuscationRule:
    """One value of each record to hide.

    ``path`` holds the keys that lead to it in the record as Flashpoint gives it. Where a list lies on the
    way, every item of it is meant.
    """

    path: tuple[str, ...]
    action: ObfuscationAction

    def __str__(self) -> str:
        return f"{self.action} of {'.'.join(self.path)!r}"

    def to_dict(self) -> dict[str, Any]:
        """Return the rule in JSON's own types, as the configuration file and the operators take it."""
        return {"path": list(self.path), "action": self.action.value}


_Tree = dict[str, "ObfuscationRule | _Tree"]


class Obfuscator:
    """Hides values of records, by rules that are compiled once.

    :param secret: digests are HMAC-SHA256 (RFC 2104) with it, and SHA-256 without. The same secret gives the same
        digest in every run, so that hashed values can still be joined.
    """

    def __init__(self, rules: Iterable[ObfuscationRule] = (), *, secret: str = "") -> None:
        self._secret = secret.encode("utf-8", "surrogatepass")
        self.counts = dict.fromkeys(rules, 0)
        """How many values each rule has met."""
        self._tree: _Tree = {}
        for rule in sorted(self.counts, key=lambda rule: len(rule.path)):
            _plant(rule, self._tree)

    def hide(self, record: Record) -> Record:
        """Return ``record`` with its values hidden; what a rule changes is a copy, and ``record`` stays as it is.

        Null and the empty text are not hashed: whoever needs a value, such as a key, must see that it is missing.

        :raises DataError: a value is nested more deeply than can be read.
        """
        try:
            hidden: Record = self._hide(record, self._tree)
        except RecursionError as error:
            raise DataError(_TOO_DEEP) from error
        return hidden

    def fingerprint(self, record: Record) -> str:
        """Return a digest of all of ``record``, in hexadecimal; the order of keys does not matter.

        :raises DataError: as `hide`.
        """
        try:
            return self._digest(_canonical(record))
        except RecursionError as error:
            raise DataError(_TOO_DEEP) from error

    def report(self, records: int) -> None:
        """Log how often each rule met a value in so many records, and warn of those that never did."""
        for rule, count in self.counts.items():
            if count:
                _log.info("Obfuscation: %s, %d values in %d records.", rule, count, records)
            elif records:
                _log.warning("Obfuscation: %s met no value in %d records; look at its path.", rule, records)

    def _hide(self, value: Any, tree: _Tree) -> Any:
        if isinstance(value, list):
            return [self._hide(item, tree) for item in value]
        if not isinstance(value, dict) or tree.keys().isdisjoint(value):
            return value
        copy = dict(value)
        for key, branch in tree.items():
            if key not in value:
                continue
            if isinstance(branch, dict):
                copy[key] = self._hide(value[key], branch)
                continue
            self.counts[branch] += 1
            if branch.action is ObfuscationAction.DROP:
                del copy[key]
            else:
                copy[key] = MASK if branch.action is ObfuscationAction.MASK else self._hashed(value[key])
        return copy

    def _hashed(self, value: Any) -> Any:
        if value is None or value == "":
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
            return  # a shorter path hides this one
        tree = branch
    tree.setdefault(last, rule)


def _canonical(value: Any) -> bytes:
    """Return the one JSON text of a value: keys in order, no blanks, ASCII alone."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")
