"""Pages of Flashpoint: with slow answers, where our client reads ahead and a plain one waits; and very many."""

from __future__ import annotations

from functools import partial

from benchmarks.case import OURS, Bar, Case, Contender, Measured, Work
from benchmarks.cases.pipeline import flashpoint, load_ours, plain_pages
from benchmarks.scene import INDICATOR_TYPE, window

_COUNT = 120_000  # documents: 120 pages of legacy, 240 of version 2
_MORE = 8  # requests in flight; the default is 4
_OURS_MORE = f"ours, {_MORE} in flight"
_SEQUENTIAL = "one after the other"
_SLOW_MS = 300
_FEW, _SOME, _ALL = "10,000", "100,000", "1,000,000"
_NO_WORSE = 0.8  # fraction of the rate with fewer documents that counts as linear


def ours(work: Work, **options: int) -> Measured:
    """Read all pages of the window, by default with the default number of requests in flight."""
    from datetime import timedelta

    from airflow_provider_flashpoint.core.flashpoint.api import DataSet
    from airflow_provider_flashpoint.core.garbage import rare_collections
    from airflow_provider_flashpoint.core.window import Window

    load_ours()
    day = window()
    share = work.count / work.servers["indicators"]
    part = Window(day.start, day.start + timedelta(seconds=round((day.end - day.start).total_seconds() * share)))

    @rare_collections()  # as the pipelines do
    def run() -> int:
        source = flashpoint(work, **options).source(DataSet.INDICATORS, record_type=INDICATOR_TYPE, embed=None)
        identity = source.endpoint.identity
        return len({hash(identity(record)) for page in source.pages(part) for record in page})

    return run


def sequential(work: Work) -> Measured:
    """Read the same window with a plain client."""
    import requests  # noqa: F401  not to be measured

    return lambda: sum(map(len, plain_pages(work)))


def _latency_case(api: str, latency_ms: int) -> Case:
    title = f"pull of {api}, {latency_ms} ms for each answer"
    bars = (
        Bar(f"{title}: the sequential client's rate, times", "rate", to=_SEQUENTIAL, at_least=3.5),
        Bar(f"{title}, {_MORE} in flight: the same, times", "rate", _OURS_MORE, _SEQUENTIAL, at_least=6.0),
    )
    return Case(
        name=f"latency-{api}-{latency_ms}",
        title=title,
        unit="rows",
        count=_COUNT,
        contenders={
            OURS: Contender(ours),
            _OURS_MORE: Contender(partial(ours, requests_in_flight=_MORE)),
            _SEQUENTIAL: Contender(sequential, runs=2),
        },
        bars=bars if latency_ms == _SLOW_MS else (),
        server={"indicators": _COUNT, "api": api, "latency_s": latency_ms / 1000, "made_before": True},
        runs=3,
    )


def _volume_case(api: str) -> Case:
    return Case(
        name=f"volume-{api}",
        title=f"pages of {api}",
        unit="rows",
        count=1_000_000,
        contenders={
            name: Contender(ours, share=share, runs=1 if name == _ALL else None)
            for name, share in ((_FEW, 0.01), (_SOME, 0.1), (_ALL, 1.0))
        },
        bars=tuple(
            Bar(f"pages of {api}: rate of {_ALL}, of {fewer}, times", "rate", _ALL, fewer, at_least=_NO_WORSE)
            for fewer in (_FEW, _SOME)
        ),
        server={"indicators": 1_000_000, "api": api},
        runs=3,
    )


CASES = [
    *(_latency_case(api, latency_ms) for api in ("legacy", "ignite_v2") for latency_ms in (0, 100, _SLOW_MS)),
    *map(_volume_case, ("legacy", "ignite_v2")),
]
