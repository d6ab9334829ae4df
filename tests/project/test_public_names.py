"""The public names: all are exported, and the shipped DAGs and documents import no others."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

pytest.importorskip("airflow")

pytestmark = pytest.mark.airflow

PROJECT = Path(__file__).parents[2]
PACKAGE = "airflow_provider_flashpoint"
PUBLIC = {
    "assets": {"lookup_asset", "table_asset"},
    "operators": {
        "LookupSyncOperator",
        "PullAlertsOperator",
        "PullEventsOperator",
        "PullIndicatorsOperator",
        "SetupOperator",
    },
    "notifications": {"DevoNotifier", "StaleNotifier"},
    "hooks": {"DevoHook", "FlashpointHook", "Operation"},
    "config": {
        "AlertInput",
        "CollectorConfig",
        "IndicatorInput",
        "InputConfig",
        "KeywordFeed",
        "LookupConfig",
        "LookupStatus",
        "ObfuscationAction",
        "ObfuscationRule",
        "OnRerun",
        "Verify",
        "collector_config_path",
        "default_lookup_name",
        "load_collector_config",
        "load_collector_configs",
        "parse_collector_config",
    },
    "dag_factory": {
        "ALERT_DAG_ID",
        "INDICATOR_DAG_ID",
        "alert_dag",
        "alert_dags",
        "event_dag",
        "event_dags",
        "indicator_dag",
        "indicator_dags",
    },
}
SHOWN = [
    *PROJECT.glob("dags/*.py"),
    *PROJECT.glob(f"{PACKAGE}/example_dags/*.py"),
    PROJECT / "README.md",
    *PROJECT.glob("docs/*.md"),
]
IMPORT = re.compile(rf"from {PACKAGE}\.([\w.]+)\s+import\s+([\w,\s]+?)(?:\n\n|`|\n(?=\w)|$)")


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_exported(name: str) -> None:
    """A public module lists its public names in `__all__`, and each of them can be imported."""
    module = importlib.import_module(f"{PACKAGE}.{name}")
    assert set(module.__all__) == PUBLIC[name]
    assert all(hasattr(module, public) for public in PUBLIC[name])


def test_only_public_names_are_shown() -> None:
    """The shipped DAGs and the documents import public names only."""
    found = [
        (file.name, module, name.strip())
        for file in SHOWN
        for module, names in IMPORT.findall(file.read_text(encoding="utf-8"))
        for name in names.split(",")
        if name.strip()
    ]
    assert len(found) >= 5
    assert [each for each in found if each[2] not in PUBLIC.get(each[1], set())] == []
