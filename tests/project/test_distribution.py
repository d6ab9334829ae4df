"""The wheel, the pins and the requirements agree with the project."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
LINES = ("3.3", "2.11")


def requirements(file: Path) -> list[str]:
    lines = (line.strip() for line in file.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names in a freshly built wheel."""
    folder = tmp_path_factory.mktemp("dist")
    options = ["--wheel", "--no-isolation", "--outdir", str(folder)]
    command = [sys.executable, "-m", "build", *options, str(PROJECT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        return archive.namelist()


def test_the_wheel_holds_every_module_of_the_package(wheel: list[str]) -> None:
    """The wheel has every module and the marker `py.typed`."""
    sources = PROJECT / "airflow_provider_flashpoint"
    shipped = {*sources.rglob("*.py"), sources / "py.typed"}
    assert {str(source.relative_to(PROJECT)) for source in shipped} <= set(wheel)


def test_the_wheel_holds_nothing_beside_the_package(wheel: list[str]) -> None:
    """DAGs, tests and the demo stay in the repository."""
    folders = {name.split("/")[0] for name in wheel}
    packages = {folder for folder in folders if not folder.endswith(".dist-info")}
    assert packages == {"airflow_provider_flashpoint"}


@pytest.mark.parametrize(
    "name", [f"{environment}-{line}" for environment in ("airflow", "distributed") for line in LINES]
)
def test_every_package_is_pinned_and_names_no_address(name: str) -> None:
    """A pin is a name and a version, without an address, so that any package index can be used."""
    pins = requirements(PROJECT / "requirements" / f"{name}.txt")
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", pin)] == []


def test_the_astro_image_gets_the_dependencies_of_the_package(project: dict[str, Any]) -> None:
    """`requirements.txt` has the dependencies of pyproject.toml except Airflow, which the image contains."""
    of_project = [name for name in project["dependencies"] if not name.startswith("apache-airflow>")]
    assert requirements(PROJECT / "requirements.txt") == of_project
