"""Whether the API generation of its Flashpoint connections can serve a configuration."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from airflow_provider_flashpoint.core.flashpoint.api import Api
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.readiness import reason_of, settings_of
from airflow_provider_flashpoint.streams.reads import reads_of, selection_of

if TYPE_CHECKING:
    from airflow_provider_flashpoint.config import CollectorConfig


def fit(config: CollectorConfig, api: Api | None = None) -> tuple[list[str], list[str]]:
    """Return why the API generation cannot serve a configuration, and which data sets were not checked.

    :param api: the API generation; by default that of each connection. Nothing is requested.
    """
    from airflow_provider_flashpoint.core.flashpoint.endpoints import check_selection

    problems, unchecked = [], {}
    for (conn_id, data_set, _), streams in reads_of([config]).items():
        try:
            served = api or _api_of(conn_id)
        except Exception as error:  # a connection, and Airflow itself, can be wrong in any way
            unchecked[conn_id] = (
                f"The types and filters were not checked, since the connection {conn_id} cannot be read: "
                f"{reason_of(error)} Name the API generation with --api."
            )
            continue
        try:
            check_selection(served, data_set, **selection_of(streams))
        except ConfigurationError as error:
            problems.append(str(error))
    return list(dict.fromkeys(problems)), list(unchecked.values())


def _api_of(conn_id: str) -> Api:
    if not find_spec("airflow"):
        raise ConfigurationError("Airflow is not installed here.")
    from airflow_provider_flashpoint.airflow_runtime import database
    from airflow_provider_flashpoint.hooks.flashpoint import FlashpointHook

    database.start()
    api: Api = settings_of(FlashpointHook(conn_id)).api
    return api
