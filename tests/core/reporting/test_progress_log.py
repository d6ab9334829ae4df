"""The log of long work: amount, rate, share and remaining time, at most once per period."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_flashpoint.core.reporting.progress_log import ProgressLog
from airflow_provider_flashpoint.core.reporting.sentences import size

TEXT = "Read {} indicators so far"


def lines(caplog: pytest.LogCaptureFixture, looks: list[tuple[float, int, float]], **options: Any) -> list[str]:
    """Return the log lines of looks at times, with amounts and shares."""
    times = iter([0.0, *(time for time, _, _ in looks)])
    log = ProgressLog(TEXT, period_s=10.0, clock=lambda: next(times), **options)
    with caplog.at_level(logging.INFO):
        for _, done, share in looks:
            log.look(done, share)
    return [record.getMessage() for record in caplog.records]


def test_short_work_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Within the first period there is no line."""
    assert lines(caplog, [(1.0, 100, 0.1), (9.9, 6000, 0.9)]) == []


def test_each_period_has_a_line(caplog: pytest.LogCaptureFixture) -> None:
    """A line has the whole amount so far, the rate, the share, and the time that the rest takes at this rate."""
    assert lines(caplog, [(10.0, 40_000, 0.2), (11.0, 41_000, 0.25), (20.0, 80_000, 0.5), (30.0, 160_000, 1.0)]) == [
        "Read 40,000 indicators so far (4,000/s), 20 %, about 40 s left.",
        "Read 80,000 indicators so far (4,000/s), 50 %, about 20 s left.",
        "Read 160,000 indicators so far (5,333/s), 100 %.",
    ]


def test_rate_and_remaining_time_are_those_of_this_attempt(caplog: pytest.LogCaptureFixture) -> None:
    """What an earlier attempt has done counts as done, and makes this one no faster."""
    assert lines(caplog, [(60.0, 40_000, 0.5)], done=10_000, share=0.4) == [
        "Read 40,000 indicators so far (500/s), 50 %, about 5 min left."
    ]


@pytest.mark.parametrize(("share", "left"), [(0.11, "81 s"), (0.1, "2 min"), (0.001, "2.8 h")])
def test_the_remaining_time_has_a_unit_that_suits_it(caplog: pytest.LogCaptureFixture, share: float, left: str) -> None:
    """Seconds up to one and a half minutes, then minutes, then hours."""
    (line,) = lines(caplog, [(10.0, 100, share)])
    assert line.endswith(f", about {left} left.")


def test_an_unknown_share_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Work whose end is not known shows amount and rate alone."""
    assert lines(caplog, [(60.0, 600, 0.0)]) == ["Read 600 indicators so far (10/s)."]


def test_items_pass_through(caplog: pytest.LogCaptureFixture) -> None:
    """The items of a loop are counted without a change; the clock is looked at once in many of them."""
    times = iter([0.0, *(9.0 * number for number in range(10))])
    log = ProgressLog(TEXT, period_s=10.0, clock=lambda: next(times))
    with caplog.at_level(logging.INFO):
        assert list(log.over(range(10_000), 10_000)) == list(range(10_000))
    assert [record.getMessage() for record in caplog.records] == [
        "Read 8,192 indicators so far (455/s), 82 %, about 4 s left."
    ]


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 bytes"), (1023, "1,023 bytes"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB")]
)
def test_sizes_have_a_unit_that_suits_them(number: int, text: str) -> None:
    """Bytes are shown in units of 1024."""
    assert size(number) == text
