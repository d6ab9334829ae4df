"""The lower layers work without Airflow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import airflow_provider_flashpoint

PACKAGE = Path(airflow_provider_flashpoint.__file__).parent
MODULES = sorted(
    ".".join((PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts))
    for place in ("core", "config", "errors.py", "airflow_runtime/run_window.py")
    for path in ([PACKAGE / place] if place.endswith(".py") else (PACKAGE / place).rglob("*.py"))
    if path.name not in {"__init__.py", "__main__.py"}
)
BLOCK_AND_IMPORT = """
import importlib, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "airflow":
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
for name in sys.argv[1:]:
    importlib.import_module(name)
    print(name)
upper = ("airflow_provider_flashpoint.hooks", "airflow_provider_flashpoint.operators")
assert not [name for name in sys.modules if name.startswith(upper)]
"""


def run_without_airflow(*names: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BLOCK_AND_IMPORT, *names],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_lower_layers_work_without_airflow() -> None:
    """Every module of core, config, errors and run_window can be imported while Airflow cannot."""
    assert len(MODULES) > 50
    result = run_without_airflow(*MODULES)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == MODULES


@pytest.mark.parametrize("name", ["airflow", "airflow_provider_flashpoint.operators.base"])
def test_blocking_is_effective(name: str) -> None:
    """The import of a module that needs Airflow fails, so the test above would find it."""
    result = run_without_airflow(name)
    assert result.returncode != 0
    assert "is blocked" in result.stderr


@pytest.mark.airflow
def test_streams_do_not_use_the_command_line() -> None:
    """Every module of `streams` can be imported without the command line."""
    paths = [path.relative_to(PACKAGE.parent).with_suffix("") for path in (PACKAGE / "streams").rglob("[!_]*.py")]
    names = [".".join(path.parts) for path in paths]
    code = f"import sys, {', '.join(names)}; sys.exit(any('{PACKAGE.name}.cli' in name for name in sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
