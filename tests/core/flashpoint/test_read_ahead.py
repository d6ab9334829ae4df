"""Reading ahead: its end after an error, and pages that are not wanted any more."""

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


def test_a_page_that_is_forgotten_leaves_its_place_to_another() -> None:
    """Pages that are no longer wanted do not count as waiting."""
    with ReadAhead(lambda place: Answer([place]), 1) as ahead:
        ahead.read(0, [1])
        ahead.read(2, [3])  # 1 and 3 wait, and no other may
        ahead.forget(lambda place: place == 1)
        ahead.read(4, [5])
        ahead.read(6, ())  # the only thread has read 5 before it
        assert ahead.known(1) is None
        assert ahead.known(5) is not None
