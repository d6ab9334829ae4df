"""The garbage collector during pipelines."""

from __future__ import annotations

import ctypes
import gc
import sys
from types import SimpleNamespace

import pytest

from airflow_provider_flashpoint.core.garbage import rare_collections


def test_restored_after_an_error() -> None:
    """The collector works as before once the pipeline has ended, also with an error."""
    before = gc.get_threshold(), gc.get_freeze_count()

    @rare_collections()
    def fail() -> None:
        assert gc.get_threshold()[0] > before[0][0]
        assert gc.get_freeze_count() > before[1]
        raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert (gc.get_threshold(), gc.get_freeze_count()) == before


def test_objects_frozen_before_stay_frozen() -> None:
    """Objects that were frozen before, as a forking parent does, are frozen afterwards."""
    gc.freeze()
    try:
        before = gc.get_freeze_count()
        with rare_collections():
            pass
        assert gc.get_freeze_count() >= before
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("error", [OSError, TypeError, None], ids=["no library", "Windows", "no mallopt"])
def test_other_c_libraries(monkeypatch: pytest.MonkeyPatch, error: type[Exception] | None) -> None:
    """Where the C library has no mallopt, the pipeline runs all the same."""

    def load(name: str | None) -> object:
        if error:
            raise error
        return SimpleNamespace()

    monkeypatch.setattr(ctypes, "CDLL", load)
    with rare_collections():
        ran = True
    assert ran


def test_without_ctypes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python was built without ctypes, the pipeline runs all the same."""
    monkeypatch.setitem(sys.modules, "ctypes", None)
    with rare_collections():
        ran = True
    assert ran
