"""No DAG, but the import error of a wrong configuration, because Airflow runs no DAG of a file with an import error."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_flashpoint.config import load_collector_configs

load_collector_configs(Path(__file__).parent, strict=True)
