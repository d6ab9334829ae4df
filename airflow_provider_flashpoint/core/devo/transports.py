"""Which transport a connection asks for, and the writer or client that serves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_flashpoint.core.devo.connection.connector import Connector
from airflow_provider_flashpoint.core.devo.connection.syslog_channel import SyslogChannel
from airflow_provider_flashpoint.core.devo.connection.tls import client_context
from airflow_provider_flashpoint.core.devo.events.syslog import syslog_frame
from airflow_provider_flashpoint.core.devo.lookups.api import LookupsClient
from airflow_provider_flashpoint.core.devo.queries import QueryClient
from airflow_provider_flashpoint.core.devo.settings import DevoSettings
from airflow_provider_flashpoint.core.http.client import DEFAULT_MAX_ATTEMPTS, BearerAuth, HttpClient
from airflow_provider_flashpoint.errors import ConfigurationError

if TYPE_CHECKING:
    from requests import Session

    from airflow_provider_flashpoint.core.devo.events.ports import Channel
    from airflow_provider_flashpoint.core.devo.lookups.ports import Lookups


def event_channel(settings: DevoSettings, tag: str) -> Channel:
    """Return the way of the lines of ``tag`` into Devo; nothing is connected yet.

    :raises ConfigurationError: the transport lacks a setting or a certificate, or the tag is not valid.
    """
    make = _http_channel if settings.event_transport == "http" else _syslog_channel
    return make(settings, tag)


def _connector(settings: DevoSettings) -> Connector:
    """Return what makes the connections of both syslog transports."""
    _need(settings, host=settings.host)
    context = None
    if not settings.insecure:
        context = client_context(settings.identity, security_level=settings.tls_security_level)
    return Connector(
        settings.host,
        settings.port,
        context,
        connect_timeout_s=settings.connect_timeout_s,
        send_timeout_s=settings.send_timeout_s,
    )


def _syslog_channel(settings: DevoSettings, tag: str) -> Channel:
    connector = _connector(settings)
    frame = syslog_frame(
        tag,
        octet_counted=settings.event_framing == "octet_counted",
        event_date_field=settings.event_date_field,
    )
    return SyslogChannel(connector.connect, frame, confirm_timeout_s=settings.confirm_timeout_s)


def _http_channel(settings: DevoSettings, tag: str) -> Channel:
    from airflow_provider_flashpoint.core.devo.events.http import HttpChannel, ingestion_client

    _need(settings, http_token=settings.http_token, domain=settings.domain, http_base_url=settings.http_base_url)
    if settings.event_date_field or settings.event_framing != "newline":
        raise ConfigurationError(
            f"The connection {settings.conn_id} has `event_date_field` or `event_framing`, which are for syslog: the "
            "HTTP ingestion takes one event a line, dated by its arrival."
        )
    http = ingestion_client(
        settings.http_base_url,
        settings.http_token,
        timeout_s=(settings.connect_timeout_s, settings.confirm_timeout_s),
    )
    return HttpChannel(http, domain=settings.domain, tag=tag)


def api_session(settings: DevoSettings) -> Session:
    """Return a session that sends the token of the API.

    :raises ConfigurationError: there is no token.
    """
    import requests

    _need(settings, password=settings.token)
    session = requests.Session()
    session.auth = BearerAuth(settings.token)
    session.headers["Accept"] = "application/json"
    return session


def lookups_client(
    settings: DevoSettings,
    make_session: Callable[[], Session],
    *,
    max_attempts: int = DEFAULT_MAX_ATTEMPTS,
) -> Lookups:
    """Return the lookups of the connection's domain over its transport; nothing is sent yet.

    The parameters are those of `lookups_api`, which serves the transport ``api``.

    :raises ConfigurationError: the transport lacks a setting or a certificate.
    """
    if settings.lookup_transport == "api":
        return lookups_api(settings, make_session, max_attempts=max_attempts)
    from airflow_provider_flashpoint.core.devo.lookups.syslog import SyslogLookups

    if settings.event_framing != "newline":
        raise ConfigurationError(
            f"The connection {settings.conn_id} has `event_framing`, which is for events: lookups over syslog are "
            "framed by newlines."
        )
    stream = SyslogChannel(_connector(settings).connect, b"".join, confirm_timeout_s=settings.confirm_timeout_s)
    return SyslogLookups(stream, pause_s=settings.lookup_pause_s, max_attempts=max_attempts)


def lookups_api(
    settings: DevoSettings,
    make_session: Callable[[], Session],
    *,
    max_attempts: int = DEFAULT_MAX_ATTEMPTS,
) -> LookupsClient:
    """Return a client of the Lookups API, whatever transport the connection has for lookups; nothing is sent yet.

    :param make_session: makes what `api_session` makes; called once nothing is missing.
    :param max_attempts: the most attempts of one call.
    :raises ConfigurationError: a setting is missing.
    """
    _need(settings, domain=settings.domain, api_base_url=settings.api_base_url)
    http = HttpClient(
        make_session(),
        base_url=settings.api_base_url,
        service="Devo",
        max_attempts=max_attempts,
        secrets=(settings.token,),
    )
    return LookupsClient(
        http,
        domain=settings.domain,
        job_timeout_s=settings.job_timeout_s,
        max_csv_bytes=settings.max_csv_bytes,
    )


def query_client(settings: DevoSettings, make_session: Callable[[], Session]) -> QueryClient:
    """Return a client of the query API; nothing is sent yet.

    :param make_session: makes what `api_session` makes.
    :raises ConfigurationError: a setting is missing.
    """
    _need(settings, query_base_url=settings.query_base_url)
    http = HttpClient(
        make_session(),
        base_url=settings.query_base_url,
        service="Devo",
        max_attempts=1,  # who waits for an arrival asks again anyway, and knows for how long
        secrets=(settings.token,),
    )
    return QueryClient(http, message_column=settings.message_column)


def _need(settings: DevoSettings, **values: str) -> None:
    missing = [f"`{name}`" for name, value in values.items() if not value]
    if missing:
        raise ConfigurationError(f"The connection {settings.conn_id} has no {' and no '.join(missing)}.")
