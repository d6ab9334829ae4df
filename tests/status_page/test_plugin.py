"""The plugin that brings the status page: found by Airflow, light, and without a page on Airflow 2."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow

PACKAGE = "airflow_provider_flashpoint"
STATIC = Path(__file__).parents[2] / PACKAGE / "status_page" / "static"
IMPORT_IT = f"""
import sys
from airflow.providers.common.compat.sdk import AirflowPlugin
before = set(sys.modules)
import {PACKAGE}.status_page.plugin
print(*sorted(set(sys.modules) - before))
"""


def test_airflow_imports_the_plugin_and_nothing_else() -> None:
    """Every process of Airflow imports the plugin, which imports no other module that Airflow has not imported."""
    run = subprocess.run([sys.executable, "-c", IMPORT_IT], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert set(run.stdout.split()) <= {PACKAGE, f"{PACKAGE}.status_page", f"{PACKAGE}.status_page.plugin"}


def test_the_plugin_has_a_page_where_airflow_has_pages() -> None:
    """Airflow 3 gets the page and its entry in the navigation; Airflow 2 gets a plugin without either."""
    plugin = import_module(f"{PACKAGE}.status_page.plugin").FlashpointPlugin
    has_pages = importlib.util.find_spec("airflow.sdk") is not None
    assert [each["url_prefix"] for each in plugin.fastapi_apps] == ["/flashpoint-status"] * has_pages
    assert [each["href"] for each in plugin.external_views] == ["flashpoint-status/"] * has_pages


def test_the_page_needs_no_file_of_another_place() -> None:
    """All files that the page names are its own, so it works without the internet."""
    named = re.compile(r"""\b(?:href=|src=|import .* from )"([^"\n]+)\"""")
    files = {file.name for file in STATIC.iterdir()}
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8")
        assert {name.removeprefix("./") for name in named.findall(text)} <= files, file.name
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text
