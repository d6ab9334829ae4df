"""The order of the times of records, which says what a walk has still to read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_flashpoint.core.flashpoint.paging.order import Order
from airflow_provider_flashpoint.core.window import Window

START = datetime(2024, 1, 1, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(seconds=200))


def times(*seconds: int) -> list[int]:
    return [round(START.timestamp() + second) * 1_000_000 for second in seconds]


@pytest.mark.parametrize("step", [1, -1])
def test_pages_in_the_opposite_order(step: int) -> None:
    """Pages that are sorted, but follow each other in the opposite order, prove nothing."""
    first, second = sorted([times(*range(100)), times(*range(100, 200))], reverse=step > 0)
    order = Order()
    for page in (first, second):
        order.observe(page[::step])
    assert order.direction == 0
    assert order.still_to_read(WINDOW) is None


@pytest.mark.parametrize("step", [1, -1])
def test_pages_that_overlap(step: int) -> None:
    """A page that begins before the end of the page before is no other order."""
    pages = [times(*range(100)), times(*range(98, 200))] if step > 0 else [times(*range(99, 200)), times(*range(102))]
    order = Order()
    for number, page in enumerate(pages):
        order.observe(page[::step], overlaps=number > 0)
    assert order.direction == step
