"""What a new setup needs of the Airflow of this machine: its DAG folder, and its connections."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_flashpoint.airflow_runtime import database

_LOCAL = "LocalDagBundle"


def dags_folder() -> Path | None:
    """Return the folder that Airflow reads DAG files from, whether it exists or not; None if it reads other places."""
    from airflow.providers.common.compat.sdk import conf

    # Airflow 3 reads DAG bundles; Airflow 2 has none, and reads its folder.
    bundles = conf.getjson("dag_processor", "dag_bundle_config_list", fallback=None) or [{"classpath": _LOCAL}]
    local = next((each for each in bundles if str(each.get("classpath")).endswith(_LOCAL)), None)
    if local is None:
        return None
    return Path((local.get("kwargs") or {}).get("path") or conf.get("core", "dags_folder")).expanduser()


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
