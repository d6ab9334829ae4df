"""The benchmarks run to their end and lose nothing. Their speed depends on the machine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.case import Bar
from benchmarks.registry import CASES
from benchmarks.runs import Figures, judge

_PROJECT = Path(__file__).parents[2]
_RUN = [
    "events-tls-100", "events-tcp-100", "events-http", "rows", "pipeline", "latency-ignite_v2-0", "memory-pull",
    "memory-sync", "parse", "requests", "break-tls-reset",
]  # fmt: skip
_CELLS = r" +1( +[\d,]+)( +[\d.]+){3}( +[\d,]+) +[\d.]+ +[\d,]+ +\d+ +[\d.]+ +-?[\d,]+ +[\d,]+$"


@pytest.fixture(scope="module")
def printed() -> str:
    """The output of a small run."""
    command = [sys.executable, "-m", "benchmarks", "--runs", "1", "--scale", "0.002", "--only", *_RUN]
    done = subprocess.run(command, cwd=_PROJECT, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.mark.parametrize("name", _RUN)
def test_every_contender_of_a_case_prints_its_figures(printed: str, name: str) -> None:
    """Below the title of a case each contender has a line with amount, times, memory and losses."""
    case = CASES[name]
    block = printed.split(f"{case.title} [{name}]\n")[1]
    lines = block.splitlines()[: len(case.contenders)]
    assert {re.split(r" {2,}", line.strip())[0] for line in lines} == set(case.contenders)
    assert all(re.search(_CELLS, line) for line in lines), lines


@pytest.mark.parametrize("name", _RUN)
def test_every_bar_is_printed(printed: str, name: str) -> None:
    """Each bar has a line with its result, the value and the bound."""
    for bar in CASES[name].bars:
        assert re.search(rf"^(PASS |below)  {re.escape(bar.text)}: [\d.e+-]+ \(at (least|most) ", printed, re.MULTILINE)


def test_nothing_is_lost(printed: str) -> None:
    """On any machine, everything that ours sent arrives."""
    lost = re.findall(r"^(PASS |below)  .*lost: ", printed, re.MULTILINE)
    assert len(lost) >= 6
    assert set(lost) == {"PASS "}


def figures(**changes: float) -> Figures:
    return Figures(**{"done": 100, "seconds": 1.0, "cpu_s": 1.0, "peak_bytes": 1000, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bar", "value", "held"),
    [
        (Bar("rate", "rate", to="other", at_least=2.0), 2.0, True),
        (Bar("rate", "rate", to="other", at_least=2.1), 2.0, False),
        (Bar("peak", "peak_mib", to="other", at_most=1.0), 1.0, True),
        (Bar("peak", "peak_mib", to="other", at_most=0.9), 1.0, False),
        (Bar("the most of all runs", "lost", at_most=0), 3, False),
    ],
)
def test_a_bar_is_judged_by_medians_and_by_the_most_that_was_lost(bar: Bar, value: float, held: bool) -> None:
    """One slow run does not change a ratio; one lost event fails a bar."""
    runs = {
        "ours": [figures(seconds=1.0), figures(seconds=9.0), figures(seconds=1.0, lost=3)],
        "other": [figures(seconds=2.0)],
    }
    assert judge(bar, runs) == (value, held)
