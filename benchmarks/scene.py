"""What every case works on: indicators of one type, spread over one day."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_flashpoint.core.window import Window

INDICATOR_TYPE = "domain"
LOOKUP_KEY = "value.domain"
COLUMNS = 20


def window() -> Window:
    """Return the day that the indicators are spread over."""
    return Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
