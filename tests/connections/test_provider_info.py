"""The description of the provider for Airflow."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from connection_models import MODELS

from airflow_provider_flashpoint import __version__
from airflow_provider_flashpoint.get_provider_info import get_provider_info


def test_import_is_light() -> None:
    """Every process of Airflow asks for the provider info, so it loads none of what is heavy."""
    code = (
        "import sys; from airflow_provider_flashpoint.get_provider_info import get_provider_info; "
        "get_provider_info(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "airflow_provider_flashpoint.connections.forms" in loaded
    assert not loaded & {"airflow", "requests", "yaml", "cryptography", "msgspec", "pendulum", "tenacity"}


def test_info_is_json_and_a_fresh_one_each_time() -> None:
    """The info is plain JSON, and changing one answer does not change the next."""
    info = get_provider_info()
    assert json.loads(json.dumps(info)) == info
    info["connection-types"].clear()
    assert get_provider_info()["connection-types"]


def test_version_is_the_package_s() -> None:
    """The provider has the version of the package."""
    assert get_provider_info()["versions"] == [__version__]


@pytest.mark.airflow
def test_info_is_valid_for_the_airflow_installed() -> None:
    """The info satisfies the schema by which the installed Airflow judges it."""
    jsonschema = pytest.importorskip("jsonschema")
    import airflow

    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


@pytest.mark.airflow
@pytest.mark.parametrize("conn_type", MODELS)
def test_hooks_are_what_the_info_says(conn_type: str) -> None:
    """Each hook can be imported by its name, and has the names that the info has."""
    (said,) = [each for each in get_provider_info()["connection-types"] if each["connection-type"] == conn_type]
    module, _, name = said["hook-class-name"].rpartition(".")
    hook = getattr(importlib.import_module(module), name)
    assert (hook.conn_type, hook.hook_name) == (conn_type, said["hook-name"])
    behaviour = {name.replace("_", "-"): value for name, value in hook.get_ui_field_behaviour().items()}
    assert behaviour == said["ui-field-behaviour"]


@pytest.mark.airflow
def test_modules_are_there() -> None:
    """Each module that the info names can be imported."""
    info = get_provider_info()
    for group in info["hooks"] + info["operators"]:
        for module in group["python-modules"]:
            importlib.import_module(module)
