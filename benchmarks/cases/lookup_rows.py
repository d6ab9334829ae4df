"""Rows of a lookup, by 20 columns: ours over the Lookups API and over syslog, devo-sdk's ``Lookup.send_csv``.

All begin with a CSV file; how rows become one is measured by the pipeline. Ours over the API is done once the job has
ended, which includes that the sandbox reads the CSV into a lookup; over syslog all are done once the peer has read
everything.
"""

from __future__ import annotations

import csv
from functools import partial
from typing import Any

from benchmarks.case import LIMIT, SDK, Bar, Case, Contender, Measured, Work
from benchmarks.connections import sdk_sender, send_bare, settings
from benchmarks.scene import COLUMNS, DAY, INDICATOR_TYPE, LOOKUP, LOOKUP_KEY

_COUNT = 50_000
_BLOCK_BYTES = 256 * 1024
_API, _SYSLOG = "ours, API", "ours, syslog"
_SYSLOG_STALL = {"action": "stall", "after_bytes": 4_000_000, "stall_s": 1.0}
_HTTP_STALL = {"kind": "stall", "match": "deploy-csv", "stall_s": 1.0}


def ours(work: Work, transport: str) -> Measured:
    """Deploy a CSV file, as a sync does."""
    from airflow_provider_flashpoint.core.devo.lookups.csv_rows import lookup_columns, write_csv
    from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
    from airflow_provider_flashpoint.core.devo.transports import lookups_client

    rows = _rows(work.count)
    columns = lookup_columns(rows[0], LOOKUP_KEY)
    to = settings(work, lookup_transport=transport, lookup_pause_s=0.01)
    lookups_client(to)  # has imported what it needs
    path = work.directory / "rows.csv"
    with path.open("wb") as file:
        write_csv(((tuple(row), [*row.values()]) for row in rows), columns, LOOKUP_KEY, file)

    def run() -> int:
        with path.open("rb") as file:
            lookups_client(to).deploy(
                LOOKUP, columns=columns, key=LOOKUP_KEY, csv_file=file, operation=Operation.CREATE
            )
        return len(rows)

    return run


def devo_sdk(work: Work) -> Measured:
    """``send_csv`` of a file, without the waits around START and END that it has by default."""
    from devo.sender import Lookup

    rows = _rows(work.count)
    path = work.directory / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [LOOKUP_KEY, *sorted(rows[0].keys() - {LOOKUP_KEY})])
        writer.writeheader()
        writer.writerows(rows)

    connect = sdk_sender(work, "tls")

    def run() -> int:
        sender = connect()
        Lookup(name=LOOKUP, con=sender, delay=0).send_csv(path=str(path), key=LOOKUP_KEY)
        sender.close()
        return len(rows)

    return run


def limit(work: Work) -> Measured:
    """The lines of the rows in blocks of 256 KiB, built before the clock starts."""
    from airflow_provider_flashpoint.core.devo.connection.header import syslog_header

    header = syslog_header(f"my.lookup.data.{LOOKUP}").decode()
    cells = ('","'.join(map(str, row.values())) for row in _rows(work.count))
    stream = "".join(f'{header}1_{LOOKUP}|"{line}"\n' for line in cells).encode()
    blocks = [stream[at : at + _BLOCK_BYTES] for at in range(0, len(stream), _BLOCK_BYTES)]

    def run() -> int:
        send_bare(work, "tls", blocks)
        return work.count

    return run


def _rows(count: int) -> list[dict[str, Any]]:
    from airflow_provider_flashpoint.core.flashpoint.rows.flatten import flatten
    from sandbox.dataset.bulk import bulk_indicators

    return [flatten(record) for record in bulk_indicators(INDICATOR_TYPE, count, *DAY, columns=COLUMNS)[:]]


def _case(*, stalls: bool) -> Case:
    bars = [Bar(f"rows {way[6:]}{', peer stalls' if stalls else ''}: lost", "lost", way, at_most=0)
            for way in (_API, _SYSLOG)]  # fmt: skip
    if not stalls:
        bars += [
            Bar("lookup rows, API: rate of prebuilt bytes, times", "rate", _API, LIMIT, at_least=0.3),
            Bar("lookup rows, API: devo-sdk's rate, times", "rate", _API, SDK, at_least=6.0),
            Bar("lookup rows, syslog: devo-sdk's rate, times", "rate", _SYSLOG, SDK, at_least=5.0),
        ]
    return Case(
        name=f"rows{'-stall' if stalls else ''}",
        title=f"lookup rows of {COLUMNS} columns{', peer stalls 1 s' if stalls else ''}",
        unit="rows",
        count=_COUNT,
        contenders={
            _API: Contender(partial(ours, transport="api"), arrives_as="rows"),
            _SYSLOG: Contender(partial(ours, transport="syslog"), arrives_as="lines"),
            SDK: Contender(devo_sdk, arrives_as="lines"),
            LIMIT: Contender(limit, arrives_as="lines"),
        },
        bars=tuple(bars),
        server={"syslog_fault": _SYSLOG_STALL, "http_fault": _HTTP_STALL} if stalls else {},
        runs=3 if stalls else None,
    )


CASES = [_case(stalls=False), _case(stalls=True)]
