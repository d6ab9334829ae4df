"""Alerts from Flashpoint to a Devo table: the DAG flashpoint_alert of each configuration."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_flashpoint.config import load_collector_configs
from airflow_provider_flashpoint.dag_factory import alert_dag

for config in load_collector_configs(Path(__file__).parent):
    if config.alerts:
        dag = alert_dag(config.alerts, name=config.name)
        globals()[dag.dag_id] = dag
