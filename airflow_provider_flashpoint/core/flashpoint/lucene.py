"""Searches whose window and filters are clauses of one text, in the language of Lucene."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from airflow_provider_flashpoint.core.flashpoint.filters import Filter
from airflow_provider_flashpoint.core.window import Window


@dataclass(frozen=True, slots=True)
class Clause(Filter):
    """A filter that is a clause; ``parameter`` is the field. A text must be equal as a whole."""

    def joined(self, values: Iterable[str]) -> str:
        """Return the values as a clause has them."""
        if not self.is_list:
            return "".join(values)
        return f"({' OR '.join(json.dumps(value, ensure_ascii=False) for value in values)})"


@dataclass(frozen=True, slots=True)
class Search:
    """A search for records of one kind.

    :param parameter: the parameter of the request.
    :param kind: the clause that selects the kind.
    :param time_field: the time of a record, in seconds since 1970. Both bounds are inclusive.
    """

    parameter: str
    kind: str
    time_field: str

    def text(self, window: Window | None, clauses: Mapping[str, str]) -> str:
        """Return the text of a search, of all times without a window. Each clause must hold."""
        parts = {name: f"+{name}:{value}" for name, value in clauses.items()}
        if window:
            start, end = (int(bound.timestamp()) for bound in window.request_bounds())
            parts[self.time_field] = f"+{self.time_field}:[{start} TO {end}]"
        return " ".join([self.kind, *parts.values()])
