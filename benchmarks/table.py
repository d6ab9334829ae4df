"""The printed table: one line per contender and one per bar."""

from __future__ import annotations

import os
import platform
from statistics import median

from benchmarks.case import OURS, Bar, Case
from benchmarks.runs import Figures

_COLUMNS = (
    "runs", "done", "seconds", "min", "max", "per second", "CPU s", "per CPU s", "peak MiB", "x slowest", "lost",
    "repeated",
)  # fmt: skip


def machine() -> str:
    """Return a description of this machine and its load."""
    load = os.getloadavg()[0]
    return (
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, load {load:.1f} at the start\n\n"
    )


def header() -> str:
    """Return the column headings."""
    return f"{'':38}" + "".join(f"{name:>11}" for name in _COLUMNS) + "\n"


def lines(case: Case, figures: dict[str, list[Figures]]) -> str:
    """Return the lines of a case: medians of each contender, minimum and maximum of its seconds."""
    slowest = min(_rate(runs) for runs in figures.values())
    ordered = sorted(figures, key=lambda name: (not name.startswith(OURS), name))
    return f"{case.title} [{case.name}]\n" + "".join(
        _line(name, figures[name], slowest) for name in ordered if figures[name]
    )


def verdict(bar: Bar, value: float, held: bool) -> str:
    """Return the line of a bar: whether it is reached, the value, and the bound."""
    wanted = f"at least {bar.at_least:g}" if bar.at_least is not None else f"at most {bar.at_most:g}"
    return f"{'PASS ' if held else 'below'}  {bar.text}: {value:.4g} ({wanted})\n"


def _line(name: str, runs: list[Figures], slowest: float) -> str:
    seconds = [run.seconds for run in runs]
    cells = (
        f"{len(runs)}",
        f"{median(run.done for run in runs):,.0f}",
        f"{median(seconds):.3f}",
        f"{min(seconds):.3f}",
        f"{max(seconds):.3f}",
        f"{_rate(runs):,.0f}",
        f"{median(run.cpu_s for run in runs):.2f}",
        f"{median(run.cpu_rate for run in runs):,.0f}",
        f"{median(run.peak_mib for run in runs):.0f}",
        f"{_rate(runs) / slowest:.2f}",
        f"{max(run.lost for run in runs):,}",
        f"{max(run.repeated for run in runs):,}",
    )
    return f"  {name:36}" + "".join(f"{cell:>11}" for cell in cells) + "\n"


def _rate(runs: list[Figures]) -> float:
    return median(run.rate for run in runs)
