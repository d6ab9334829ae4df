"""The Airflow connections ``flashpoint`` and ``devo``: their forms, and reading them into settings."""

from airflow_provider_flashpoint.connections.forms import conn_fields, connection_form_widgets, ui_field_behaviour
from airflow_provider_flashpoint.connections.reading import read_settings

__all__ = ["conn_fields", "connection_form_widgets", "read_settings", "ui_field_behaviour"]
