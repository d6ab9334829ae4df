"""The log of a long pull: records, rate and share, at most once per period."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_flashpoint.core.reporting.pull_log import PullLog


def lines(caplog: pytest.LogCaptureFixture, staged: int, looks: list[tuple[float, int, float]]) -> list[str]:
    """Return the log lines of looks at times, with records and shares."""
    times = iter([0.0, *(time for time, _, _ in looks)])
    log = PullLog(staged, period_s=60.0, clock=lambda: next(times))
    with caplog.at_level(logging.INFO):
        for _, records, share in looks:
            log.look(records, share)
    return [record.getMessage() for record in caplog.records]


def test_a_short_pull_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Within the first period there is no line."""
    assert lines(caplog, 0, [(1.0, 100, 0.1), (59.9, 6000, 0.9)]) == []


def test_each_period_has_a_line(caplog: pytest.LogCaptureFixture) -> None:
    """A line has all records so far, the rate of this attempt, and the share of the window."""
    assert lines(caplog, 1000, [(60.0, 4000, 0.421), (61.0, 4100, 0.43), (120.0, 7000, 0.5)]) == [
        "Staged 4000 indicators so far (50/s), 42 % of the window.",
        "Staged 7000 indicators so far (50/s), 50 % of the window.",
    ]


def test_an_unknown_share_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    """A way of paging that never knows what is complete shows records and rate alone."""
    assert lines(caplog, 0, [(60.0, 600, 0.0)]) == ["Staged 600 indicators so far (10/s)."]
