"""``python -m benchmarks.contender CASE NAME``: runs one contender in a separate process.

Reads the work as JSON from standard input. Prints the figures as one JSON object in the last line: ``done``,
``seconds`` and ``cpu_s`` of the measured part, and ``peak_bytes`` of the process.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from benchmarks.case import Work
from benchmarks.registry import CASES

_KIBIBYTE = 1024


def main() -> None:
    """Prepare, measure, and print."""
    case, name = sys.argv[1:]
    given = json.load(sys.stdin)
    measured = (
        CASES[case].contenders[name].prepare(Work(given["count"], Path(given["directory"]), servers=given["servers"]))
    )
    cpu_before_s, before_s = time.process_time(), time.perf_counter()
    done = measured()
    seconds, cpu_s = time.perf_counter() - before_s, time.process_time() - cpu_before_s
    figures = {"done": done, "seconds": seconds, "cpu_s": cpu_s, "peak_bytes": peak_bytes()}
    sys.stdout.write(json.dumps(figures) + "\n")


def peak_bytes() -> int:
    """Return the peak memory of this process (`getrusage`, resident set)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIBIBYTE


if __name__ == "__main__":
    main()
