"""The key of a stream, by which its state, ledgers, locks and stages are kept."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import astuple, dataclass

from airflow_provider_flashpoint.core.flashpoint.api import EVENT_DATA_SETS, DataSet

_ENDINGS = tuple(f"__{each}" for each in EVENT_DATA_SETS)  # of the names of streams, not of tags
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_DIGEST_CHARACTERS = 16
_LONGEST_VARIABLE = 250  # Airflow's limit
_READABLE_CHARACTERS = 60


def event_stream(tag: str, kind: str) -> str:
    """Return the name of the stream of a data set in a table. Data sets may share a table, not a state."""
    return f"{tag}__{kind}"


def alert_stream(tag: str, kind: str) -> str:
    """Return the name of a stream of a `PullAlertsOperator`, which is the table for alerts."""
    is_plain = kind == DataSet.ALERTS and not tag.endswith(_ENDINGS)
    return tag if is_plain else event_stream(tag, kind)


@dataclass(frozen=True, slots=True)
class StreamKey:
    """A stream: one lookup or event table of one Devo, filled from one Flashpoint.

    :param name: the lookup, or the table; with ``__<data set>`` for keywords and keyword classes.
    :param destination: the domain of the Devo connection in lower case, or without one the id of the connection.
    :param source: the id of the Flashpoint connection.
    """

    name: str
    destination: str
    source: str

    def __str__(self) -> str:
        return f"{self.name} (destination {self.destination}, source {self.source})"

    def variable(self, prefix: str) -> str:
        """Return the name of an Airflow Variable. It ends with a digest if it would be too long or ambiguous."""
        name = f"{prefix}{'__'.join(astuple(self))}"
        is_ambiguous = any("__" in part or part.startswith("_") for part in (self.destination, self.source))
        if not is_ambiguous and not _UNSAFE.search(name) and len(name) <= _LONGEST_VARIABLE:
            return name
        return f"{_UNSAFE.sub('_', name)[: _LONGEST_VARIABLE - _DIGEST_CHARACTERS - 1]}-{self._digest()}"

    def directory(self, *more: str) -> str:
        """Return a name for a directory: a readable part, and a digest of the key and ``more``."""
        readable = _UNSAFE.sub("_", "__".join((*more, *astuple(self)))).lstrip(".")
        return f"{readable[:_READABLE_CHARACTERS]}-{self._digest(*more)}"

    def _digest(self, *more: str) -> str:
        text = json.dumps([*astuple(self), *more])
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS]
