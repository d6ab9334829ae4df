"""``python -m benchmarks.server SETTINGS``: the sandboxes, in a process of their own, until standard input ends.

SETTINGS is a JSON object: ``indicators`` to serve, ``latency_s`` of each of Flashpoint's answers, ``syslog_fault`` and
``http_fault`` of Devo for each run, ``ids`` to tell events apart by their ``id``.

Prints one line of JSON with the addresses when both are up. Then answers each line of standard input, ``begin`` or
``end`` of a run, with one: what has arrived since the begin, as ``events``, ``rows`` of the lookup, ``lines`` of the
old way of lookups, and ``distinct`` events.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks.scene import INDICATOR_TYPE, LOOKUP, TAG, window
from sandbox.dataset.realistic import RealisticIndicators
from sandbox.devo.settings import DevoSettings
from sandbox.devo.syslog_faults import SyslogFault
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.http_service.faults import Fault
from sandbox.sandbox import Sandbox

_IDLE_S = 10.0


def main() -> None:
    """Serve, and answer, until there is nothing more to answer."""
    settings = json.loads(sys.argv[1])
    flashpoint = FlashpointSettings()
    sandbox = Sandbox(flashpoint, DevoSettings(job_polls=0))  # else the pauses between polls would be measured
    day = window()
    count = settings.get("indicators", 0)
    if count:
        sandbox.flashpoint.store.publish_block(RealisticIndicators(INDICATOR_TYPE, count, day.start, day.end))
    if latency_s := settings.get("latency_s"):
        sandbox.flashpoint.faults.add(Fault("stall", times=None, stall_s=latency_s))
    with sandbox:
        _say({
            "flashpoint": {"url": sandbox.flashpoint.url, "token": flashpoint.token},
            "devo": sandbox.devo.addresses(),
            "indicators": count,
        })
        for line in sys.stdin:
            if line.strip() == "begin":
                _begin(sandbox, settings)
            _say(_arrived(sandbox, ids=settings.get("ids", False)))


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
