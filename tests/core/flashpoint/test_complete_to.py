"""While pages are read, the source says up to which time all records came, so that a pull can keep what is complete."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.window import Window
from sandbox.flashpoint.versions import iso_us
from tests.core.flashpoint.sandbox_in_process import InProcess
from tests.core.flashpoint.test_contract_properties import BOUNDS, MOMENTS, PAGE_SIZES, ROWS, TIES, WINDOW, Row

TIME_OF: dict[str, Callable[[dict[str, Any]], int]] = {
    "publish_indicators": lambda record: record["header_"]["indexed_at"] * 1_000_000,
    "publish_indicators_v2": lambda record: iso_us(record["modified_at"]),
    "publish_alerts": lambda record: round(record["ts"] * 1e6),
    "publish_notifications": lambda record: iso_us(record["created_at"]),
    "publish_credentials": lambda record: record["_source"]["header_"]["indexed_at"] * 1_000_000,
    "publish_vulnerabilities": lambda record: iso_us(record["timelines"]["last_modified_at"]),
    "publish_reports": lambda record: iso_us(record["updated_at"]),
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@given(MOMENTS, TIES, PAGE_SIZES, BOUNDS, st.sampled_from([1, 4]))
@settings(max_examples=20, deadline=None)
def test_nothing_before_it_is_still_to_come(
    row: Row, moments: list[int], ties: list[int], page_size: int, bounds: Any, in_flight: int
) -> None:
    """All records before `complete_to` were in earlier pages, and it is a whole second that never goes back."""
    sandbox = InProcess(bounds=bounds)
    row.publish_to(sandbox, moments + ties)
    assert_complete(sandbox, row, WINDOW, page_size=page_size, requests_in_flight=in_flight)


def assert_complete(sandbox: InProcess, row: Row, window: Window, **options: int) -> list[datetime]:
    """Read a window, check `complete_to` after each page, and return its values."""
    source = sandbox.client(row.api, **options).source(row.data_set)
    reached: list[datetime | None] = []
    times: list[list[int]] = []
    for page in source.pages(window):
        reached.append(source.complete_to)
        times.append([TIME_OF[row.publish](record) for record in page])
    reached.append(source.complete_to)
    known = [each for each in reached if each is not None]
    assert known == sorted(known) and not any(each.microsecond for each in known)
    for number, moment in enumerate(reached):
        # A page may repeat records, so only those that come for the first time count.
        earlier = {each for page in times[:number] for each in page}
        later = {each for page in times[number:] for each in page} - earlier
        assert moment is None or all(each >= moment.timestamp() * 1e6 for each in later if each >= _start_us(window))
    return known


def _start_us(window: Window) -> int:
    return round(window.start.timestamp() * 1e6)


@pytest.mark.parametrize("row", ROWS[:2], ids=lambda row: row.name)
def test_a_window_in_parts_is_complete_part_by_part(row: Row) -> None:
    """A window that holds more than can be skipped is complete up to the end of each part, in the end up to its own."""
    sandbox = InProcess()
    row.publish_to(sandbox, [number * 1_000 for number in range(12_000)])
    reached = assert_complete(sandbox, row, WINDOW)
    assert len(set(reached)) > 1
    assert reached[-1] == WINDOW.end
