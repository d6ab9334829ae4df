"""The data that all cases share: indicators of one type, spread over one day, and their table and lookup."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.window import Window

INDICATOR_TYPE = "domain"
LOOKUP_KEY = "value.domain"
LOOKUP = "Flashpoint_Benchmark"
COLUMNS = 20
TAG = "my.app.flashpoint.benchmark"

DAY = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


def window() -> Window:
    """Return the day that the indicators are spread over."""
    from airflow_provider_flashpoint.core.window import Window

    return Window(*DAY)


def messages(count: int, size_bytes: int) -> list[str]:
    """Return JSON events of this size in ASCII, each with a unique ``id``."""
    stem = '{"id":"event-%08d","text":"'
    text = "x" * (size_bytes - len(stem % 0) - len('"}'))
    return [f'{stem % number}{text}"}}' for number in range(count)]
