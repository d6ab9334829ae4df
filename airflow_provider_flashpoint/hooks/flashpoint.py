"""The hook of a Flashpoint connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow.providers.http.hooks.http import HttpHook

from airflow_provider_flashpoint import __version__
from airflow_provider_flashpoint.connections.commands import flashpoint_command
from airflow_provider_flashpoint.core.flashpoint.api import DataSet
from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
from airflow_provider_flashpoint.core.flashpoint.filters import FilterValue
from airflow_provider_flashpoint.core.flashpoint.settings import FlashpointSettings
from airflow_provider_flashpoint.core.http.body import AnswerLimits
from airflow_provider_flashpoint.core.http.client import DEFAULT_MAX_ATTEMPTS, DEFAULT_TIMEOUT_S, BearerAuth, HttpClient
from airflow_provider_flashpoint.core.http.pace import Pace
from airflow_provider_flashpoint.core.http.reason import ConnectionFields
from airflow_provider_flashpoint.core.http.session import installed_airflow, new_session, trust
from airflow_provider_flashpoint.errors import FLASHPOINT
from airflow_provider_flashpoint.hooks.base import ConnectionHook

if TYPE_CHECKING:
    from requests import Session


class FlashpointHook(ConnectionHook[FlashpointSettings], HttpHook):
    """Reads threat intelligence from Flashpoint.

    The connection's host is ``https://api.flashpoint.io`` (Ignite) or ``https://fp.tools`` (legacy), its password the
    API token. `client` adds to the session of this hook a default timeout and retries that honour Retry-After, and
    logs no body and no header.

    :param flashpoint_conn_id: the Airflow connection of type ``flashpoint``.
    """

    conn_name_attr = "flashpoint_conn_id"
    default_conn_name = "flashpoint_default"
    conn_type = "flashpoint"
    hook_name = "Flashpoint"
    add_command = staticmethod(flashpoint_command)
    settings_model = FlashpointSettings
    default_headers = {  # noqa: RUF012  declared so by the parent
        "Accept": "application/json",
        "X-FP-IntegrationPlatform": "Apache Airflow",
        "X-FP-IntegrationPlatformVersion": (installed_airflow() or ("", "unknown"))[1],
        "X-FP-IntegrationVersion": __version__,
    }

    def __init__(self, flashpoint_conn_id: str = default_conn_name) -> None:
        # The parent would mount its adapter of TCP keep-alive in place of ours, which has it too.
        super().__init__(method="GET", http_conn_id=flashpoint_conn_id, tcp_keep_alive=False)
        self.flashpoint_conn_id = flashpoint_conn_id

    def client(
        self,
        *,
        page_size: int | None = None,
        paths: Mapping[DataSet, str] | None = None,
        max_attempts: int = DEFAULT_MAX_ATTEMPTS,
    ) -> FlashpointClient:
        """Return a client for the connection's API generation.

        :param page_size: records per page; by default that of the connection, otherwise that of the endpoint.
        :param paths: paths of data sets that replace those of the connection.
        :param max_attempts: maximum number of attempts per request.
        :raises MissingTokenError, InvalidTokenError, ConfigurationError: the connection is not usable.
        """
        settings = self.settings()
        http = HttpClient(
            self.get_conn(),
            base_url=settings.base_url,
            service=FLASHPOINT,
            fields=ConnectionFields(
                settings.conn_id, credential="password" if settings.password else "bearer_token_base64"
            ),
            timeout_s=(DEFAULT_TIMEOUT_S[0], settings.timeout_s),
            max_attempts=max_attempts,
            limits=AnswerLimits(max_bytes=settings.max_answer_mib << 20),
            pace=self._pace,
        )
        paths = {**settings.paths, **(paths or {})}
        return FlashpointClient(
            http,
            api=settings.api,
            page_size=page_size or settings.page_size,
            paths=paths,
            calls={DataSet.VULNERABILITIES: settings.vulnerability_request},
            requests_in_flight=settings.requests_in_flight,
        )

    @cached_property
    def _pace(self) -> Pace:
        """One for all clients of this hook."""
        return Pace(self.settings().requests_per_second)

    def get_conn(self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None) -> Session:
        """Return a session with the token, TLS and proxy settings of the connection, and more ``headers``.

        The parent would send all extras as headers and the login as credentials. ``extra_options`` has no effect.
        """
        settings = self.settings()
        self.base_url, self._base_url_initialized = settings.base_url, True
        session = new_session()
        session.auth = BearerAuth(settings.token)
        if isinstance(settings.verify, bool):
            session.verify = settings.verify
        else:
            trust(session, settings.verify)
        if settings.proxy:
            session.proxies = {"http": settings.proxy, "https": settings.proxy}
        session.headers.update(self.default_headers | (headers or {}))
        return self._configure_session_from_mount_adapters(session)

    def check(
        self,
        data_set: DataSet,
        *,
        types: Iterable[str] = (),
        filters: Iterable[Mapping[str, FilterValue]] = (),
        lookups: Iterable[Mapping[str, Any]] = (),
        **options: Any,
    ) -> str:
        """Make the cheapest authenticated request of ``data_set``; return a sentence, or raise why it failed.

        :param types: types of records that the API generation must have.
        :param filters: filters that it must accept.
        :param lookups: options of lookups that it must allow, see `Endpoint.check_lookup`.
        :param options: as for `client`.
        """
        client = self.client(**options)
        client.check(data_set, types=types, filters=filters, lookups=lookups)
        return f"Flashpoint answers, and the token is good (api {client.api})."

    def test_connection(self) -> tuple[bool, str]:
        """Make the cheapest authenticated request; return whether it was answered, and the result in words."""
        from airflow_provider_flashpoint.streams.readiness.findings import examine

        # One attempt, since a person waits for the answer.
        finding = examine("Flashpoint", partial(self.check, DataSet.INDICATORS, max_attempts=1))
        return finding.good, self.in_words_of_the_form(finding.said)
