"""The same steps with few rows and with many: peak memory stays, and time grows no faster than the rows."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial

from benchmarks.case import Bar, Case, Contender, Measured, Work
from benchmarks.cases import pipeline

_COUNT = 1_000_000
_FEW, _SOME, _ALL = "1 % of them", "5 %", "all"
_SHARES = {_FEW: 0.01, _SOME: 0.05, _ALL: 1.0}
_NO_WORSE = 0.8  # of the rate with few rows: what is called linear here
_PULL, _SYNC = "pull -> flatten -> stage", "stage -> lookup"


def pull(work: Work) -> Measured:
    """Pull a window that holds so many rows; its summary is left in the directory."""
    pipeline.load_ours()

    def run() -> int:
        summary = pipeline.pull(work)
        (work.directory / "summary.json").write_text(json.dumps(summary.to_dict()), encoding="utf-8")
        return summary.records

    return run


def sync(work: Work, share: str) -> Measured:
    """Bring a stage into a lookup. It was pulled by a process of its own, whose memory is not counted here."""
    from airflow_provider_flashpoint.core.staging.stage import StageSummary

    pipeline.load_ours()
    given = {"count": work.count, "directory": str(work.directory), "servers": work.servers}
    command = [sys.executable, "-m", "benchmarks.contender", "memory-pull", share]
    subprocess.run(command, input=json.dumps(given), stdout=subprocess.DEVNULL, text=True, check=True)
    summary = StageSummary.from_dict(json.loads((work.directory / "summary.json").read_text(encoding="utf-8")))
    return lambda: pipeline.sync(work, summary)


def _bars(step: str) -> tuple[Bar, ...]:
    return (
        Bar(f"{step}: peak memory of all rows, of 5 % of them, times", "peak_bytes", _ALL, _SOME, at_most=1.2),
        Bar(f"{step}: rate of all rows, of 1 % of them, times", "rate", _ALL, _FEW, at_least=_NO_WORSE),
    )


CASES = [
    Case(
        name="memory-pull",
        title=_PULL,
        unit="rows",
        count=_COUNT,
        contenders={name: Contender(pull, share=share) for name, share in _SHARES.items()},
        bars=_bars(_PULL),
        server={"indicators": _COUNT},
        runs=3,
    ),
    Case(
        name="memory-sync",
        title=_SYNC,
        unit="rows",
        count=_COUNT,
        contenders={name: Contender(partial(sync, share=name), share=share) for name, share in _SHARES.items()},
        bars=_bars(_SYNC),
        server={"indicators": _COUNT},
        runs=3,
    ),
]
