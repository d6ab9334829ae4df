"""Reports that are due at some page: what is logged or sent while pages pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Observer(Protocol):
    """Reports when it is due, such as `MemoryLog`, `SenderLog` and `Telemetry`."""

    def look(self) -> None:
        """Report, if that is due."""


def observed(items: Iterable[Item], *observers: Observer) -> Iterator[Item]:
    """Yield ``items``, and call each observer before each of them."""
    for item in items:
        for observer in observers:
            observer.look()
        yield item
