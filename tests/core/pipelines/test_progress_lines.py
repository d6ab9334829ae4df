"""The log lines of a long pull, sync and delivery: here each of their looks at the clock has a line."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_flashpoint.core.devo.lookups.csv_parts import parts_of
from airflow_provider_flashpoint.core.devo.lookups.form import deploy_form
from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
from airflow_provider_flashpoint.core.flashpoint.source import share_read
from airflow_provider_flashpoint.core.reporting import progress_log
from airflow_provider_flashpoint.core.window import Window
from tests.core.pipelines.test_deliver import FakeSource as FakeEventSource
from tests.core.pipelines.test_deliver import FakeWriter, Stream, pages_of
from tests.core.pipelines.test_sync import Bench, FakeSource

START = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=10))


@pytest.fixture(autouse=True)
def _each_look(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(progress_log, "PERIOD_S", 0.0)
    caplog.set_level("INFO")


def progress_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the progress lines, without rates and remaining times."""
    return [record.getMessage().partition(" so far")[0] for record in caplog.records if "so far (" in record.message]


def test_a_sync_shows_each_of_its_steps(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Rows are staged, compared with those of the ledger, and written to the file."""
    records = [{"domain": f"{number}.example.com", "timestamp": 1_767_225_600} for number in range(3)]
    Bench(tmp_path, FakeSource(records)).run()
    assert progress_in(caplog) == [
        "Staged 0 rows",
        "Lookup domains: 0 rows compared",
        "Lookup domains: 0 rows written to the file",
    ]


def test_a_delivery_shows_the_events_that_are_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The number of events grows with each page."""
    Stream(tmp_path / "ledger").deliver(pages_of(6, 2), FakeWriter([]))
    assert progress_in(caplog) == ["Read 0 events", "Read 2 events", "Read 4 events"]


def test_an_upload_shows_its_bytes(caplog: pytest.LogCaptureFixture) -> None:
    """A part of a lookup is sent in blocks, and the last line has all of its bytes."""
    file = io.BytesIO(b"key,_extra\n" + b'"a",""\n' * 100_000)
    body, _ = deploy_form("Colors", {}, parts_of(file, 1 << 30)[0], Operation.CREATE)
    assert sum(map(len, body)) == len(body)
    assert "Lookup Colors: 256.0 KiB sent so far (" in caplog.messages[0]
    assert caplog.messages[-1].endswith("/s), 100 %.")


@pytest.mark.parametrize(
    ("total", "complete_to", "share"),
    [(50, None, 0.4), (10, START, 1.0), (None, START + timedelta(hours=1), 0.1), (None, None, 0.0), (None, START, 0.0)],
)
def test_the_share_is_that_of_the_records_or_else_of_the_window(
    total: int | None, complete_to: datetime | None, share: float
) -> None:
    """The server's count is better than the time, since records are not spread evenly; 0 is an unknown share."""
    assert share_read(FakeEventSource([], total=total, complete_to=complete_to), WINDOW, 20) == share
