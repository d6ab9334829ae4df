"""A pull where each answer of Flashpoint takes 300 ms: our client reads ahead, a plain one does not."""

from __future__ import annotations

from functools import partial

from benchmarks.case import OURS, Bar, Case, Contender, Measured, Work
from benchmarks.cases.pipeline import flashpoint, load_ours, plain_pages
from benchmarks.scene import INDICATOR_TYPE, window

_COUNT = 40_000
_MORE = 8  # requests in flight; the default is 4
_OURS_MORE = f"ours, {_MORE} in flight"
_SEQUENTIAL = "one after the other"


def ours(work: Work, **options: int) -> Measured:
    """Read all pages of the window, by default with the default number of requests in flight."""
    from airflow_provider_flashpoint.core.flashpoint.api import DataSet

    load_ours()

    def run() -> int:
        pages = flashpoint(work, **options).source(DataSet.INDICATORS, record_type=INDICATOR_TYPE).pages(window())
        return len({record["fpid"] for page in pages for record in page})

    return run


def sequential(work: Work) -> Measured:
    """Read the same window with a plain client."""
    import requests  # noqa: F401  not to be measured

    return lambda: sum(map(len, plain_pages(work)))


CASES = [
    Case(
        name="latency",
        title="pull, 300 ms for each answer",
        unit="rows",
        count=_COUNT,
        contenders={
            OURS: Contender(ours),
            _OURS_MORE: Contender(partial(ours, requests_in_flight=_MORE)),
            _SEQUENTIAL: Contender(sequential),
        },
        bars=(
            Bar("pull at 300 ms: the sequential client's rate, times", "rate", to=_SEQUENTIAL, at_least=3.5),
            Bar(
                f"pull at 300 ms, {_MORE} in flight: the sequential client's rate, times",
                "rate",
                _OURS_MORE,
                _SEQUENTIAL,
                at_least=6.0,
            ),
        ),
        server={"indicators": _COUNT, "latency_s": 0.3},
        runs=3,
    )
]
