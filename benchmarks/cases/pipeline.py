"""Indicators from Flashpoint to a lookup: window -> pages -> flattened rows -> stage -> lookup, against plain loops.

Ours composes the pipelines of `core` as the operators do, without Airflow; its two halves are measured alone too. One
loop requests page after page, parses with json, flattens, and sends each row with devo-sdk. The other writes the rows
to a CSV file instead, and sends nothing.
"""

from __future__ import annotations

import csv
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from benchmarks.case import OURS, Bar, Case, Contender, Measured, Work
from benchmarks.connections import sdk_sender, settings
from benchmarks.scene import DAY, INDICATOR_TYPE, LOOKUP, LOOKUP_KEY

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
    from airflow_provider_flashpoint.core.staging.indicators.stage import StageSummary

_COUNT = 50_000
_PULL, _SYNC = "ours, pull", "ours, sync"
_PLAIN = "requests + json + devo-sdk"
_CSV = "requests + json + csv"
_SUMMARY = "summary.json"
_PAGE_SIZE = 1000
_OURS = (
    "airflow_provider_flashpoint.config",
    "airflow_provider_flashpoint.connections.reading",
    "airflow_provider_flashpoint.core.devo.settings",
    "airflow_provider_flashpoint.core.devo.transports",
    "airflow_provider_flashpoint.core.flashpoint.client",
    "airflow_provider_flashpoint.core.pipelines.sync",
    "airflow_provider_flashpoint.airflow_runtime.storage.staging",
    "requests",
    "requests_toolbelt",
)


def ours(work: Work) -> Measured:
    """Pull into a stage, then bring the stage into a new lookup over the Lookups API."""
    load_ours()
    return lambda: sync(work, pull(work))


def plain_loop(work: Work) -> Measured:
    """One request after the other, one send for each row."""
    import requests  # noqa: F401  not to be measured
    from devo.sender import Lookup

    connect = sdk_sender(work, "tls")

    def run() -> int:
        sender = connect()
        lookup = Lookup(name=LOOKUP, con=sender, delay=0)
        columns: list[str] = []
        sent = 0
        for page in plain_pages(work):
            for record in page:
                row = _flat(record, "")
                if not columns:
                    columns = [LOOKUP_KEY, *sorted(row.keys() - {LOOKUP_KEY})]
                    headers = Lookup.list_to_headers(headers=columns, key=LOOKUP_KEY)
                    lookup.send_control(event=Lookup.EVENT_START, headers=headers, action=Lookup.ACTION_FULL)
                lookup.send_data_line(fields=[row.get(name) for name in columns], key_index=0)
                sent += 1
        lookup.send_control(event=Lookup.EVENT_END, headers=headers, action=Lookup.ACTION_FULL)
        sender.close()
        return sent

    return run


def plain_csv(work: Work) -> Measured:
    """One request after the other, all rows into one CSV file; the columns are those of the first page."""
    import requests  # noqa: F401  not to be measured

    def run() -> int:
        columns: dict[str, None] = {}
        written = 0
        with (work.directory / "rows.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            for page in plain_pages(work):
                rows = [_flat(record, "") for record in page]
                if not columns:
                    columns = dict.fromkeys([LOOKUP_KEY, *(name for row in rows for name in row)])
                    writer.writerow(columns)
                writer.writerows([row.get(name) for name in columns] for row in rows)
                written += len(rows)
        return written

    return run


def pull_only(work: Work) -> Measured:
    """Pull a window with this number of rows, and write the stage summary into the directory."""
    load_ours()

    def run() -> int:
        summary = pull(work)
        (work.directory / _SUMMARY).write_text(json.dumps(summary.to_dict()), encoding="utf-8")
        return summary.records

    return run


def sync_only(work: Work) -> Measured:
    """Bring a stage into a lookup. Another process pulled it, whose CPU time and memory are not counted here."""
    from airflow_provider_flashpoint.core.staging.indicators.stage import StageSummary

    load_ours()
    given = {"count": work.count, "directory": str(work.directory), "servers": work.servers}
    command = [sys.executable, "-m", "benchmarks.contender", "pipeline", _PULL]
    subprocess.run(command, input=json.dumps(given), stdout=subprocess.DEVNULL, text=True, check=True)
    summary = StageSummary.from_dict(json.loads((work.directory / _SUMMARY).read_text(encoding="utf-8")))
    return lambda: sync(work, summary)


def load_ours() -> None:
    """Import what our steps import when they run, so that it is not measured."""
    for name in _OURS:
        importlib.import_module(name)


def flashpoint(work: Work, **options: Any) -> FlashpointClient:
    """Return our client of the sandbox Flashpoint."""
    import requests

    from airflow_provider_flashpoint.core.flashpoint.api import Api
    from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
    from airflow_provider_flashpoint.core.http.client import BearerAuth, HttpClient

    place = work.servers["flashpoint"]
    session = requests.Session()
    session.auth = BearerAuth(place["token"])
    session.trust_env = False
    http = HttpClient(session, base_url=place["url"], service="Flashpoint")
    return FlashpointClient(http, api=Api(place["api"]), **options)


def plain_pages(work: Work) -> Iterator[list[dict[str, Any]]]:
    """Yield pages as a plain client reads them: by offset within slices of time that hold fewer than 10,000 records."""
    import requests

    place = work.servers["flashpoint"]
    how = _PLAIN_REQUESTS[place["api"]]
    slices = -(-work.count // (9 * _PAGE_SIZE))
    step = (DAY[1] - DAY[0]) / slices
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {place['token']}"
        for number in range(slices):
            start = DAY[0] + number * step
            bounds = (start, start + step - timedelta(seconds=1))
            parameters = {
                **how.parameters,
                **{name: f"{bound:%Y-%m-%dT%H:%M:%SZ}" for name, bound in zip(how.bounds, bounds, strict=True)},
            }
            skip = 0
            while True:
                answer = session.get(f"{place['url']}{how.path}", params={**parameters, how.offset: skip})
                answer.raise_for_status()
                page = how.page(answer.json())
                yield page
                skip += len(page)
                if len(page) < how.page_size:
                    break


@dataclass(frozen=True, slots=True)
class _PlainRequests:
    """How a plain client reads indicators. A short page is the last one."""

    path: str
    offset: str
    bounds: tuple[str, str]
    parameters: Mapping[str, Any]
    page_size: int
    page: Callable[[Any], list[dict[str, Any]]]


_PLAIN_REQUESTS = {
    "legacy": _PlainRequests(
        "/api/v4/indicators/attribute",
        "skip",
        ("updated_since", "updated_until"),
        {"types": INDICATOR_TYPE, "sort_timestamp": "asc", "limit": _PAGE_SIZE},
        page_size=_PAGE_SIZE,
        page=lambda answer: answer,
    ),
    "ignite_v2": _PlainRequests(
        "/technical-intelligence/v2/indicators",
        "from",
        ("modified_after", "modified_before"),
        {"ioc_types": INDICATOR_TYPE, "sort": "modified_at:asc", "size": _PAGE_SIZE // 2, "embed": "all"},
        page_size=_PAGE_SIZE // 2,
        page=lambda answer: answer["items"],
    ),
}


def pull(work: Work) -> StageSummary:
    """Pull, flatten and stage this number of rows; rows at the borders of halved windows arrive twice."""
    from airflow_provider_flashpoint.core.flashpoint.api import DataSet
    from airflow_provider_flashpoint.core.pipelines.pull import PullPorts, PullSettings, pull
    from airflow_provider_flashpoint.core.secrets.obfuscate import Obfuscator
    from airflow_provider_flashpoint.core.window import Window

    share = work.count / work.servers["indicators"]
    part = Window(DAY[0], DAY[0] + (DAY[1] - DAY[0]) * share)
    source = flashpoint(work).source(DataSet.INDICATORS, record_type=INDICATOR_TYPE)
    ports = PullPorts(source=source, obfuscator=Obfuscator(), stages=work.directory / "indicators")
    return pull(part, ports, PullSettings(lookup_key=LOOKUP_KEY, stage_retention=timedelta(days=1))).summary


def sync(work: Work, summary: StageSummary) -> int:
    """Build a lookup from a stage; return the rows sent."""
    from airflow_provider_flashpoint.airflow_runtime.storage.staging import storage_path
    from airflow_provider_flashpoint.core.clock import Clock
    from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
    from airflow_provider_flashpoint.core.devo.transports import lookups_client
    from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
    from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of
    from airflow_provider_flashpoint.core.pipelines.deploy import Deployment, columns_of, deploy_stage
    from airflow_provider_flashpoint.core.staging.indicators.lookup_ledger import LookupLedger
    from airflow_provider_flashpoint.core.staging.indicators.newest import RowKey
    from airflow_provider_flashpoint.core.staging.indicators.stage import Stage

    stage = Stage(storage_path(summary.uri), summary)
    key = RowKey(LOOKUP_KEY, endpoint_of(Api.LEGACY, DataSet.INDICATORS).version_fields)
    deployment = Deployment(
        lookup=LOOKUP,
        build="benchmark",
        key=key,
        columns=columns_of(stage, key=key, wanted=None),
        operation=Operation.CREATE,
    )
    done = deploy_stage(
        stage,
        deployment,
        lookups=lookups_client(settings(work)),
        ledger=LookupLedger(work.directory / "lookups", build=deployment.build),
        clock=Clock(),
    )
    return done.rows_sent


def _flat(level: dict[str, Any], prefix: str) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for key, value in level.items():
        if isinstance(value, dict):
            row.update(_flat(value, f"{prefix}{key}."))
        else:
            row[prefix + key] = json.dumps(value) if isinstance(value, list) else value
    return row


CASES = [
    Case(
        name="pipeline",
        title="pull -> flatten -> stage, stage -> lookup",
        unit="rows",
        count=_COUNT,
        contenders={
            OURS: Contender(ours, arrives_as="rows"),
            _PULL: Contender(pull_only),
            _SYNC: Contender(sync_only, arrives_as="rows"),
            _PLAIN: Contender(plain_loop, arrives_as="lines"),
            _CSV: Contender(plain_csv),
        },
        bars=(
            Bar("pull -> stage -> lookup: rate of the loop with devo-sdk, times", "rate", to=_PLAIN, at_least=3.0),
            Bar("pull -> stage -> lookup: CPU of the loop with csv, times", "cpu_s", to=_CSV, at_most=0.5),
            Bar("pull -> stage -> lookup: rows lost", "lost", at_most=0),
        ),
        server={"indicators": _COUNT},
    )
]
