"""``python -m benchmarks.case``: one case in a process of its own, which so has a peak of memory of its own.

Composes the parts of `core` as the operators do, without Airflow, whose memory would hide what rows take. Prints one
JSON object: ``rows``, ``seconds``, ``peak_bytes``.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests

from airflow_provider_flashpoint.core.devo.lookup_transport import Operation
from airflow_provider_flashpoint.core.devo.lookups import LookupsClient
from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
from airflow_provider_flashpoint.core.flashpoint.endpoints import Api, DataSet, endpoint_of
from airflow_provider_flashpoint.core.flashpoint.flatten import flatten
from airflow_provider_flashpoint.core.http import BearerAuth, HttpClient
from airflow_provider_flashpoint.core.staging.dead_letters import DeadLetters
from airflow_provider_flashpoint.core.staging.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.staging.stage import Stage, StageSummary, StageWriter, stage_of
from airflow_provider_flashpoint.core.sync import LookupTarget, columns_for, sync
from benchmarks.scene import INDICATOR_TYPE, LOOKUP_KEY, window

_KIBIBYTE = 1024


def main() -> int:
    """Run the case that the arguments name; return 0, or 2 where rows were lost and the figures are void."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.case", description=__doc__)
    parser.add_argument("name", choices=["pull", "sync"])
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True, help="the stage, left by pull and read by sync")
    options = parser.parse_args()
    addresses = json.load(sys.stdin)
    started = time.perf_counter()
    rows = (pull if options.name == "pull" else sync_lookup)(options.directory, addresses)
    seconds = time.perf_counter() - started
    if rows < options.rows:
        sys.stderr.write(f"{options.name} brought {rows} of {options.rows} rows.\n")
        return 2
    sys.stdout.write(json.dumps({"rows": rows, "seconds": seconds, "peak_bytes": peak_bytes()}) + "\n")
    return 0


def pull(directory: Path, addresses: dict[str, str]) -> int:
    """Pull, flatten and stage; return the rows staged. Those at the borders of halved windows come twice."""
    http = _http(addresses["flashpoint_url"], addresses["flashpoint_token"], "Flashpoint")
    client = FlashpointClient(http, api=Api.LEGACY)
    pages = client.pages(DataSet.INDICATORS, window(), record_type=INDICATOR_TYPE)
    writer = StageWriter(directory / "indicators", window=window(), pulled_at=datetime.now(UTC))
    summary = stage_of(([flatten(record) for record in page.records] for page in pages), writer)
    (directory / "summary.json").write_text(json.dumps(summary.to_dict()), encoding="utf-8")
    return summary.records


def sync_lookup(directory: Path, addresses: dict[str, str]) -> int:
    """Build a lookup from the stage that `pull` left; return the rows sent."""
    summary = StageSummary.from_dict(json.loads((directory / "summary.json").read_text(encoding="utf-8")))
    stage = Stage(Path(url2pathname(urlsplit(summary.uri).path)), summary)
    columns = columns_for(stage, key=LOOKUP_KEY, wanted=None)
    http = _http(addresses["devo_url"], addresses["devo_token"], "Devo")
    with DeadLetters(directory / "dead_letters.jsonl") as dead_letters:
        done = sync(
            stage,
            LookupTarget("Flashpoint_Benchmark", LOOKUP_KEY, columns, Operation.CREATE),
            lookups=LookupsClient(http, domain=addresses["devo_domain"]),
            ledger=LookupLedger(directory / "lookups", generation="benchmark"),
            consult_ledger=False,
            version_fields=endpoint_of(Api.LEGACY, DataSet.INDICATORS).version_fields,
            dead_letters=dead_letters,
            at=datetime.now(UTC),
        )
    return done.rows_sent


def peak_bytes() -> int:
    """Return the most memory that this process has held at once (`getrusage`, resident set)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIBIBYTE


def _http(base_url: str, token: str, service: str) -> HttpClient:
    session = requests.Session()
    session.auth = BearerAuth(token)
    session.trust_env = False
    return HttpClient(session, base_url=base_url, service=service, secrets=(token,))


if __name__ == "__main__":
    sys.exit(main())
