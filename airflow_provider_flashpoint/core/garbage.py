"""Memory management of the process during pipelines: Python's cyclic garbage collector, and malloc."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Generator

_THRESHOLD = 50_000  # new containers between collections; by default 700
_M_MMAP_THRESHOLD = -3  # from malloc.h of glibc
_LARGE_BYTES = 2 << 20


@contextlib.contextmanager
def rare_collections() -> Generator[None, None, None]:
    """Collect cycles rarely, and only among new objects. Usable as a decorator.

    Records have no cycles, so collections find nothing in them: they took a fifth of the CPU of a pull.
    """
    _return_large_blocks()
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    gc.freeze()
    gc.set_threshold(_THRESHOLD, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        if not frozen:  # where a parent process froze objects before it forked, they stay shared with it
            gc.unfreeze()


def _return_large_blocks() -> None:
    """Let malloc return large blocks, such as pages, to the system as soon as they are freed.

    glibc does so until the first one is freed, and then puts later ones into heaps, whose gaps grow: 30 MiB in a pull.
    """
    # Only glibc has mallopt: elsewhere its name is missing (macOS, musl), or None names no library (Windows, a static
    # build). Nothing is restored, since glibc does not report the old threshold, and the process of a task ends soon.
    with contextlib.suppress(ImportError, OSError, TypeError, AttributeError):
        import ctypes

        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
