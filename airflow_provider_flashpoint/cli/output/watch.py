"""Shows a report again and again, as ``watch`` does, until a person ends it."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable

_EVERY_S = 10.0
_CLEAR = "\x1b[H\x1b[2J"  # to the first line, and no text


def add_watch_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--watch`` to the parser of a command."""
    parser.add_argument(
        "--watch",
        type=_seconds,
        nargs="?",
        const=_EVERY_S,
        metavar="SECONDS",
        help=f"show it again and again, every {_EVERY_S:.0f} seconds by default, until Ctrl-C",
    )


def watch(show: Callable[[], int], every_s: float, *, wait: Callable[[float], None] = time.sleep) -> int:
    """Show a report again and again, and return its last exit code when a person interrupts that.

    A wrong use of the command, exit code 2, ends it at once.
    """
    code = show()
    try:
        while code != 2:
            wait(every_s)
            code = show()
    except KeyboardInterrupt:
        sys.stdout.write("\n")
    return code


def clear_screen() -> None:
    """Clear the terminal; another output keeps what was shown before."""
    if sys.stdout.isatty():
        sys.stdout.write(_CLEAR)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds) or seconds < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds, at least 1")
    return seconds
