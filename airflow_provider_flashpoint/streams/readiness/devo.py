"""Checks whether Devo takes what the configurations deliver: fields, certificates, events, lookups, queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.readiness.findings import Finding, examine, reason_of
from airflow_provider_flashpoint.streams.readiness.reads import inputs_of

if TYPE_CHECKING:
    from airflow_provider_flashpoint.config import CollectorConfig
    from airflow_provider_flashpoint.core.flashpoint.api import DataSet
    from airflow_provider_flashpoint.hooks.devo import DevoHook


def devo_findings(configs: Sequence[CollectorConfig]) -> Iterator[Finding]:
    """Examine the Devo connections that the configurations use, each once; without any, the default one.

    Each request is attempted once, since a person waits for the answer.
    """
    from airflow_provider_flashpoint.config.fields import Verify
    from airflow_provider_flashpoint.core.flashpoint.api import DataSet

    delivers: dict[str, set[DataSet]] = defaultdict(set)
    query_tags: dict[str, list[str]] = defaultdict(list)
    examined: Sequence[CollectorConfig | None] = configs or [None]
    for data_set, used in (each for config in examined for each in inputs_of(config)):
        delivers[used.devo_conn_id].add(data_set)
        if getattr(used, "verify", None) is Verify.QUERY:
            query_tags[used.devo_conn_id].append(used.tag)
    for conn_id, data_sets in delivers.items():
        yield from _devo_findings(
            conn_id,
            events=bool(data_sets - {DataSet.INDICATORS}),
            lookups=DataSet.INDICATORS in data_sets,
            query_tags=query_tags[conn_id],
        )


def _devo_findings(conn_id: str, *, events: bool, lookups: bool, query_tags: Sequence[str]) -> Iterator[Finding]:
    from airflow_provider_flashpoint.core.devo.transports import EVENT_TRANSPORTS, LOOKUP_TRANSPORTS
    from airflow_provider_flashpoint.hooks.devo import DevoHook

    hook = DevoHook(conn_id)
    try:
        settings = hook.settings()
    except Exception as error:  # as in `examine`
        yield Finding(f"{conn_id}: fields", False, reason_of(error))
        return
    for key, name, is_secret in hook.used_aliases():
        said = f"The connection has this field under the name `{key}`, which Airflow shows in clear. Rename it."
        yield Finding(f"{conn_id}: {name}", not is_secret, said)
    of_events, of_lookups = EVENT_TRANSPORTS[settings.event_transport], LOOKUP_TRANSPORTS[settings.lookup_transport]
    uses_tls = of_events.uses_tls(settings)
    certificates: list[Finding] = []
    if (events and uses_tls) or (lookups and of_lookups.uses_tls(settings)):
        certificates = [*_certificate_findings(conn_id, settings.identity)]
    if events:
        yield from _with_events(conn_id, certificates, partial(_check_events_and_server, hook, uses_tls=uses_tls))
    else:
        yield from certificates
    if lookups:
        yield examine(f"{conn_id}: lookups", partial(hook.check_lookups, max_attempts=1))
    for tag in query_tags:
        yield examine(f"{conn_id}: queries", partial(hook.check_queries, tag))


def _with_events(conn_id: str, certificates: Sequence[Finding], check: Callable[[], str]) -> Iterator[Finding]:
    """Yield the findings on the certificates and on events; where a certificate stops both, one finding for both."""
    bad = next((each for each in certificates if not each.good), None)
    try:
        events = Finding(f"{conn_id}: events", True, check())
    except ConfigurationError as error:  # raised before a connection is made
        if bad:
            yield from (replace(each, part=f"{each.part}, events") if each is bad else each for each in certificates)
            return
        events = Finding(f"{conn_id}: events", False, reason_of(error))
    except Exception as error:  # as in `examine`
        events = Finding(f"{conn_id}: events", False, reason_of(error))
    yield from (*certificates, events)


def _certificate_findings(conn_id: str, identity: Any) -> Iterator[Finding]:
    """Examine the client's certificate and those of the chain; one finding where the set is incomplete."""
    from airflow_provider_flashpoint.core.devo.connection.tls import read_credentials
    from airflow_provider_flashpoint.streams.readiness.certificates import describe_authorities, describe_client

    try:
        credentials = read_credentials(identity)
    except Exception as error:  # as in `examine`
        yield Finding(f"{conn_id}: certificates", False, reason_of(error))
        return
    yield examine(f"{conn_id}: certificate", partial(describe_client, credentials))
    yield examine(f"{conn_id}: chain", partial(describe_authorities, credentials))


def _check_events_and_server(hook: DevoHook, *, uses_tls: bool) -> str:
    from airflow_provider_flashpoint.streams.readiness.certificates import describe_server_certificate

    sentence = hook.check_events()
    return f"{sentence} {describe_server_certificate(hook.settings())}" if uses_tls else sentence
