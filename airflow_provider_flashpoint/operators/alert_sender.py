"""What a puller of alerts may ask for besides sending: proof by a query, and telemetry."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_flashpoint import __version__
from airflow_provider_flashpoint.airflow_runtime.compat import redact
from airflow_provider_flashpoint.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
    from airflow_provider_flashpoint.core.flashpoint.endpoints import Endpoint
    from airflow_provider_flashpoint.core.flashpoint.page import Page
    from airflow_provider_flashpoint.core.pipelines.deliver import Writer
    from airflow_provider_flashpoint.core.pipelines.verify import Verification
    from airflow_provider_flashpoint.core.staging.event_ledger import EventLedger
    from airflow_provider_flashpoint.core.staging.kept_lines import KeptLines
    from airflow_provider_flashpoint.hooks.devo import DevoHook

Pass = Callable[["Iterable[Page]"], "Iterator[Page]"]


def verification_by_query(
    devo: DevoHook,
    *,
    tag: str,
    kind: str,
    endpoint: Endpoint,
    ledger: EventLedger,
    writer: Writer,
    unverified: KeptLines,
    before_sending: Callable[[], None],
    timeout: timedelta,
) -> Verification:
    """Return what asks the table ``tag`` for the ids of what was sent.

    :raises ConfigurationError: these records have no id, or the connection lacks a setting.
    """
    from airflow_provider_flashpoint.core.pipelines.verify import Verification, id_under

    if not endpoint.id_field:
        raise ConfigurationError(f"verify is 'query', and {kind} have no id to ask for; use 'confirm'.")
    queries = devo.queries()
    return Verification(
        unverified=unverified,
        ledger=ledger,
        writer=writer,
        shown=lambda since: queries.id_counts(tag, endpoint.id_field, since=since),
        id_of=id_under(endpoint.id_field),
        before_sending=before_sending,
        by_event_time=bool(devo.settings().event_date_field),
        timeout_s=timeout.total_seconds(),
    )


@contextlib.contextmanager
def telemetry_to_devo(devo: DevoHook, writer: EventWriter, *, service: str, module: str) -> Generator[Pass]:
    """Deliver to Devo what this package logs; give what pages are to be passed through meanwhile."""
    from airflow_provider_flashpoint.core.reporting.telemetry import TAG, Telemetry

    with Telemetry(
        devo.event_writer(TAG, max_attempts=1),
        fields={
            "collector_name": "flashpoint",
            "collector_version": __version__,
            "input_name": "flashpoint_alert",
            "service_name": service,
            "module_name": module,
        },
        redact=lambda text: str(redact(text)),
        metrics=lambda: asdict(writer.statistics),
        source=logging.getLogger("airflow_provider_flashpoint"),
    ) as telemetry:
        yield telemetry.over
