"""The integrity test of the Astro project, on the Airflow line of the tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow

PROJECT = Path(__file__).parents[2]


def integrity(project: Path) -> subprocess.CompletedProcess[str]:
    """Run the test as `astro dev parse` does: in a separate process, without a database."""
    options = ["-p", "no:cacheprovider", "-c", os.devnull]
    command = [sys.executable, "-m", "pytest", *options, str(project / ".astro")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the integrity test and an empty DAG folder."""
    shutil.copytree(PROJECT / ".astro", tmp_path / ".astro")
    (tmp_path / "dags").mkdir()
    return tmp_path


def test_the_dags_of_the_project_can_be_read() -> None:
    """The shipped DAG files pass the integrity test."""
    result = integrity(PROJECT)
    assert result.returncode == 0, result.stdout


def test_a_dag_file_that_cannot_be_read_is_named(project: Path) -> None:
    """The integrity test fails with the file and its error."""
    (project / "dags" / "broken.py").write_text("raise LookupError('of an airflow DAG')\n")
    result = integrity(project)
    assert result.returncode == 1
    assert re.search(r"(?s)broken\.py.*LookupError", result.stdout)


def test_an_excepted_file_may_be_unreadable(project: Path) -> None:
    """A file named in the exceptions is left out."""
    (project / "dags" / "broken.py").write_text("raise LookupError('of an airflow DAG')\n")
    (project / ".astro" / "dag_integrity_exceptions.txt").write_text("dags/broken.py\n")
    assert integrity(project).returncode == 0


def test_a_dag_file_may_read_connections_and_variables(project: Path) -> None:
    """A DAG file that reads a connection or a Variable gets a placeholder."""
    (project / "dags" / "reader.py").write_text(
        "from airflow.providers.common.compat.sdk import BaseHook, Variable\n"
        "assert BaseHook.get_connection('somewhere').conn_id == 'somewhere'\n"
        "assert Variable.get('something', 'a default') == 'a default'\n"
        "assert Variable.get('mapping', deserialize_json=True) == {}\n"
    )
    result = integrity(project)
    assert result.returncode == 0, result.stdout
