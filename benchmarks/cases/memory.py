"""The steps of a sync with few rows and with many: peak memory stays, and time grows no faster than the rows.

All rows take 0.4 GB of the temporary directory for their stage, and 5.3 GB for the CSV file of the sync.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.case import Bar, Case, Contender, Measured, Work
from benchmarks.cases import pipeline

_COUNT = 1_000_000
_FEW, _SOME, _ALL = "0.5 % of them", "5 %", "all"
_SHARES = {_FEW: 0.005, _SOME: 0.05, _ALL: 1.0}
_MOST_MIB = 100
_NO_WORSE = 0.8  # fraction of the rate with 5 % of the rows that counts as linear


def _case(name: str, step: str, prepare: Callable[[Work], Measured]) -> Case:
    return Case(
        name=name,
        title=step,
        unit="rows",
        count=_COUNT,
        contenders={
            share: Contender(prepare, share=part, runs=1 if share == _ALL else None)
            for share, part in _SHARES.items()
        },
        bars=(
            Bar(f"{step}: peak memory of 0.5 % of the rows, MiB", "peak_mib", _FEW, at_most=_MOST_MIB),
            Bar(f"{step}: peak memory of all rows, MiB", "peak_mib", _ALL, at_most=_MOST_MIB),
            Bar(f"{step}: rate of all rows, of 5 % of them, times", "rate", _ALL, _SOME, at_least=_NO_WORSE),
        ),
        server={"indicators": _COUNT, "keeps_cells": False},
        runs=3,
    )  # fmt: skip


CASES = [
    _case("memory-pull", "pull -> flatten -> stage", pipeline.pull_only),
    _case("memory-sync", "stage -> lookup", pipeline.sync_only),
]
