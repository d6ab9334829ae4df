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
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_THRESHOLD, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _return_large_blocks() -> None:
    """Let malloc return large blocks, such as pages, to the system as soon as they are freed.

    glibc does so until the first one is freed, and then puts later ones into heaps, whose gaps grow: 30 MiB in a pull.
    """
    import ctypes

    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
