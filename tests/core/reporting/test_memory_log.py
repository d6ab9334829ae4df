"""The log of memory: before and after garbage collection, once per period, where the machine reports it."""

from __future__ import annotations

import gc
import logging
import weakref
from pathlib import Path

import pytest

from airflow_provider_flashpoint.core.reporting.memory_log import Memory, MemoryLog, used_memory


def test_before_and_after(caplog: pytest.LogCaptureFixture) -> None:
    """Once per period, the memory before and after garbage collection is logged."""
    caplog.set_level(logging.INFO)
    seconds = 0.0
    measures = iter([Memory(36 << 20, 20.44), Memory(34 << 20, 20.0)])
    log = MemoryLog(clock=lambda: seconds, measure=lambda: next(measures))
    log.look()
    seconds = 299.0
    log.look()
    assert caplog.messages == []
    seconds = 300.0
    log.look()
    log.look()
    assert caplog.messages == ["[GC] global: 20.4% -> 20.0%, process: RSS(36.00MiB -> 34.00MiB)"]


def test_garbage_is_collected_between_the_measures() -> None:
    """A reference cycle exists at the first measure, and is gone at the second."""

    class Ring(list[object]): ...

    ring = Ring()
    ring.append(ring)
    left = weakref.ref(ring)
    del ring
    there: list[bool] = []
    gc.disable()
    try:
        MemoryLog(period_s=0.0, measure=lambda: there.append(left() is not None)).look()
    finally:
        gc.enable()
    assert there == [True, False]


def test_machine_that_does_not_report_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without a proc file system nothing is logged, and nothing fails."""
    caplog.set_level(logging.INFO)
    MemoryLog(period_s=0.0, measure=lambda: used_memory(tmp_path)).look()
    assert caplog.messages == []


def test_memory_of_this_process() -> None:
    """The memory of this process is within plausible bounds."""
    memory = used_memory()
    assert memory is not None
    assert 1 << 20 < memory.process_bytes < 1 << 40
    assert 0 < memory.global_percent < 100
