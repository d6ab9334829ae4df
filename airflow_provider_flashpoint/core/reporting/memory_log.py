"""Log lines about memory: process and machine, before and after garbage collection."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_flashpoint.core.secrets.foreign_text import logger

_PERIOD_S = 300.0
_MIB = 1 << 20

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Memory:
    """``process_bytes`` is resident memory, ``global_percent`` the share of the machine's memory in use."""

    process_bytes: int
    global_percent: float


def used_memory(proc: Path = Path("/proc")) -> Memory | None:
    """Return the memory in use as Linux reports it (proc(5)); None on other machines."""
    try:
        resident_pages = int((proc / "self/statm").read_text().split()[1])
        lines = (line.split(":") for line in (proc / "meminfo").read_text().splitlines())
        kib = {name: int(value.split()[0]) for name, value in lines}
        available, total = kib["MemAvailable"], kib["MemTotal"]
    except (OSError, ValueError, KeyError, IndexError):
        return None
    return Memory(resident_pages * os.sysconf("SC_PAGE_SIZE"), 100.0 * (total - available) / total)


class MemoryLog:
    """Logs how much memory is used, at most once per period.

    :param period_s: the shortest time between two log lines.
    """

    def __init__(
        self,
        *,
        period_s: float = _PERIOD_S,
        clock: Callable[[], float] = time.monotonic,
        measure: Callable[[], Memory | None] = used_memory,
    ) -> None:
        self._period_s = period_s
        self._clock = clock
        self._measure = measure
        self._next = clock() + period_s

    def look(self) -> None:
        """Collect garbage and log the memory, if the period is over."""
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
