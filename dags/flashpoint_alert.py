"""The DAG flashpoint_alert: alerts from Flashpoint to a Devo table, configured by flashpoint_collector.yaml."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_flashpoint.config import collector_config_path, load_collector_config
from airflow_provider_flashpoint.dag_factory import alert_dag

config = load_collector_config(collector_config_path(Path(__file__).parent))
if config.alerts:
    dag = alert_dag(config.alerts)
