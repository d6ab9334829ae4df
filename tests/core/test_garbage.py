"""The garbage collector during pipelines."""

from __future__ import annotations

import gc

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
