"""The requests of each job to the storage, by kind, at run 10 and at run 10,000: their number stays the same."""

from __future__ import annotations

from functools import partial

from benchmarks.case import Bar, Case, Contender, Measured, Work

_COUNT = 10_000
_FEW = 10
_KINDS = {"pull": ("list", "write"), "sync": ("list", "read", "write"), "alerts": ("list", "read", "write")}


def requests(work: Work, *, job: str, kind: str) -> Measured:
    """Run a job on a storage as ``count`` runs left it, and return its requests of one kind."""
    from datetime import timedelta

    from benchmarks.counted_store import CountedStore, StorePath
    from benchmarks.history import Jobs, write_history

    store, period = CountedStore(), timedelta(hours=1)
    write_history(lambda key, content: store.objects.update({f"root/{key}": content}), work.count - 1, period)

    def run() -> int:
        getattr(Jobs(StorePath(store, "root"), period), job)()
        return store.requests[kind]

    return run


def _name(job: str, kind: str, *, share: float) -> str:
    return f"{job}: {kind}, run {round(_COUNT * share):,}"


CASES = [
    Case(
        name="requests",
        title="requests of a job to the storage, by the number of runs before",
        unit="requests",
        count=_COUNT,
        contenders={
            _name(job, kind, share=share): Contender(partial(requests, job=job, kind=kind), share=share)
            for job, kinds in _KINDS.items()
            for kind in kinds
            for share in (_FEW / _COUNT, 1.0)
        },
        bars=tuple(
            Bar(
                f"{job}: requests to {kind} at run {_COUNT:,}, of those at run {_FEW}, times",
                "done",
                _name(job, kind, share=1.0),
                _name(job, kind, share=_FEW / _COUNT),
                at_most=1.0,
            )
            for job, kinds in _KINDS.items()
            for kind in kinds
        ),
        server=None,
        runs=1,
    )
]
