"""The benchmarks run to their end; what they find depends on the machine and is not judged here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

_PROJECT = Path(__file__).parents[2]
_FIGURES = r" +[\d,]+ +[\d.]+ +[\d,]+ +[\d.]+ +[\d.]+$"


@pytest.fixture(scope="module")
def printed() -> str:
    """What a run with few rows prints."""
    command = [sys.executable, "-m", "benchmarks", "--rows", "200", "400"]
    done = subprocess.run(command, cwd=_PROJECT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.mark.parametrize("case", ["pull -> flatten -> stage", "stage -> lookup"])
@pytest.mark.parametrize("rows", [200, 400])
def test_each_case_prints_its_figures(printed: str, case: str, rows: int) -> None:
    """Every case of every size ends and has a line of rows brought, seconds, rows per second, peak and ratio."""
    assert re.search(rf"^{re.escape(case)} +{rows}{_FIGURES}", printed, re.MULTILINE), printed


def test_the_verdict_on_memory_is_told(printed: str) -> None:
    """The last line names both sizes, the bar, and whether it was held."""
    assert re.fullmatch(r"Peak memory of 400 rows within 1\.2x of 200 rows: (NOT )?HELD", printed.splitlines()[-1])
