"""Every DAG file can be read, on Airflow 2.11 and 3. ``astro dev parse`` and ``pytest .astro`` run this.

Connections and Variables do not exist here: a DAG file that reads one gets a stand-in. A file that cannot be
read without the real ones goes into ``dag_integrity_exceptions.txt``.
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


def stand_in_connection(conn_id: str) -> Connection:
    return Connection(conn_id=conn_id, conn_type="generic")


def stand_in_variable(key: str, *default: Any, deserialize_json: bool = False, **named_default: Any) -> Any:
    """Return the default under whichever name the Airflow line knows it, else an empty value."""
    for value in (*default, *named_default.values()):
        return value
    return {} if deserialize_json else ""


@contextmanager
def stand_ins() -> Generator[None]:
    with (
        patch.object(BaseHook, "get_connection", staticmethod(stand_in_connection)),
        patch.object(Variable, "get", staticmethod(stand_in_variable)),
    ):
        yield


def exceptions() -> set[Path]:
    lines = Path(__file__).with_name("dag_integrity_exceptions.txt").read_text().splitlines()
    return {PROJECT / line.strip() for line in lines if line.strip() and not line.startswith("#")}


def test_every_dag_file_can_be_read() -> None:
    """No file of the DAG folder raises while Airflow reads it."""
    folder = PROJECT / "dags"
    with stand_ins():
        errors = DagBag(dag_folder=str(folder)).import_errors
    # Airflow 3 names files by their path in the folder, Airflow 2 by their whole path.
    unexpected = {file: error for file, error in errors.items() if folder / file not in exceptions()}
    report = "\n\n".join(f"{file}\n{error}" for file, error in unexpected.items())
    assert not unexpected, report  # noqa: S101
