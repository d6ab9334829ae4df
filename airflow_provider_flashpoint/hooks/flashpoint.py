"""The Flashpoint connection of Airflow, and the client it makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.http.hooks.http import HttpHook

from airflow_provider_flashpoint import __version__
from airflow_provider_flashpoint.airflow_runtime.compat import mask_secret
from airflow_provider_flashpoint.connections.forms import (
    connection_form_widgets,
    read_extra,
    secret_values,
    ui_field_behaviour,
)
from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
from airflow_provider_flashpoint.core.flashpoint.endpoints import DataSet
from airflow_provider_flashpoint.core.flashpoint.settings import FlashpointSettings, flashpoint_settings
from airflow_provider_flashpoint.core.http.client import DEFAULT_MAX_ATTEMPTS, DEFAULT_TIMEOUT_S, BearerAuth, HttpClient

if TYPE_CHECKING:
    from requests import Session


class FlashpointHook(HttpHook):
    """Reads threat intelligence from Flashpoint.

    The connection's host is ``https://fp.tools`` (legacy) or ``https://api.flashpoint.io`` (Ignite), its password the
    API token. The session comes from the HTTP provider's hook, with what that hook leaves open: a default timeout,
    retries that honour Retry-After, and no body or header in the log.

    :param flashpoint_conn_id: the Airflow connection of type ``flashpoint``.
    """

    conn_name_attr = "flashpoint_conn_id"
    default_conn_name = "flashpoint_default"
    conn_type = "flashpoint"
    hook_name = "Flashpoint"
    default_headers = {  # noqa: RUF012  declared so by the parent
        "Accept": "application/json",
        "User-Agent": f"airflow-provider-flashpoint/{__version__}",
        "X-FP-IntegrationPlatform": "Apache Airflow",
        "X-FP-IntegrationVersion": __version__,
    }

    def __init__(self, flashpoint_conn_id: str = default_conn_name) -> None:
        super().__init__(method="GET", http_conn_id=flashpoint_conn_id)
        self.flashpoint_conn_id = flashpoint_conn_id

    def client(
        self,
        *,
        page_size: int | None = None,
        paths: Mapping[DataSet, str] | None = None,
        max_attempts: int = DEFAULT_MAX_ATTEMPTS,
    ) -> FlashpointClient:
        """Return a client for the connection's API generation.

        :param page_size: records in a page; by default the connection's, or else the endpoint's own.
        :param paths: paths of data sets that outrank those of the connection.
        :param max_attempts: the most attempts of one request.
        :raises MissingTokenError, InvalidTokenError, ConfigurationError: the connection cannot be used as it is.
        """
        settings = self.settings()
        http = HttpClient(
            self.get_conn(),
            base_url=settings.base_url,
            service="Flashpoint",
            timeout_s=(DEFAULT_TIMEOUT_S[0], settings.timeout_s),
            secrets=(settings.token,),
            max_attempts=max_attempts,
        )
        return FlashpointClient(
            http,
            api=settings.api,
            page_size=page_size or settings.page_size,
            paths={**settings.paths, **(paths or {})},
        )

    def settings(self, connection: Any = None) -> FlashpointSettings:
        """Return the settings of the connection; its token is masked in every log from here on."""
        connection = connection or self.get_connection(self.flashpoint_conn_id)
        extra = read_extra("flashpoint", connection.extra_dejson, conn_id=self.flashpoint_conn_id)
        for secret in (connection.password, *secret_values("flashpoint", extra)):
            if secret:
                mask_secret(secret)
        settings = flashpoint_settings(
            host=connection.host,
            port=connection.port,
            password=connection.password,
            extra=extra,
            conn_id=self.flashpoint_conn_id,
        )
        mask_secret(settings.token)
        return settings

    def test_connection(self) -> tuple[bool, str]:
        """Make the cheapest authenticated call, and tell in words whether it was answered."""
        try:
            # Whoever presses the button waits for the answer, and can press again.
            client = self.client(max_attempts=1)
            client.check(DataSet.INDICATORS)
        except Exception as error:
            return False, str(error)
        return True, f"Flashpoint answers, and the token is good (api {client.api})."

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form fields, for Airflow versions that ask the hook for them."""
        return connection_form_widgets(cls.conn_type)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return which standard fields are hidden or renamed, for Airflow versions that ask the hook."""
        return ui_field_behaviour(cls.conn_type)

    def _set_base_url(self, connection: Any) -> None:
        self.base_url = self.settings(connection).base_url
        self._base_url_initialized = True

    def _configure_session_from_auth(self, session: Session, connection: Any) -> Session:
        session.auth = BearerAuth(self.settings(connection).token)
        return session

    def _configure_session_from_extra(
        self, session: Session, connection: Any, extra_options: dict[str, Any]
    ) -> Session:
        """Take TLS and proxy settings from the connection; the parent would send all other extras as headers."""
        settings = self.settings(connection)
        session.verify = settings.verify
        if settings.proxy:
            session.proxies = {"http": settings.proxy, "https": settings.proxy}
        return session
