"""The private PostgreSQL server of the lab."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.airflow_lab import LabError
from demo.airflow_lab.postgresql import PostgresServer


def test_missing_postgresql_is_an_error_that_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the package to install, before anything is created."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("demo.airflow_lab.postgresql._DEBIAN", tmp_path)
    with pytest.raises(LabError, match="apt install postgresql"):
        PostgresServer(tmp_path / "server")
    assert not (tmp_path / "server").exists()
