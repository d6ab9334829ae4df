"""Lookups that a sandbox Devo receives as lines of the tables `my.lookup`."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.devo.lookups.jobs import JobPlan
from sandbox.devo.lookups.lines import LookupLines
from sandbox.devo.lookups.store import DevoLookups

HEADER = '[{"KEY":{"type":"int4","key":true}},{"COLOR":{"type":"str"}}]'


@pytest.fixture
def lookups() -> DevoLookups:
    return DevoLookups()


@pytest.fixture
def lines(lookups: DevoLookups) -> LookupLines:
    return LookupLines(lookups)


def upload(lines: LookupLines, action: str, *rows: str, header: str = HEADER, **connections: int) -> None:
    """Send an upload; a row that begins with ``-`` is deleted. Each part may have a separate connection."""
    control = f"my.lookup.control.Colors.{action}"
    lines.take(connections.get("start", 1), control, f"17.5_Colors|START|{header}".encode())
    for row in rows:
        tag = "my.lookup.data.Colors" + (".DELETE" if row.startswith("-") else "")
        lines.take(connections.get("rows", 1), tag, f"17.5_Colors|{row.removeprefix('-')}".encode())
    lines.take(connections.get("end", 1), control, f"17.5_Colors|END|{header}".encode())


def content(lookups: DevoLookups) -> dict[str, str]:
    return dict(lookups["Colors"].rows())  # type: ignore[arg-type]


def test_full_builds_and_replaces(lookups: DevoLookups, lines: LookupLines) -> None:
    """FULL creates a lookup with the columns in START and removes all earlier content."""
    upload(lines, "FULL", '1,"Red"', '2,"Gr,een ""x"""')
    assert (lookups["Colors"].columns, lookups["Colors"].types) == (["KEY", "COLOR"], ["INT4", "STRING"])
    assert content(lookups) == {"1": "Red", "2": 'Gr,een "x"'}
    upload(lines, "FULL", '3,"Blue"')
    assert content(lookups) == {"3": "Blue"}
    assert [job.operation for job in lookups["Colors"].jobs] == ["create", "replace"]


def test_inc_adds_changes_and_deletes(lookups: DevoLookups, lines: LookupLines) -> None:
    """INC adds rows, changes those with a known key, and deletes those sent as DELETE, in order."""
    upload(lines, "FULL", '1,"Red"', '2,"Blue"')
    upload(lines, "INC", '1,"Crimson"', "-2", '3,"Green"', '-3,"Green"', '4,"Gold"')
    assert content(lookups) == {"1": "Crimson", "4": "Gold"}


def test_a_lookup_may_keep_its_keys_only() -> None:
    """Without the cells of its rows, a lookup knows its columns and counts its rows."""
    lookups = DevoLookups(keeps_cells=False)
    upload(LookupLines(lookups), "FULL", '1,"Red"', '2,"Blue"')
    assert (lookups["Colors"].count, lookups["Colors"].columns) == (2, ["KEY", "COLOR"])
    assert lookups["Colors"].rows() == [[], []]


@pytest.mark.parametrize("part", ["start", "rows", "end"])
def test_parts_of_other_connections_do_not_count(lookups: DevoLookups, lines: LookupLines, part: str) -> None:
    """An upload with START, rows or END on another connection loads none of those rows."""
    connections: dict[str, Any] = {part: 2}
    upload(lines, "FULL", '1,"Red"', **connections)
    assert lines.ignored > 0
    assert "Colors" not in lookups or not content(lookups)


@pytest.mark.parametrize(
    ("rows", "header", "reason"),
    [
        (['1,"Red","x"'], HEADER, "cells"),
        (['1,"R"ed"'], HEADER, "expected after"),
        (['x,"Red"'], HEADER, "holds no INT4"),
        ([], "['KEY']", "the header"),
        ([], '[{"KEY":{"type":"text","key":true}}]', "the header"),
        ([], '[{"KEY":{"type":"str"}}]', "the only key"),
    ],
)
def test_upload_that_does_not_fit_fails_as_a_whole(
    lookups: DevoLookups, lines: LookupLines, rows: list[str], header: str, reason: str
) -> None:
    """A broken header or row loads nothing. A failed job has the reason; the client does not see it."""
    upload(lines, "FULL", '1,"Red"')
    upload(lines, "FULL", '2,"Blue"', *rows, header=header)
    job = lookups["Colors"].jobs[-1]
    assert job.state == "failed"
    assert reason in str(job.reason)
    assert content(lookups) == {"1": "Red"}


def test_inc_needs_the_lookup(lookups: DevoLookups, lines: LookupLines) -> None:
    """INC creates no lookup, and adds nothing with other columns."""
    upload(lines, "INC", '1,"Red"')
    assert "Colors" not in lookups
    upload(lines, "FULL", '1,"Red"')
    upload(lines, "INC", '"x"', header='[{"KEY":{"type":"int4","key":true}}]')
    assert content(lookups) == {"1": "Red"}


def test_failure_can_be_planned(lookups: DevoLookups, lines: LookupLines) -> None:
    """Job plans also apply to uploads."""
    lookups.plan_jobs(JobPlan(failure="out of space"))
    upload(lines, "FULL", '1,"Red"')
    assert "Colors" not in lookups
