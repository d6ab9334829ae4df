"""Test that Airflow 2.11 or 3 can read every DAG file. ``astro dev parse`` and ``pytest .astro`` run this test.

Connections and Variables do not exist here, so a DAG file that reads one gets a placeholder. List a file that needs
the real ones in ``dag_integrity_exceptions.txt``.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

# Airflow reads these when it is first imported.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="dag-integrity-"))
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

from airflow.models import DagBag
from airflow.providers.common.compat.sdk import BaseHook, Connection, Variable

PROJECT = Path(__file__).parents[1]


def placeholder_connection(conn_id: str) -> Connection:
    return Connection(conn_id=conn_id, conn_type="generic")


def placeholder_variable(key: str, *default: Any, deserialize_json: bool = False, **named_default: Any) -> Any:
    """Return the default, whose name differs between the Airflow lines, or an empty value."""
    for value in (*default, *named_default.values()):
        return value
    return {} if deserialize_json else ""


@contextmanager
def placeholders() -> Generator[None]:
    with (
        patch.object(BaseHook, "get_connection", staticmethod(placeholder_connection)),
        patch.object(Variable, "get", staticmethod(placeholder_variable)),
    ):
        yield


def exceptions() -> set[Path]:
    lines = Path(__file__).with_name("dag_integrity_exceptions.txt").read_text().splitlines()
    return {PROJECT / line.strip() for line in lines if line.strip() and not line.startswith("#")}


def test_every_dag_file_can_be_read() -> None:
    """Airflow reads every file of the DAG folder without an error."""
    folder = PROJECT / "dags"
    with placeholders():
        errors = DagBag(dag_folder=str(folder)).import_errors
    # Airflow 3 names files by their path in the folder, Airflow 2 by their full path.
    unexpected = {file: error for file, error in errors.items() if folder / file not in exceptions()}
    report = "\n\n".join(f"{file}\n{error}" for file, error in unexpected.items())
    assert not unexpected, report  # noqa: S101
