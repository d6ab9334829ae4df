"""HTTP clients of Devo's APIs, which share one token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_flashpoint.core.devo.transport import need
from airflow_provider_flashpoint.core.http.client import BearerAuth, HttpClient
from airflow_provider_flashpoint.core.http.reason import ConnectionFields
from airflow_provider_flashpoint.core.http.session import new_session

if TYPE_CHECKING:
    import requests

    from airflow_provider_flashpoint.core.devo.settings import DevoSettings


def api_session(settings: DevoSettings) -> requests.Session:
    """Return a session that sends the token of the APIs.

    :raises ConfigurationError: the connection has no token.
    """
    need(settings, "token")
    session = new_session()
    session.auth = BearerAuth(settings.token)
    session.headers["Accept"] = "application/json"
    return session


def api_client(settings: DevoSettings, address: str, *, max_attempts: int) -> HttpClient:
    """Return a client of an API, with the token of the APIs.

    :param address: the field with the base URL of the API.
    :raises ConfigurationError: the connection has no token.
    """
    return HttpClient(
        api_session(settings),
        base_url=getattr(settings, address),
        service="Devo",
        fields=ConnectionFields(settings.conn_id, address=address, verify="", proxy=""),
        max_attempts=max_attempts,
    )
