"""Starts a run of a DAG from Airflow's web server. For Airflow 3."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_provider_flashpoint.errors import ConfigurationError


def trigger(dag_id: str, conf: Mapping[str, Any], *, user: str) -> str:
    """Start a run with this configuration now, and return its id.

    :param user: the name of the user who asks for it, which Airflow shows.
    :raises ConfigurationError: Airflow refuses the run.
    """
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.providers.common.compat.sdk import AirflowException
    from airflow.utils.types import DagRunTriggeredByType

    now = datetime.now(UTC)
    try:
        run = trigger_dag(
            dag_id,
            triggered_by=DagRunTriggeredByType.UI,
            triggering_user_name=user,
            run_after=now,
            logical_date=now,
            conf=dict(conf),
            replace_microseconds=False,
        )
    except (AirflowException, ValueError) as error:
        raise ConfigurationError(f"Airflow does not start a run of {dag_id}. {error}") from error
    if run is None:
        raise ConfigurationError(f"Airflow has not started a run of {dag_id}, and does not say why.")
    return str(run.run_id)
