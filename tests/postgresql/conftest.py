"""A PostgreSQL server for these tests: on PostgreSQL, unlike on SQLite, Airflow runs tasks in parallel."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.airflow_lab.postgresql import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A private server, on which each Airflow has a separate database."""
    with (
        tempfile.TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as folder,
        PostgresServer(Path(folder)) as server,
    ):
        yield server
