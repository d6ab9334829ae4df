"""What `check` finds of one part of the setup, and how it goes on where a part is not good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_flashpoint.cli.report import reason_of


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether one part of the setup is good, and the facts, or what is wrong and what to do."""

    part: str
    good: bool
    said: str


def look_at(part: str, look: Callable[[], str]) -> Finding:
    """Return what ``look`` says, or why it failed."""
    try:
        return Finding(part, True, look())
    except Exception as error:  # as in `test_connection`: whatever is wrong with one part, the others are looked at
        return Finding(part, False, reason_of(error))
