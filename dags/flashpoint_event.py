"""Credentials, vulnerabilities and reports from Flashpoint to Devo tables: a DAG for each of these inputs."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_flashpoint.dag_factory import event_dags

for dag in event_dags(Path(__file__).parent):
    globals()[dag.dag_id] = dag
