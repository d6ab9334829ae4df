"""What `check` finds of the connections to Flashpoint and to Devo."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.cli.certificates import certificate_findings, server_certificate
from airflow_provider_flashpoint.cli.finding import Finding, look_at
from airflow_provider_flashpoint.errors import ConfigurationError, FlashpointProviderError, as_setup_error

if TYPE_CHECKING:
    from airflow_provider_flashpoint.config import CollectorConfig
    from airflow_provider_flashpoint.core.devo.settings import DevoSettings
    from airflow_provider_flashpoint.core.flashpoint.endpoints import DataSet
    from airflow_provider_flashpoint.hooks.devo import DevoHook


def connection_findings(config: CollectorConfig | None) -> Iterator[Finding]:
    """Yield what is found of the connections that the configuration uses; without one, of the default ones."""
    from airflow_provider_flashpoint.config.model import DEFAULT_DEVO_CONN_ID, DEFAULT_FLASHPOINT_CONN_ID, Verify
    from airflow_provider_flashpoint.core.flashpoint.endpoints import DataSet

    sources: dict[str, dict[DataSet, str | None]] = defaultdict(dict)
    targets: dict[str, set[DataSet]] = defaultdict(set)
    for data_set in (DataSet.INDICATORS, DataSet.ALERTS):
        used = getattr(config, data_set.value) if config else None
        if used or config is None:
            sources[used.flashpoint_conn_id if used else DEFAULT_FLASHPOINT_CONN_ID][data_set] = None
            targets[used.devo_conn_id if used else DEFAULT_DEVO_CONN_ID].add(data_set)
    if config and config.alerts:
        for data_set in (DataSet.KEYWORDS, DataSet.KEYWORD_CLASSES):
            feed = getattr(config.alerts, data_set.value)
            if feed:
                sources[config.alerts.flashpoint_conn_id][data_set] = feed.path
    for conn_id, paths in sources.items():
        for data_set, path in paths.items():
            yield look_at(f"{conn_id}: {data_set.replace('_', ' ')}", partial(_ask_flashpoint, conn_id, data_set, path))
    for conn_id, data_sets in targets.items():
        yield from _devo_findings(
            conn_id,
            events=DataSet.ALERTS in data_sets,
            lookups=DataSet.INDICATORS in data_sets,
            queried_tag=config.alerts.tag
            if config and config.alerts and config.alerts.verify is Verify.QUERY
            else None,
        )


def _ask_flashpoint(conn_id: str, data_set: DataSet, path: str | None) -> str:
    from airflow_provider_flashpoint.hooks.flashpoint import FlashpointHook

    try:
        # Whoever checks waits for the answer, and can check again.
        client = _found(FlashpointHook(conn_id).client, paths={data_set: path} if path else None, max_attempts=1)
        client.check(data_set)
    except FlashpointProviderError as error:
        raise as_setup_error(error) from error
    return f"Flashpoint answers, and the token is good (api {client.api})."


def _devo_findings(conn_id: str, *, events: bool, lookups: bool, queried_tag: str | None) -> Iterator[Finding]:
    from airflow_provider_flashpoint.hooks.devo import DevoHook

    hook = DevoHook(conn_id)
    read: list[DevoSettings] = []

    def look() -> str:
        read.append(_found(hook.settings))
        return ""

    readable = look_at(f"{conn_id}: fields", look)
    if not readable.good:
        yield readable
        return
    settings = read[0]
    transports = {settings.event_transport if events else "", settings.lookup_transport if lookups else ""}
    is_certified = "syslog" in transports and not settings.insecure
    if is_certified:
        yield from certificate_findings(settings)
    if events:
        yield look_at(f"{conn_id}: events", partial(_ask_events, hook, settings))
    if lookups:
        yield look_at(f"{conn_id}: lookups", partial(_ask_lookups, hook, settings))
    if events and queried_tag:
        yield look_at(f"{conn_id}: queries", partial(_ask_queries, hook, queried_tag))


def _ask_events(hook: DevoHook, settings: DevoSettings) -> str:
    hook.check_events()
    if settings.event_transport == "http":
        return "Devo answers over HTTP, and does not refuse the token."
    if settings.insecure:
        return "Devo answers over plain TCP."
    return f"{settings.host}:{settings.port} accepts the certificate. {server_certificate(settings)}"


def _ask_lookups(hook: DevoHook, settings: DevoSettings) -> str:
    hook.check_lookups(max_attempts=1)
    if settings.lookup_transport == "syslog":
        return "Devo answers over syslog, which it has deprecated for lookups."
    return f"The Lookups API answers, and the token is good in the domain {settings.domain}."


def _ask_queries(hook: DevoHook, tag: str) -> str:
    hook.check_queries(tag)
    return f"Devo lets {tag} be queried."


def _found(read: Any, **options: Any) -> Any:
    """Return what ``read`` returns of a connection.

    :raises ConfigurationError: Airflow has no such connection; the message says how to make it.
    """
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    try:
        return read(**options)
    except AirflowNotFoundException as error:
        hook = read.__self__
        conn_id = getattr(hook, hook.conn_name_attr)
        variable = f"AIRFLOW_CONN_{conn_id.upper()}"
        if variable in os.environ:
            raise ConfigurationError(f"{variable} is set, and is neither JSON nor a URI that can be read.") from error
        raise ConfigurationError(
            f"Airflow has no connection {conn_id}. Make it in the UI, or as in "
            f"`airflow connections add {conn_id} {_EXAMPLES[hook.conn_type]}`."
        ) from error


_EXAMPLES = {
    "flashpoint": "--conn-type flashpoint --conn-host https://fp.tools --conn-password '<API token>'",
    "devo": "--conn-type devo --conn-host collector-us.devo.io --conn-port 443 --conn-password '<API token>' "
    """--conn-extra '{"cert": "...", "private_key": "...", "chain": "...", "domain": "..."}'""",
}
