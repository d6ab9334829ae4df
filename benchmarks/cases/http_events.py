"""Events over Devo's HTTP ingestion: our writer, a plain loop with requests, and prebuilt bodies.

devo-sdk has no such transport. The plain loop posts 1,000 events at a time, with gzip of the standard library.
"""

from __future__ import annotations

import gzip
from functools import partial

from benchmarks.case import LIMIT, OURS, Bar, Case, Contender, Measured, Work
from benchmarks.cases import events
from benchmarks.scene import TAG, messages

_COUNT = 50_000
_SIZE_BYTES = 1000
_LINES_PER_POST = 1000
_LINES_PER_BODY = 4000
_QUICKEST = 1
_STALL = {"kind": "stall", "match": "stream", "skip": 1, "stall_s": 1.0}
_PLAIN = "requests"


def plain_loop(work: Work) -> Measured:
    """Post every 1,000 events, over one session."""
    import requests

    lines = [f"{message}\n".encode() for message in messages(work.count, _SIZE_BYTES)]
    address = _address(work)

    def run() -> int:
        with requests.Session() as session:
            for at in range(0, len(lines), _LINES_PER_POST):
                body = gzip.compress(b"".join(lines[at : at + _LINES_PER_POST]))
                session.post(address, data=body, headers={"Content-Encoding": "gzip"}).raise_for_status()
        return len(lines)

    return run


def limit(work: Work) -> Measured:
    """Post bodies of 4 MB, gzipped before the clock starts."""
    import requests

    lines = [f"{message}\n".encode() for message in messages(work.count, _SIZE_BYTES)]
    bodies = [
        gzip.compress(b"".join(lines[at : at + _LINES_PER_BODY]), _QUICKEST)
        for at in range(0, len(lines), _LINES_PER_BODY)
    ]
    address = _address(work)

    def run() -> int:
        with requests.Session() as session:
            for body in bodies:
                session.post(address, data=body, headers={"Content-Encoding": "gzip"}).raise_for_status()
        return len(lines)

    return run


def _address(work: Work) -> str:
    extra = work.servers["devo"]["connection"]["extra"]
    return f"{extra['http_base_url']}/stream/{extra['domain']}/token!{extra['http_token']}/host/{TAG}"


def _case(*, stalls: bool) -> Case:
    name = f"events-http{'-stall' if stalls else ''}"
    bars = [Bar(f"{name}: events lost", "lost", at_most=0)]
    if not stalls:
        bars.append(Bar("events over HTTP: rate of prebuilt bodies, times", "rate", to=LIMIT, at_least=0.6))
    return Case(
        name=name,
        title=f"events of {_SIZE_BYTES} B, HTTP{', peer stalls 1 s' if stalls else ''}",
        unit="events",
        count=_COUNT,
        contenders={
            OURS: Contender(partial(events.ours, transport="http", size_bytes=_SIZE_BYTES), arrives_as="events"),
            _PLAIN: Contender(plain_loop, arrives_as="events"),
            LIMIT: Contender(limit, arrives_as="events"),
        },
        bars=(
            Bar(f"{name}: events lost", "lost", at_most=0),
            *(
                ()
                if stalls
                else (Bar("events over HTTP: rate of prebuilt bodies, times", "rate", to=LIMIT, at_least=0.6),)
            ),
        ),
        server={"http_fault": _STALL} if stalls else {},
        runs=3 if stalls else None,
    )


CASES = [_case(stalls=False), _case(stalls=True)]
