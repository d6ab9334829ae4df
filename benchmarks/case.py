"""Cases, their contenders, and the bars that the figures must reach.

This module imports nothing large, see `runs`.
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
"""The measured part of a contender; returns the number of units it did."""


@dataclass(frozen=True, slots=True)
class Work:
    """The input of a contender: number of units, a private directory, addresses of the servers."""

    count: int
    directory: Path
    servers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do the work of a case.

    :param prepare: does the unmeasured preparation and returns the measured part.
    :param share: fraction of the case's work that the contender does.
    :param arrives_as: the server's count for it: ``events``, ``rows`` or ``lines``; empty if it sends nothing.
    :param runs: maximum number of runs of this contender; None leaves it to the case.
    """

    prepare: Callable[[Work], Measured]
    share: float = 1.0
    arrives_as: str = ""
    runs: int | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """A bound for a figure of one contender, absolute or divided by the figure of another one.

    :param figure: ``rate``, ``cpu_rate``, ``seconds``, ``cpu_s``, ``peak_mib``, ``lost``, ``repeated`` or ``done``.
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
    :param server: settings of `server`; None for no server.
    :param runs: maximum number of runs of each contender; None leaves it to the command line.
    """

    name: str
    title: str
    unit: str
    count: int
    contenders: Mapping[str, Contender]
    bars: tuple[Bar, ...] = ()
    server: Mapping[str, Any] | None = field(default_factory=dict)
    runs: int | None = None
