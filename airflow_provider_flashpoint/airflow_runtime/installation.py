"""What a new setup needs of the Airflow of this machine: its DAG folder, and its connections."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_flashpoint.airflow_runtime import database


def dags_folder() -> Path:
    """Return the DAG folder of Airflow's configuration, whether it exists or not."""
    from airflow.providers.common.compat.sdk import conf

    return Path(conf.get("core", "dags_folder")).expanduser()


def has_connection(conn_id: str) -> bool:
    """Return whether tasks would find a connection: in the database, the environment or a secrets backend."""
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return False
    return True


def add_connection(conn_id: str, *, extra: Mapping[str, Any], **fields: Any) -> None:
    """Add a connection to the database.

    :param fields: its standard fields, such as ``conn_type`` and ``host``.
    :raises ConfigurationError: the database does not answer.
    """
    from airflow.models import Connection  # that of the task SDK is not stored

    with database.open_session() as session:
        session.add(Connection(conn_id=conn_id, extra=json.dumps(extra), **fields))  # noqa: AIR311
