"""Reading ahead where it ends early."""

from __future__ import annotations

import threading

import pytest

from airflow_provider_flashpoint.core.flashpoint.page import Answer
from airflow_provider_flashpoint.core.flashpoint.paging.read_ahead import ReadAhead
from airflow_provider_flashpoint.errors import ServerError


def test_an_error_does_not_wait_for_requests_that_wait() -> None:
    """After an error, such as that of a task which is told to end, nobody waits for a request that waits minutes."""
    asked, released, answered = threading.Event(), threading.Event(), threading.Event()

    def read(place: int) -> Answer:
        if place:
            asked.set()
            released.wait(30)
            answered.set()
        else:
            asked.wait(30)
        return Answer([])

    with pytest.raises(ServerError), ReadAhead(read, 2) as ahead:
        ahead.read(0, [1])
        raise ServerError("The first page is wrong.")
    assert asked.is_set()
    assert not answered.is_set()
    released.set()
