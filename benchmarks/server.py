"""``python -m benchmarks.server SETTINGS``: runs the sandboxes in a separate process until standard input ends.

SETTINGS is a JSON object: ``indicators`` is the number to serve, ``api`` the API generation that serves them (legacy by
default). With ``made_before``, all of them are made before the addresses are printed (6 kB of memory each on legacy);
without it, each one is made for its answer. ``latency_s`` is the delay of each answer of Flashpoint, ``syslog_fault``
and ``http_fault`` are faults of Devo for each run, ``ids`` counts distinct events by their ``id``, and without
``keeps_cells`` a lookup counts its rows only.

Prints the addresses as one line of JSON when both are up. Answers each ``begin`` and ``end`` line of standard input
with the counts since the begin: ``events``, ``rows`` of the lookup, ``lines`` of lookups over syslog, and ``distinct``
events.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks.scene import INDICATOR_TYPE, LOOKUP, TAG, window
from sandbox.dataset.bulk import GeneratedBlock
from sandbox.dataset.realistic import RealisticIndicators
from sandbox.dataset.realistic_v2 import RealisticIndicatorsV2
from sandbox.devo.settings import DevoSettings
from sandbox.devo.syslog_faults import SyslogFault
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.http_service.faults import Fault
from sandbox.sandbox import Sandbox

_IDLE_S = 10.0


def main() -> None:
    """Serve and answer until standard input ends."""
    settings = json.loads(sys.argv[1])
    flashpoint = FlashpointSettings()
    # Pauses between polls are not measured.
    sandbox = Sandbox(flashpoint, DevoSettings(job_polls=0, keeps_cells=settings.get("keeps_cells", True)))
    day = window()
    count = settings.get("indicators", 0)
    api = settings.get("api", "legacy")
    store = sandbox.flashpoint.store
    if count:
        is_legacy = api == "legacy"
        kind = RealisticIndicators if is_legacy else RealisticIndicatorsV2
        block = kind(INDICATOR_TYPE, count, day.start, day.end)
        if settings.get("made_before"):
            _make_documents(block)
        (store if is_legacy else store.indicators_v2).publish_block(block)
    if latency_s := settings.get("latency_s"):
        sandbox.flashpoint.faults.add(Fault("stall", times=None, stall_s=latency_s))
    with sandbox:
        _say({
            "flashpoint": {"url": sandbox.flashpoint.url, "token": flashpoint.token, "api": api},
            "devo": sandbox.devo.addresses(),
            "indicators": count,
        })
        for line in sys.stdin:
            if line.strip() == "begin":
                _begin(sandbox, settings)
            _say(_arrived(sandbox, ids=settings.get("ids", False)))


def _make_documents(block: GeneratedBlock) -> None:
    """Make all documents of a block now, and keep them."""
    block.body = [block.body(offset) for offset in range(len(block))].__getitem__  # type: ignore[method-assign]


def _begin(sandbox: Sandbox, settings: dict[str, Any]) -> None:
    devo = sandbox.devo
    devo.tables.clear()
    devo.lookups.clear()
    devo.syslog_faults.clear()
    devo.faults.clear()
    if fault := settings.get("syslog_fault"):
        devo.syslog_faults.add(SyslogFault.from_json(fault))
    if fault := settings.get("http_fault"):
        devo.faults.add(Fault.from_json(fault))


def _arrived(sandbox: Sandbox, *, ids: bool) -> dict[str, int]:
    devo = sandbox.devo
    devo.syslog_faults.release()
    devo.tables.wait_until_idle(_IDLE_S)
    events = devo.tables.count(TAG)
    return {
        "events": events,
        "distinct": devo.tables.ids(TAG, "id").distinct if ids else events,
        "rows": devo.lookups[LOOKUP].count if LOOKUP in devo.lookups else 0,
        "lines": devo.tables.count(f"my.lookup.data.{LOOKUP}"),
    }


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
