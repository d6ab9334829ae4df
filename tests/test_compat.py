"""The names that differ between the Airflow lines, on imitations of where each line keeps them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

IMPORT = """
import importlib.machinery, json, sys, types

class Airflow:
    '''Every module of Airflow with every name, except the absent ones. The value of a name is its module.'''

    def __init__(self, absent):
        self.absent = absent

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "airflow" and name not in self.absent:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__getattr__ = lambda name: self.of(spec.name, name)
        return module

    def of(self, module, name):
        if f"{module}.{name}" in self.absent:
            raise AttributeError(name)
        return module

    def exec_module(self, module):
        pass

sys.meta_path.insert(0, Airflow(sys.argv[1:]))
from airflow_provider_flashpoint.airflow_runtime import compat
print(compat.DeltaDataIntervalTimetable, compat.mask_secret, compat.redact)
"""
OF_AIRFLOW_2 = "airflow.utils.log.secrets_masker"
OF_AIRFLOW_3 = "airflow.sdk.log"


@pytest.mark.parametrize(
    ("absent", "places"),
    [
        pytest.param(("airflow.sdk",), ("airflow.timetables.interval", OF_AIRFLOW_2, OF_AIRFLOW_2), id="2.11"),
        pytest.param(
            ("airflow.sdk.DeltaDataIntervalTimetable", OF_AIRFLOW_2),
            ("airflow.timetables.interval", OF_AIRFLOW_3, OF_AIRFLOW_3),
            id="3.1",
        ),
        pytest.param((OF_AIRFLOW_2,), ("airflow.sdk", OF_AIRFLOW_3, OF_AIRFLOW_3), id="3.2 and later"),
    ],
)
def test_each_name_is_imported_from_where_the_line_keeps_it(absent: tuple[str, ...], places: tuple[str, ...]) -> None:
    """The timetable and the secrets masker moved at different times, so each is looked for by itself."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, *absent],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == list(places)
