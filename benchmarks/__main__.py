"""``python -m benchmarks``: time and peak memory of a small and a large run, and whether memory stays bounded."""

from __future__ import annotations

import argparse
import sys

from benchmarks.runs import CASES, BenchmarkError, Figures, measure, medians

_MOST_RATIO = 1.2
_MEBIBYTE = 1 << 20


def main() -> int:
    """Measure and print; return 0 where the rule on memory holds, 1 where it does not, 2 where a case failed."""
    options = _options()
    small, large = options.rows
    try:
        figures = {rows: _measured(rows, options.runs) for rows in (small, large)}
    except BenchmarkError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{'case':28}{'rows':>10}{'brought':>11}{'seconds':>9}{'rows/s':>9}{'peak MiB':>10}{'ratio':>7}\n")
    held = True
    for name, title in CASES.items():
        base = figures[small][name]
        for rows in (small, large):
            sys.stdout.write(_line(title, rows, figures[rows][name], base))
        held = held and figures[large][name].peak_bytes <= _MOST_RATIO * base.peak_bytes
    verdict = "HELD" if held else "NOT HELD"
    sys.stdout.write(f"\nPeak memory of {large:,} rows within {_MOST_RATIO}x of {small:,} rows: {verdict}\n")
    return 0 if held else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--rows", type=int, nargs=2, default=(20_000, 200_000), metavar=("SMALL", "LARGE"), help="%(default)s"
    )
    parser.add_argument("--runs", type=int, default=1, help="of each; the medians are printed (%(default)s)")
    options = parser.parse_args()
    if not 0 < options.rows[0] < options.rows[1] or options.runs < 1:
        parser.error("--rows takes a small number and a larger one, --runs at least 1")
    return options


def _measured(rows: int, runs: int) -> dict[str, Figures]:
    taken = [measure(rows) for _ in range(runs)]
    return {name: medians([run[name] for run in taken]) for name in CASES}


def _line(title: str, rows: int, figures: Figures, base: Figures) -> str:
    return (
        f"{title:28}{rows:10,}{figures.rows:11,}{figures.seconds:9.2f}{rows / figures.seconds:9,.0f}"
        f"{figures.peak_bytes / _MEBIBYTE:10.1f}{figures.peak_bytes / base.peak_bytes:7.2f}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
