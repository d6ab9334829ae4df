"""The origin of records: the API generation and the filters that they were read with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The API generation and the filters; None if not known.

    :param same_documents: the generations whose records are the same documents as those of ``api``.
    """

    api: str | None = None
    filters: Mapping[str, str] | None = None
    same_documents: Collection[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what a stage and a state keep."""
        return {"api": self.api, "filters": dict(self.filters or {})}

    def differs_from(self, stored: Origin) -> str:
        """Return a sentence about the differences to an earlier origin, empty without any."""
        changes = [
            f"{name} was {before!r} and is now {now!r}"
            for name, before, now in (("api", stored.api, self.api), ("filters", stored.filters, self.filters))
            if before is not None and now is not None and before != now
        ]
        return f"The source has changed: {' and '.join(changes)}." if changes else ""

    def continues(self, stored: Origin) -> bool:
        """Return whether records of this origin may join those of an earlier one."""
        is_same_api = None in (stored.api, self.api) or stored.api in (self.api, *self.same_documents)
        return is_same_api and (None in (stored.filters, self.filters) or stored.filters == self.filters)
