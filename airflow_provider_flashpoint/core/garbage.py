"""Python's cyclic garbage collector during pipelines."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager

_THRESHOLD = 50_000  # new containers between collections; by default 700


@contextmanager
def rare_collections() -> Generator[None, None, None]:
    """Collect cycles rarely, and only among new objects. Usable as a decorator.

    Records have no cycles, so collections find nothing in them: they took a fifth of the CPU of a pull.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_THRESHOLD, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
