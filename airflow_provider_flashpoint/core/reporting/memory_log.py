"""How much memory the process and the machine use, before and after freeing what can be freed."""

from __future__ import annotations

import gc
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

DEFAULT_PERIOD_S = 300.0
_MIB = 1 << 20

Item = TypeVar("Item")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Memory:
    """``process_bytes`` are resident; ``global_percent`` is what of the machine's memory is not available."""

    process_bytes: int
    global_percent: float


class MemoryLog:
    """Says how much memory is used, when it is looked at and the time has come.

    :param period_s: the least time between two lines.
    :param measure: returns what is used, or None where the machine does not tell; given by tests.
    """

    def __init__(
        self,
        *,
        period_s: float = DEFAULT_PERIOD_S,
        clock: Callable[[], float] = time.monotonic,
        measure: Callable[[], Memory | None] | None = None,
    ) -> None:
        self._period_s = period_s
        self._clock = clock
        self._measure = measure or used_memory
        self._next = clock() + period_s

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield ``items``, and look at the clock at each of them."""
        for item in items:
            self.look()
            yield item

    def look(self) -> None:
        """Free memory and say so, if the time has come."""
        if self._clock() < self._next:
            return
        self._next = self._clock() + self._period_s
        before = self._measure()
        gc.collect()
        after = self._measure()
        if before and after:
            _log.info(
                "[GC] global: %.1f%% -> %.1f%%, process: RSS(%.2fMiB -> %.2fMiB)",
                before.global_percent,
                after.global_percent,
                before.process_bytes / _MIB,
                after.process_bytes / _MIB,
            )


def used_memory(proc: Path = Path("/proc")) -> Memory | None:
    """Return what is used as Linux tells it (proc(5)); None on a machine that does not."""
    try:
        resident_pages = int((proc / "self/statm").read_text().split()[1])
        lines = (line.split(":") for line in (proc / "meminfo").read_text().splitlines())
        kib = {name: int(value.split()[0]) for name, value in lines}
        available, total = kib["MemAvailable"], kib["MemTotal"]
    except (OSError, ValueError, KeyError, IndexError):
        return None
    return Memory(resident_pages * os.sysconf("SC_PAGE_SIZE"), 100.0 * (total - available) / total)
