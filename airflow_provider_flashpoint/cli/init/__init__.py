"""``airflow-flashpoint init``: from an installed package to DAGs."""

from airflow_provider_flashpoint.cli.init.command import add_to

__all__ = ["add_to"]
