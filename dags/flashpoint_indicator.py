"""Indicators from Flashpoint to Devo lookups: the DAG flashpoint_indicator of each configuration."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_flashpoint.config import load_collector_configs
from airflow_provider_flashpoint.dag_factory import indicator_dag

for config in load_collector_configs(Path(__file__).parent):
    if config.indicators:
        dag = indicator_dag(config.indicators, name=config.name)
        globals()[dag.dag_id] = dag
