"""Alerts from Flashpoint to a Devo table: the DAG flashpoint_alert of each configuration."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_flashpoint.dag_factory import alert_dags

for dag in alert_dags(Path(__file__).parent):
    globals()[dag.dag_id] = dag
