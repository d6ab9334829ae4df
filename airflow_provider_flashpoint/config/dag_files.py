"""The files that this package brings for a DAG folder: the DAG files, and the example of a configuration."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

from airflow_provider_flashpoint.config.document import document_of, text_of
from airflow_provider_flashpoint.config.load import FILE_NAME
from airflow_provider_flashpoint.config.migration.rewrite import rewritten
from airflow_provider_flashpoint.config.shape import ALERTS, INDICATORS
from airflow_provider_flashpoint.core.flashpoint.api import Api

DEFAULT_TYPES = {
    Api.IGNITE_V2: ("domain", "url", "ipv4", "ipv6", "file"),
    **dict.fromkeys((Api.IGNITE_V1, Api.LEGACY), ("domain", "url", "ip-dst", "ip-src", "md5", "sha1", "sha256")),
}
"""The types of a new configuration, by API generation. Those of `ignite_v2` are those of the example."""

_ROOT = Path(__file__).parents[1]


def dag_files() -> dict[str, str]:
    """Return the texts of the DAG files, by their names."""
    return {file.name: text_of(file) for file in sorted(_folder().glob("*.py"))}


def new_configuration(types: Iterable[str], *, has_alerts: bool) -> str:
    """Return the commented example of a configuration with these types of indicators; without any, they are off."""
    file = _folder() / FILE_NAME
    text = text_of(file)
    old = document_of(text, file)
    new = deepcopy(old)
    indicators, alerts = new["inputs"][INDICATORS], new["inputs"][ALERTS]
    service = indicators["services"]["indicators"]
    example = {name: entry for entry in service["lookups"] for name in entry}
    chosen: list[dict[str, Any]] = [example.get(name, {name: {"lookup_status": "New"}}) for name in types]
    service["lookups"] = chosen or service["lookups"]
    indicators["enabled"], alerts["enabled"] = bool(chosen), has_alerts
    return rewritten(text, file, new)[0]


def _folder() -> Path:
    """Return the folder of the files: in an installed package, or beside the package in a clone."""
    installed = _ROOT / "dag_files"
    return installed if installed.is_dir() else _ROOT.parent / "dags"
