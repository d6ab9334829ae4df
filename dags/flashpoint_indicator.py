"""Indicators from Flashpoint to Devo lookups: the DAG flashpoint_indicator of each configuration."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_flashpoint.dag_factory import indicator_dags

for dag in indicator_dags(Path(__file__).parent):
    globals()[dag.dag_id] = dag
