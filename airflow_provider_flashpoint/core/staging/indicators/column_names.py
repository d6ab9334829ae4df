"""The flattened names of a stage, by how many rows have them. They are bounded, whatever the records hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

MOST_NAMES = 2000
"""The number of names that a stage shows at most, and so of the columns of a lookup."""

_LONGEST_NAME = 250
_MOST_CHARACTERS = 100_000  # of all names, which become one XCom
_MOST_COUNTED = 100_000
_MOST_SHAPES = 200


class ColumnNames:
    """Counts the rows that have a name. Rare names are forgotten where there are too many to count."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._shapes: Counter[tuple[str, ...]] = Counter()  # most rows have the same names, counted at once

    def add(self, rows: Iterable[Iterable[str]]) -> None:
        """Count the names of ``rows``."""
        self._shapes.update(map(tuple, rows))
        if len(self._shapes) > _MOST_SHAPES:
            self._count_names()

    def add_counts(self, counts: Mapping[str, int]) -> None:
        """Add the counts of other rows."""
        self._rows.update(counts)

    def counts(self, most: int | None = None) -> dict[str, int]:
        """Return how many rows have each name; at most the ``most`` names of most rows."""
        self._count_names()
        return dict(self._rows.most_common(most))

    def most_common(self, key: str | None) -> tuple[str, ...]:
        """Return the names, those of most rows first, then by alphabet.

        Left out are blank and very long names, and those of the fewest rows if there are too many.

        :param key: a name that is never left out if a row has it.
        """
        self._count_names()
        names = [key] if key is not None and key in self._rows else []
        characters = 0
        for name in sorted(self._rows, key=lambda name: (-self._rows[name], name)):
            if name == key or not name.strip() or len(name) > _LONGEST_NAME:
                continue
            characters += len(name)
            if len(names) == MOST_NAMES or characters > _MOST_CHARACTERS:
                break
            names.append(name)
        return tuple(names)

    def _count_names(self) -> None:
        for shape, rows in self._shapes.items():
            self._rows.update(dict.fromkeys(shape, rows))
        self._shapes.clear()
        if len(self._rows) > _MOST_COUNTED:
            self._rows = Counter(dict(self._rows.most_common(_MOST_COUNTED // 2)))
