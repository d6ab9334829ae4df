"""Kept lines: lines and entries are read back as they were kept."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.staging.events.event_ledger import entry_of
from airflow_provider_flashpoint.core.staging.events.kept_lines import KeptLines
from airflow_provider_flashpoint.errors import StageError

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
ENTRIES = st.builds(entry_of, st.text(max_size=5), st.none() | st.integers(0, 10**15))
LINES = st.binary(max_size=20).map(lambda line: line.replace(b"\n", b" ") + b"\n")


@given(st.lists(st.lists(st.tuples(ENTRIES, LINES), max_size=5), max_size=4))
@settings(deadline=None)
def test_round_trip(kept: list[list[tuple[object, bytes]]]) -> None:
    """Entries and lines come back as they were kept, oldest batch first, until they are removed."""
    with tempfile.TemporaryDirectory() as directory:
        lines = KeptLines(Path(directory, "unsent"))
        for number, pairs in enumerate(kept):
            assert lines.keep(pairs, at=NOW + timedelta(seconds=number))
        found = list(lines.batches())
        assert [batch.pairs for batch in found] == kept
        assert [batch.at for batch in found] == [NOW + timedelta(seconds=number) for number in range(len(kept))]
        for batch in found:
            lines.remove(batch.name)
        assert list(lines.batches()) == []


def test_number_of_batches_is_limited(tmp_path: Path) -> None:
    """A batch beyond the limit is not kept, and the result says so."""
    lines = KeptLines(tmp_path, max_batches=2)
    pairs = [(entry_of("a", None), b"a\n")]
    assert [lines.keep(pairs, at=NOW) for _ in range(3)] == [True, True, False]
    assert len(list(lines.batches())) == 2


@pytest.mark.parametrize("content", [b"no entry\n", b"20260101T00 no-digest line\n", b"\xff 00 line\n"])
def test_other_content(tmp_path: Path, content: bytes) -> None:
    """An invalid file is an error that names it and says what to do."""
    (tmp_path / "20260102T030405.000678Z-00000000.lines").write_bytes(content)
    with pytest.raises(StageError, match=r"20260102T030405.*Remove it"):
        list(KeptLines(tmp_path).batches())


def test_batch_that_another_run_removed_meanwhile(tmp_path: Path) -> None:
    """A batch that is gone when it is read is skipped."""
    lines = KeptLines(tmp_path)
    for name in ("a", "b"):
        lines.keep([(entry_of(name, None), name.encode() + b"\n")], at=NOW)
    batches = lines.batches()
    first = next(batches)
    for batch in KeptLines(tmp_path).batches():
        lines.remove(batch.name)
    assert list(batches) == []
    assert len(first.pairs) == 1


@pytest.mark.parametrize("place", ["unsent", "."])
def test_lines_that_cannot_be_kept_are_only_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    """A file in place of the directory does not hide the error after which lines are kept."""
    stream = tmp_path / "stream"
    stream.mkdir()
    target = stream / place
    if place == ".":
        stream.rmdir()
    target.write_bytes(b"x")
    KeptLines(stream / "unsent").keep_after_error([(entry_of("a", None), b"a\n")], at=NOW)
    assert "1 events were not delivered. They cannot be kept (" in caplog.text
