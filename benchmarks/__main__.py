"""``python -m benchmarks``: measures ours, devo-sdk and the physical limit side by side, and checks the bars."""

from __future__ import annotations

import argparse
import sys
from fnmatch import fnmatch

from benchmarks import table
from benchmarks.registry import CASES
from benchmarks.runs import BenchmarkError, judge, measure


def main() -> int:
    """Measure and print. Return 0 if every bar is reached, 1 if one is not, 2 if a contender failed."""
    options = _options()
    names = [name for name in CASES if any(fnmatch(name, pattern) for pattern in options.only)]
    sys.stdout.write(table.machine() + table.header())
    verdicts = []
    try:
        for name in names:
            case = CASES[name]
            figures = measure(case, runs=options.runs, scale=options.scale)
            sys.stdout.write(table.lines(case, figures))
            sys.stdout.flush()
            verdicts += [(bar, *judge(bar, figures)) for bar in case.bars]
    except BenchmarkError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write("\n" + "".join(table.verdict(*each) for each in verdicts))
    return 0 if all(held for _, _, held in verdicts) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", default=["*"], metavar="NAME", help="cases, such as rows or 'events-*'; by default all"
    )
    parser.add_argument("--runs", type=int, default=5, help="of each contender; medians are printed (%(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="of all amounts (%(default)s)")
    parser.epilog = f"Cases: {', '.join(CASES)}."
    options = parser.parse_args()
    if options.runs < 1 or options.scale <= 0:
        parser.error("--runs is at least 1, --scale more than 0")
    return options


if __name__ == "__main__":
    sys.exit(main())
