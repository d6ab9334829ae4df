"""Damaged files of the staging storage: each is read whole, or refused by its name with the remedy."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
from airflow_provider_flashpoint.core.staging.events.event_ledger import EventLedger, entry_of
from airflow_provider_flashpoint.core.staging.events.kept_lines import KeptLines
from airflow_provider_flashpoint.core.staging.indicators.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.staging.indicators.newest import digest_of
from airflow_provider_flashpoint.core.staging.indicators.stage import MANIFEST, Stage
from airflow_provider_flashpoint.core.staging.indicators.stage_writer import StageWriter
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import StageError, SupersededError

NOW = datetime(2026, 1, 2, tzinfo=UTC)
COUNT = 40
ENTRIES = [entry_of(f"a{number}", 0) for number in range(COUNT)]
KNOWN = [(*digest_of(f"k{number}"), number) for number in range(COUNT)]
PAIRS = [(entry, b'{"text":"line"}\n') for entry in ENTRIES]


def read_events(directory: Path) -> list[Any]:
    ledger = EventLedger(directory)
    return [entry for entry in ENTRIES if entry in ledger]


@dataclass(frozen=True)
class Kind:
    """A kind of file: how it is written and read, and the content that was written."""

    write: Callable[[Path], object]
    read: Callable[[Path], list[Any]]
    content: list[Any]
    remedy: str

    def written(self, directory: Path) -> Path:
        self.write(directory)
        (file,) = (path for path in directory.rglob("*") if path.is_file())
        return file


KINDS = {
    "event ledger": Kind(lambda at: EventLedger(at).add(ENTRIES, at=NOW), read_events, ENTRIES, "Remove it"),
    "lookup ledger": Kind(
        lambda at: LookupLedger(at, build="one").add(KNOWN, at=NOW),
        lambda at: list(LookupLedger(at, build="one").known()),
        KNOWN,
        "Rebuild the lookup",
    ),
    "kept lines": Kind(
        lambda at: KeptLines(at).keep(PAIRS, at=NOW),
        lambda at: [pair for batch in KeptLines(at).batches() for pair in batch.pairs],
        PAIRS,
        "Remove it",
    ),
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def named_as_in_0_1_0(file: Path) -> Path:
    """Give a file the name of version 0.1.0, without a digest."""
    time_and_random, suffix = file.name.rsplit("-", 1)[0], file.suffix
    return file.rename(file.with_name(time_and_random + suffix))


def damage(file: Path, how: str, at: int) -> None:
    content = file.read_bytes()
    at %= len(content)
    if how == "directory":
        file.unlink()
        file.mkdir()
        return
    changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    half = content[: len(content) // 2]
    file.write_bytes({"cut": content[:at], "half": half, "empty": b"", "changed": changed, "doubled": content * 2}[how])


@each_kind
@pytest.mark.parametrize("how", ["cut", "half", "empty", "changed", "doubled", "directory"])
@given(at=st.integers(0, 10_000))
@settings(deadline=None, max_examples=10)
def test_damaged_file_is_refused_by_its_name(kind: Kind, how: str, at: int) -> None:
    """A file that is cut, changed, lengthened or a directory is an error with its name and the remedy."""
    with tempfile.TemporaryDirectory() as directory:
        file = kind.written(Path(directory))
        damage(file, how, at)
        with pytest.raises(StageError) as error:
            kind.read(Path(directory))
        assert file.name in str(error.value)
        assert kind.remedy in str(error.value)


@each_kind
@pytest.mark.parametrize("place", ["its own", "the top", "above the top"])
def test_file_in_place_of_a_directory_is_refused_by_its_name(kind: Kind, place: str, tmp_path: Path) -> None:
    """Where a file stands in place of a directory, that is not empty: its content may have been confirmed."""
    top = tmp_path / "stream" / "top"
    directory = {"its own": kind.written(top).parent, "the top": top, "above the top": top.parent}[place]
    shutil.rmtree(directory)
    directory.write_bytes(b"x")
    with pytest.raises(StageError, match=rf"/stream\b.*{kind.remedy}"):
        kind.read(top)


@each_kind
def test_file_is_read_whole(kind: Kind, tmp_path: Path) -> None:
    """An undamaged file gives everything that was written."""
    kind.write(tmp_path)
    assert kind.read(tmp_path) == kind.content


@each_kind
def test_file_of_0_1_0_is_read(kind: Kind, tmp_path: Path) -> None:
    """A file whose name has no digest, as version 0.1.0 wrote it, is read as before."""
    named_as_in_0_1_0(kind.written(tmp_path))
    assert kind.read(tmp_path) == kind.content


@each_kind
@pytest.mark.parametrize("cut", [1, 3, 7, 11, 13])
def test_file_of_0_1_0_that_is_cut_within_an_entry_is_refused(kind: Kind, cut: int, tmp_path: Path) -> None:
    """Without a digest in the name, an incomplete last entry shows that the file is cut."""
    file = named_as_in_0_1_0(kind.written(tmp_path))
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(StageError, match=file.name):
        kind.read(tmp_path)


def test_directory_in_place_of_the_attempt_lock_is_removed(tmp_path: Path) -> None:
    """The lock can be rebuilt, so a directory in its place stops no run."""
    older, newer = (AttemptLock(tmp_path / "newest_try", work="one") for _ in range(2))
    (tmp_path / "newest_try" / "stray").mkdir(parents=True)
    older.check()
    older.begin()
    older.check()
    newer.begin()
    with pytest.raises(SupersededError):
        older.check()


@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"[]", b"null", b'{"parts": 1}', b'{"parts": [1]}', b'{"parts": [{}]}', b"[" * 9999]
)
def test_damaged_manifest_is_refused_by_the_name_of_its_stage(content: bytes | None, tmp_path: Path) -> None:
    """A manifest of another form, or a directory in its place, is an error that names the stage and the remedy."""
    with StageWriter(tmp_path, window=Window(NOW.replace(year=2025), NOW), pulled_at=NOW) as writer:
        writer.add([{"a": 1}])
        summary = writer.finish()
    manifest = writer.directory / MANIFEST
    manifest.unlink()
    if content is None:
        manifest.mkdir()
    else:
        manifest.write_bytes(content)
    with pytest.raises(StageError, match=f"{writer.directory.name}.*pulled again"):
        Stage(writer.directory, summary)
