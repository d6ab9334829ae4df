"""A lookup with `keep_days` holds the newest version of what it keeps, whatever the order of its runs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.flashpoint.page import Page
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import OutdatedWindowError
from tests.core.pipelines.test_renewal import KeepingBench
from tests.core.pipelines.test_sync import FakeSource, RowLookups

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURS = 24 * 6  # the lookup keeps two days


class MovingSource(FakeSource):
    """Serves the newest version of each indicator so far: changes are their hours by name."""

    def __init__(self, changes: list[tuple[int, str]]) -> None:
        super().__init__([])
        self._changes = changes
        self.now = START

    def newest(self) -> dict[str, datetime]:
        return {name: START + hour * HOUR for hour, name in sorted(self._changes) if START + hour * HOUR < self.now}

    def pages(self, window: Window) -> Iterator[Page]:
        found = {name: at for name, at in self.newest().items() if window.start <= at < window.end}
        yield Page([{"domain": name, "timestamp": int(at.timestamp())} for name, at in found.items()])


CHANGES = st.lists(st.tuples(st.integers(0, HOURS - 1), st.sampled_from("abcdef")), min_size=1, max_size=12)
RUNS = st.lists(st.tuples(st.integers(1, HOURS), st.booleans(), st.integers(1, HOURS)), max_size=10)


@settings(max_examples=30, deadline=None)
@given(CHANGES, RUNS)
def test_a_lookup_holds_what_it_keeps(changes: list[tuple[int, str]], runs: list[tuple[int, bool, int]]) -> None:
    """After late, repeated, explicit and backfilled runs, the newest run leaves the newest versions and nothing old."""
    lookups, source = RowLookups(), MovingSource(changes)
    with tempfile.TemporaryDirectory() as directory:
        bench = KeepingBench(Path(directory), source, lookups)
        oldest = START
        for hour, explicit, length in [*runs, (HOURS, False, 1)]:
            end = START + hour * HOUR
            source.now = max(source.now, end)
            of = bench.period(end, explicit=explicit, window=Window(end - length * HOUR, end), now=source.now)
            built_at = bench.saved[-1].built_at if bench.saved else None
            try:
                bench.run_for(of, at=source.now)
            except OutdatedWindowError:
                continue
            if bench.saved and bench.saved[-1].built_at != built_at:
                oldest = max(oldest, of.oldest or START)
    newest = source.newest()
    rows = {name: datetime.fromtimestamp(int(row["timestamp"]), UTC) for name, row in lookups.rows.items()}
    assert all(rows.get(name) == at for name, at in newest.items() if at >= max(oldest, of.oldest or START))
    assert all(at >= oldest for at in rows.values())
