"""What is measured: cases, the contenders in each, and the bars they are held to.

Nothing here imports anything large, see `runs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OURS = "ours"
SDK = "devo-sdk"
LIMIT = "limit"

Measured = Callable[[], int]
"""The part of a contender that is measured; returns how many units it has done."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a contender is given: how much to do, a directory of its own, and where the servers are."""

    count: int
    directory: Path
    servers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do the work of a case.

    :param prepare: makes ready what is not measured, and returns what is.
    :param share: the part of the case's work that it is given.
    :param arrives_as: what the server counts of it: ``events``, ``rows``, ``lines``; empty where nothing is sent.
    :param runs: maximum number of runs of this contender; None leaves it to the case.
    """

    prepare: Callable[[Work], Measured]
    share: float = 1.0
    arrives_as: str = ""
    runs: int | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure of one contender must be, by itself or divided by another's.

    :param figure: ``rate``, ``cpu_rate``, ``seconds``, ``cpu_s``, ``peak_mib``, ``lost`` or ``repeated``.
    """

    text: str
    figure: str
    of: str = OURS
    to: str | None = None
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A comparison.

    :param count: units of work, before the command line scales them.
    :param server: the settings of `server`; None for no server.
    :param runs: how often each contender runs at most; None leaves it to the command line.
    """

    name: str
    title: str
    unit: str
    count: int
    contenders: Mapping[str, Contender]
    bars: tuple[Bar, ...] = ()
    server: Mapping[str, Any] | None = field(default_factory=dict)
    runs: int | None = None
