"""The wheel, the source distribution, the pins and the requirements agree with the project."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
LINES = ("3.3", "2.11")
ALL_LINES = (*LINES, "3.2", "3.1")


def requirements(file: Path) -> list[str]:
    lines = (line.strip() for line in file.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with a freshly built source distribution, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(PROJECT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> dict[str, bytes]:
    """The files of the wheel."""
    with zipfile.ZipFile(next(built.glob("*.whl"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def metadata(wheel: dict[str, bytes]) -> Message:
    """The metadata of the wheel, and the description as its body."""
    return message_from_string(next(content for name, content in wheel.items() if name.endswith("/METADATA")).decode())


@pytest.fixture(scope="module")
def unpacked(built: Path) -> Path:
    """The folder of the unpacked source distribution."""
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        archive.extractall(built, filter="data")
    return next(folder for folder in built.iterdir() if folder.is_dir())


def test_the_wheel_holds_every_module_of_the_package(wheel: dict[str, bytes]) -> None:
    """The wheel has every module, the files of the status page, and the marker `py.typed`."""
    sources = PROJECT / "airflow_provider_flashpoint"
    shipped = {*sources.rglob("*.py"), *(sources / "status_page" / "static").iterdir(), sources / "py.typed"}
    assert {str(source.relative_to(PROJECT)) for source in shipped} <= set(wheel)


def test_the_wheel_holds_nothing_beside_the_package(wheel: dict[str, bytes]) -> None:
    """Tests, the sandbox and the demo stay in the repository."""
    folders = {name.split("/")[0] for name in wheel}
    packages = {folder for folder in folders if not folder.endswith(".dist-info")}
    assert packages == {"airflow_provider_flashpoint"}


def test_the_wheel_holds_the_files_of_the_dag_folder(wheel: dict[str, bytes]) -> None:
    """The files that `airflow-flashpoint init` writes are those of `dags/`."""
    shipped = [file for file in (PROJECT / "dags").iterdir() if file.suffix in {".py", ".yaml"}]
    assert len(shipped) >= 5
    for file in shipped:
        assert wheel[f"airflow_provider_flashpoint/dag_files/{file.name}"] == file.read_bytes()


def test_the_source_distribution_holds_every_file_of_the_project(unpacked: Path) -> None:
    """The source distribution has each file that git tracks, such as the Dockerfile and `.astro/`."""
    if not (PROJECT / ".git").exists():
        pytest.skip("not a clone")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    tracked = [name for name in listed.split("\0") if (PROJECT / name).is_file()]
    assert {"Dockerfile", "packages.txt", ".astro/config.yaml", "hatch_build.py"} <= {*tracked}
    assert [name for name in tracked if not (unpacked / name).is_file()] == []


def test_tests_run_from_the_source_distribution(unpacked: Path) -> None:
    """A test of the unpacked source distribution passes, with its own modules."""
    code = (
        "import pytest, sys; found = pytest.main(['-q', '-p', 'no:cacheprovider', 'tests/config/test_rewrite.py']); "
        "import airflow_provider_flashpoint; print(airflow_provider_flashpoint.__file__); sys.exit(found)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=unpacked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(unpacked) in done.stdout


def test_no_link_of_the_description_is_relative(metadata: Message) -> None:
    """The page of a package has no folder, so the description has no link to a file of one."""
    description = metadata.get_payload()
    assert isinstance(description, str)
    assert "## Use it" in description
    assert re.findall(r"\]\((?!\w+:|#)[^)]*\)", description) == []


def test_a_public_repository_gives_addresses() -> None:
    """With the address of a repository, the links of the README lead there; without one, they are plain text."""
    spec = importlib.util.spec_from_file_location("hatch_build", PROJECT / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = "![A page](docs/a.png) [Settings](docs/b.md#c) [Devo](https://docs.devo.com) [below](#below)"
    assert module.with_links(text, "https://git.example/p", "v1") == (
        "![A page](https://git.example/p/raw/v1/docs/a.png) [Settings](https://git.example/p/blob/v1/docs/b.md#c) "
        "[Devo](https://docs.devo.com) [below](#below)"
    )
    assert module.with_links(text, "", "v1") == " Settings [Devo](https://docs.devo.com) [below](#below)"
    hook = module.ProjectMetadata(str(PROJECT), {"repository": "https://git.example/p"})
    metadata = {"version": "1"}
    hook.update(metadata)
    assert metadata["urls"]["Documentation"] == "https://git.example/p/blob/v1/README.md"


@pytest.mark.parametrize(
    "name",
    ["docs", *(f"airflow-{line}" for line in ALL_LINES), *(f"distributed-{line}" for line in LINES)],
)
def test_every_package_is_pinned_and_names_no_address(name: str) -> None:
    """A pin is a name and a version, without an address, so that any package index can be used."""
    pins = requirements(PROJECT / "requirements" / f"{name}.txt")
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", pin)] == []


def test_the_astro_image_gets_the_dependencies_of_the_package(project: dict[str, Any]) -> None:
    """`requirements.txt` has the dependencies of pyproject.toml except Airflow, which the image contains."""
    of_project = [name for name in project["dependencies"] if not name.startswith("apache-airflow>")]
    assert requirements(PROJECT / "requirements.txt") == of_project


def test_the_documents_name_the_tested_versions(project: dict[str, Any]) -> None:
    """README and the page about versions name each pinned Airflow, and each Python of the classifiers."""
    pins = [requirements(PROJECT / "requirements" / f"airflow-{line}.txt") for line in ALL_LINES]
    airflows = [pin.removeprefix("apache-airflow==") for each in pins for pin in each if "apache-airflow==" in pin]
    pythons = [each.rpartition(" ")[2] for each in project["classifiers"] if re.search(r"Python :: 3\.\d+", each)]
    assert (len(airflows), pythons) == (4, ["3.11", "3.12", "3.13"])
    for document in ("README.md", "docs/versions.md"):
        text = (PROJECT / document).read_text(encoding="utf-8")
        assert [version for version in airflows + pythons if version not in text] == []
