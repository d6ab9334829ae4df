"""The registry of transports by name. A further transport is a module with a `Transport`, and its name here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_provider_flashpoint.core.devo.events import http as http_events
from airflow_provider_flashpoint.core.devo.events import syslog as syslog_events
from airflow_provider_flashpoint.core.devo.lookups import api as api_lookups
from airflow_provider_flashpoint.core.devo.lookups import syslog as syslog_lookups
from airflow_provider_flashpoint.core.http.client import DEFAULT_MAX_ATTEMPTS

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.devo.events.ports import Channel
    from airflow_provider_flashpoint.core.devo.lookups.ports import Lookups
    from airflow_provider_flashpoint.core.devo.settings import DevoSettings
    from airflow_provider_flashpoint.core.devo.transport import Transport

EVENT_TRANSPORTS: Mapping[str, Transport[str, Channel]] = {
    "syslog": syslog_events.TRANSPORT,
    "http": http_events.TRANSPORT,
}
LOOKUP_TRANSPORTS: Mapping[str, Transport[int, Lookups]] = {
    "api": api_lookups.TRANSPORT,
    "syslog": syslog_lookups.TRANSPORT,
}


def event_channel(settings: DevoSettings, tag: str) -> Channel:
    """Return the channel of ``tag`` over the connection's event transport; it is not connected yet.

    :raises ConfigurationError: a setting or a certificate is missing or invalid, or the tag is invalid.
    """
    return EVENT_TRANSPORTS[settings.event_transport].open(settings, tag)


def lookups_client(settings: DevoSettings, *, max_attempts: int = DEFAULT_MAX_ATTEMPTS) -> Lookups:
    """Return the lookups of the connection's domain over its lookup transport; nothing is sent yet.

    :param max_attempts: the most attempts of one request, or of one upload.
    :raises ConfigurationError: a setting or a certificate is missing or invalid.
    """
    return LOOKUP_TRANSPORTS[settings.lookup_transport].open(settings, max_attempts)
