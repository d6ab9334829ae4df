"""The compose file for users, as far as it can be tested without a Docker engine."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.distributed.conftest import SHIPPED, World
from tests.distributed.object_store import BUCKET, ObjectStore

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.distributed,
    pytest.mark.skipif(version("apache-airflow").startswith("2."), reason="the compose file is of Airflow 3"),
]

FOLDER = Path(__file__).parents[2] / "docs" / "compose"
AIRFLOW_SERVICES = ("init", "api-server", "scheduler", "dag-processor", "worker")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(yaml.safe_load((FOLDER / "docker-compose.yaml").read_text())["services"])


def test_airflow_knows_every_setting(services: dict[str, Any]) -> None:
    """No name of a setting is misspelt, including the settings of Celery and of this provider."""
    from airflow.configuration import conf

    known = {
        f"AIRFLOW__{section}__{option}".upper()
        for section, described in conf.configuration_description.items()
        for option in described["options"]
    }
    given = {name for name in services["worker"]["environment"] if name.startswith("AIRFLOW__")}
    assert given - known == set()


def test_the_compose_file_has_every_setting_of_the_tested_workers(services: dict[str, Any], world: World) -> None:
    """The file has each setting that the workers of these tests have in common.

    These tests give an API generation a connection of its own; a deployment has ``flashpoint_default``.
    """
    names = {
        name
        for name in world.first.environment
        if re.match(r"AIRFLOW_CONN_|AIRFLOW__(API_AUTH|CELERY|DATABASE__SQL|FLASHPOINT)_", name)
    }
    names -= {f"AIRFLOW_CONN_{SHIPPED.conn_id.upper()}"} - {"AIRFLOW_CONN_FLASHPOINT_DEFAULT"}
    assert "AIRFLOW_CONN_FLASHPOINT_DEFAULT" in names
    assert names <= set(services["worker"]["environment"])


def test_every_service_of_airflow_has_the_same_settings(services: dict[str, Any]) -> None:
    """All services have the same keys and addresses, as one Airflow needs."""
    assert all(services[name]["environment"] == services["worker"]["environment"] for name in AIRFLOW_SERVICES)


def test_every_variable_of_the_compose_file_is_in_the_example() -> None:
    """The example has every variable of the compose file, and no others."""
    used = set(re.findall(r"\$\{(\w+)", (FOLDER / "docker-compose.yaml").read_text()))
    assert used == set(re.findall(r"^(\w+)=", (FOLDER / "env.example").read_text(), re.MULTILINE))


def test_the_init_service_creates_the_bucket_once(services: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The script of the service creates a missing bucket and keeps an existing one."""
    (script,) = re.findall(r"<<'PYTHON'\n(.*)PYTHON\n", services["init"]["command"][0], re.DOTALL)
    with ObjectStore(bucket=None) as store:
        monkeypatch.setenv("AIRFLOW_CONN_OBJECT_STORE", store.connection())
        for _ in range(2):
            subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
        assert store.buckets() == [BUCKET]
