"""The search index behind the Flashpoint sandbox: the newest version of each document, by time of update.

Like the real index it forgets a version when a newer one of the same document arrives.
"""

from __future__ import annotations

import heapq
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, Protocol

Order = Literal["asc", "desc", "shuffled"]

# A key is the time of update in microseconds, then the number of the version: sorting keys sorts both.
_NUMBER_BITS = 32
_NUMBER_MASK = (1 << _NUMBER_BITS) - 1
_END_US = 1 << 62
# The golden ratio in 64 bits. Multiplied by it, neighbouring keys end up far apart.
_SCATTER = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a document: ``body`` is its JSON, ``group`` its type."""

    identity: str
    group: str
    time_us: int
    body: bytes


class Block(Protocol):
    """Many documents of one group in the order of their times, each made when it is requested."""

    @property
    def group(self) -> str: ...

    def __len__(self) -> int: ...

    def time_us(self, offset: int) -> int:
        """Return the time of update of the document at ``offset``."""

    def body(self, offset: int) -> bytes:
        """Return the JSON of the document at ``offset``."""

    def offset(self, identity: str) -> int | None:
        """Return the offset of the document, or None if it is not in this block."""

    def identity(self, offset: int) -> str:
        """Return the identity of the document at ``offset``."""


@dataclass(frozen=True)
class Selection:
    """The keys of some groups within a window. Later updates do not change it.

    ``ranges`` holds for each group its sorted keys, and the start and end of the window in them.
    """

    ranges: Sequence[tuple[list[int], int, int]]

    def __len__(self) -> int:
        return sum(high - low for _, low, high in self.ranges)

    def walk(self, order: Order) -> Iterator[int]:
        """Yield the keys in ``order``; ``shuffled`` is the same in every walk, whatever other keys there are."""
        if order == "shuffled":
            return iter(sorted((key for keys, low, high in self.ranges for key in keys[low:high]), key=_scattered))
        falling = order == "desc"
        walks = [
            map(keys.__getitem__, range(high - 1, low - 1, -1) if falling else range(low, high))
            for keys, low, high in self.ranges
        ]
        return heapq.merge(*walks, reverse=falling)

    def page(self, order: Order, skip: int, limit: int) -> list[int]:
        """Return at most ``limit`` keys after the first ``skip``.

        The cost is that of the page for one group, ``skip + limit`` steps for several, the whole window if shuffled.
        """
        if len(self.ranges) == 1 and order != "shuffled":
            keys, low, high = self.ranges[0]
            places = range(high - 1, low - 1, -1) if order == "desc" else range(low, high)
            return [keys[place] for place in places[skip : skip + limit]]
        return list(islice(self.walk(order), skip, skip + limit))

    def page_after(self, order: Order, last: int, limit: int) -> list[int]:
        """Return at most ``limit`` keys that follow the key ``last`` in ``order``."""
        if order == "shuffled":
            behind = (key for key in self.walk(order) if _scattered(key) > _scattered(last))
            return list(islice(behind, limit))
        if order == "desc":
            rest = [(keys, low, min(high, bisect_left(keys, last))) for keys, low, high in self.ranges]
        else:
            rest = [(keys, max(low, bisect_left(keys, last + 1)), high) for keys, low, high in self.ranges]
        return Selection([(keys, low, max(low, high)) for keys, low, high in rest]).page(order, 0, limit)


class UpdateIndex:
    """The newest version of each document. Safe for many threads.

    ``bodies_read`` counts the requested bodies, so that a test can check the cost of a request.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # The lists are replaced, never changed, so that a selection stays as it is.
        self._keys: dict[str, list[int]] = {}
        self._sources: list[Version | tuple[Block, int]] = []
        self._newest: dict[str, int] = {}
        self._blocks: list[tuple[Block, int]] = []
        self.bodies_read = 0

    def __len__(self) -> int:
        return sum(len(keys) for keys in self._keys.values())

    def groups(self) -> dict[str, int]:
        """Return the number of documents by group."""
        with self._lock:
            return {group: len(keys) for group, keys in sorted(self._keys.items()) if keys}

    def publish(self, versions: Iterable[Version]) -> int:
        """Add versions, which replace earlier ones; return the number of new documents."""
        with self._lock:
            known = len(self)
            dropped: dict[str, set[int]] = {}
            added: dict[str, set[int]] = {}
            for version in versions:
                former = self._key_of(version.identity)
                if former is not None:
                    group = self._group_of(former)
                    added.get(group, set()).discard(former)
                    dropped.setdefault(group, set()).add(former)
                key = version.time_us << _NUMBER_BITS | len(self._sources)
                self._sources.append(version)
                self._newest[version.identity] = key
                added.setdefault(version.group, set()).add(key)
            for group in added.keys() | dropped.keys():
                gone = dropped.get(group, set())
                kept = [key for key in self._keys.get(group, []) if key not in gone]
                self._keys[group] = sorted(kept + list(added.get(group, ())))
            return len(self) - known

    def publish_block(self, block: Block) -> None:
        """Add a block of new documents. Each is made when it is requested."""
        with self._lock:
            first = len(self._sources)
            self._blocks.append((block, first))
            self._sources.extend([(block, first)] * len(block))
            keys = [block.time_us(offset) << _NUMBER_BITS | first + offset for offset in range(len(block))]
            self._keys[block.group] = sorted(self._keys.get(block.group, []) + keys)

    def select(self, groups: Iterable[str] | None, low_us: int | None, high_us: int | None) -> Selection:
        """Return the keys within ``[low_us, high_us)``. None is no bound; ``groups=None`` selects all groups."""
        low = (low_us or 0) << _NUMBER_BITS
        high = (_END_US if high_us is None else high_us) << _NUMBER_BITS
        with self._lock:
            lists = [self._keys.get(group, []) for group in (self._keys if groups is None else groups)]
        ranges = [(keys, bisect_left(keys, low), bisect_left(keys, high)) for keys in lists]
        return Selection([(keys, start, max(start, end)) for keys, start, end in ranges])

    def find(self, identity: str) -> int | None:
        """Return the key of the newest version of a document, or None if there is none."""
        with self._lock:
            return self._key_of(identity)

    def body(self, key: int) -> bytes:
        """Return the JSON of a version, even if it is no longer the newest."""
        number = key & _NUMBER_MASK
        source = self._sources[number]
        self.bodies_read += 1
        if isinstance(source, Version):
            return source.body
        block, first = source
        return block.body(number - first)

    def identity(self, key: int) -> str:
        """Return the identity of the document that ``key`` is a version of."""
        number = key & _NUMBER_MASK
        source = self._sources[number]
        if isinstance(source, Version):
            return source.identity
        block, first = source
        return block.identity(number - first)

    def _key_of(self, identity: str) -> int | None:
        if identity in self._newest:
            return self._newest[identity]
        for block, first in self._blocks:
            offset = block.offset(identity)
            if offset is not None:
                return block.time_us(offset) << _NUMBER_BITS | first + offset
        return None

    def _group_of(self, key: int) -> str:
        source = self._sources[key & _NUMBER_MASK]
        return source.group if isinstance(source, Version) else source[0].group


def time_us(key: int) -> int:
    """Return the update time in a key."""
    return key >> _NUMBER_BITS


def _scattered(key: int) -> int:
    return key * _SCATTER & ((1 << 64) - 1)
