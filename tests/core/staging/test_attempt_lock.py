"""The attempt lock: which attempt may send."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
from airflow_provider_flashpoint.errors import SupersededError


def begun(path: Path, work: str = "one") -> AttemptLock:
    """Return an attempt that has started."""
    newest = AttemptLock(path, work=work)
    newest.begin()
    return newest


def test_a_newer_attempt_stops_the_older_one(tmp_path: Path) -> None:
    """The check of the older attempt raises its own error."""
    older = begun(tmp_path / "attempt")
    older.check()
    begun(tmp_path / "attempt")
    with pytest.raises(SupersededError, match="Another attempt has started"):
        older.check()


def test_an_older_attempt_does_not_stop_the_newer_one(tmp_path: Path) -> None:
    """The newest attempt continues."""
    begun(tmp_path / "attempt")
    begun(tmp_path / "attempt").check()


def test_attempts_of_other_work_are_independent(tmp_path: Path) -> None:
    """Parallel runs do not stop each other."""
    one = begun(tmp_path / "attempt")
    begun(tmp_path / "attempt", work="two")
    one.check()


def test_a_wiped_storage_stops_no_attempt(tmp_path: Path) -> None:
    """Without the file of the lock, the check passes."""
    one = begun(tmp_path / "attempt")
    (tmp_path / "attempt").unlink()
    one.check()
