"""All cases by name, in the order in which they run."""

from __future__ import annotations

from benchmarks.case import Case
from benchmarks.cases import (
    breaks,
    events,
    http_events,
    latency,
    lookup_rows,
    memory,
    other_pages,
    parse,
    pipeline,
    requests,
)

CASES: dict[str, Case] = {
    case.name: case
    for module in (events, http_events, lookup_rows, pipeline, latency, memory, parse, other_pages, requests, breaks)
    for case in module.CASES
}
