"""Which try may send."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
from airflow_provider_flashpoint.errors import SupersededError


def begun(path: Path, work: str = "one") -> AttemptLock:
    """Return a try that has begun."""
    newest = AttemptLock(path, work=work)
    newest.begin()
    return newest


def test_a_newer_try_stops_the_older_one(tmp_path: Path) -> None:
    """The older one is told by an error of its own."""
    older = begun(tmp_path / "try")
    older.check()
    begun(tmp_path / "try")
    with pytest.raises(SupersededError, match="Another try has begun"):
        older.check()


def test_an_older_try_leaves_the_newer_one_alone(tmp_path: Path) -> None:
    """What began last goes on."""
    begun(tmp_path / "try")
    begun(tmp_path / "try").check()


def test_other_work_is_no_newer_try(tmp_path: Path) -> None:
    """Runs side by side do not stop one another."""
    one = begun(tmp_path / "try")
    begun(tmp_path / "try", work="two")
    one.check()


def test_a_wiped_storage_stops_nobody(tmp_path: Path) -> None:
    """Where nothing tells of another try, there is none."""
    one = begun(tmp_path / "try")
    (tmp_path / "try").unlink()
    one.check()
