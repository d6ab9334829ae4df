"""The hook of a Devo connection."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.connections.commands import devo_command
from airflow_provider_flashpoint.core.devo.settings import DevoSettings
from airflow_provider_flashpoint.hooks.base import ConnectionHook

if TYPE_CHECKING:
    from requests import Session

    from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
    from airflow_provider_flashpoint.core.devo.lookups.api import LookupsClient
    from airflow_provider_flashpoint.core.devo.lookups.ports import Lookups
    from airflow_provider_flashpoint.core.devo.queries import QueryClient

# A table in the user's own space. Only checks, which send no event, use the name.
_TEST_TAG = "my.app.flashpoint.test"


class DevoHook(ConnectionHook[DevoSettings]):
    """Sends events to Devo, and deploys lookups.

    Events go to the connection's host and port, authenticated by ``cert``, ``private_key`` and ``chain``, or to
    the HTTP ingestion with its own token. Lookups go to the Lookups API with the password as token.

    :param devo_conn_id: the Airflow connection of type ``devo``.
    """

    conn_name_attr = "devo_conn_id"
    default_conn_name = "devo_default"
    conn_type = "devo"
    hook_name = "Devo"
    add_command = staticmethod(devo_command)
    settings_model = DevoSettings

    def __init__(self, devo_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.devo_conn_id = devo_conn_id

    def get_conn(self) -> Session:
        """Return a session for Devo's APIs, with the token.

        :raises ConfigurationError: the connection has no token.
        """
        from airflow_provider_flashpoint.core.devo.connection.api import api_session

        return api_session(self.settings())

    def destination(self) -> str:
        """Return what tells this Devo from others: its domain in lower case, or without one the connection's id.

        :raises ConfigurationError: as `settings`.
        """
        return self.settings().domain.lower() or self.devo_conn_id

    def event_writer(self, tag: str, **options: Any) -> EventWriter:
        """Return a writer of events into the table ``tag``. It connects when it first sends.

        :param options: those of `EventWriter`: ``batch_bytes``, ``send_bytes``, ``max_attempts``, ``sleep``.
        :raises ConfigurationError: the tag, a setting of the transport or a certificate is not valid.
        """
        from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
        from airflow_provider_flashpoint.core.devo.transports import event_channel

        settings = self.settings()
        return EventWriter(event_channel(settings, tag), max_line_bytes=settings.max_line_bytes, **options)

    def lookups(self, **options: Any) -> Lookups:
        """Return the client that deploys lookups of the connection's domain over its ``lookup_transport``.

        :param options: those of `transports.lookups_client`, such as ``max_attempts``.
        :raises ConfigurationError: a setting or a certificate is missing.
        """
        from airflow_provider_flashpoint.core.devo.transports import lookups_client

        return lookups_client(self.settings(), **options)

    def lookups_api(self) -> LookupsClient:
        """Return a client of the Lookups API, whatever the ``lookup_transport``. It also lists and drops lookups.

        :raises ConfigurationError: the token, the domain or the base URL of the API is missing.
        """
        from airflow_provider_flashpoint.core.devo.lookups.api import TRANSPORT
        from airflow_provider_flashpoint.core.http.client import DEFAULT_MAX_ATTEMPTS

        return TRANSPORT.open(self.settings(), DEFAULT_MAX_ATTEMPTS)

    def queries(self) -> QueryClient:
        """Return a client of the query API, which counts the events that have arrived.

        :raises ConfigurationError: a setting is missing.
        """
        from airflow_provider_flashpoint.core.devo.queries import query_client

        return query_client(self.settings())

    def query_page(self, tag: str, start: datetime, end: datetime) -> str:
        """Return the address of Devo's page with the events of a table, empty where it cannot be known.

        :param start, end: the dates that Devo gave the events.
        """
        from airflow_provider_flashpoint.core.devo.queries import table_query
        from airflow_provider_flashpoint.core.devo.web import query_page

        base_url = self.settings().web_base_url
        return query_page(base_url, table_query(tag), start, end) if base_url else ""

    def check_events(self) -> str:
        """Connect as for sending events, and send none; return a sentence, or raise the error that prevents sending."""
        from airflow_provider_flashpoint.core.devo.transports import EVENT_TRANSPORTS, event_channel

        settings = self.settings()
        event_channel(settings, _TEST_TAG).check()
        return EVENT_TRANSPORTS[settings.event_transport].ready(settings)

    def check_lookups(self, **options: Any) -> str:
        """Connect as for deploying lookups, and deploy none; return and raise as `check_events`.

        :param options: as for `lookups`.
        """
        from airflow_provider_flashpoint.core.devo.transports import LOOKUP_TRANSPORTS

        settings = self.settings()
        self.lookups(**options).check()
        return LOOKUP_TRANSPORTS[settings.lookup_transport].ready(settings)

    def check_queries(self, tag: str) -> str:
        """Query the table ``tag`` for events younger than now; return and raise as `check_events`."""
        # Any field serves as the id, since no event is that young.
        next(self.queries().id_counts(tag, "id", since=datetime.now(UTC)), None)
        return f"ready: {tag} can be queried."

    def test_connection(self) -> tuple[bool, str]:
        """Check each service for which the connection has fields; return whether all are ready, and why in words."""
        from airflow_provider_flashpoint.core.devo.transports import EVENT_TRANSPORTS, LOOKUP_TRANSPORTS
        from airflow_provider_flashpoint.streams.readiness.findings import examine, reason_of

        try:
            settings = self.settings()
        except Exception as error:
            return False, self.in_words_of_the_form(reason_of(error))
        findings = []
        if EVENT_TRANSPORTS[settings.event_transport].is_set_up(settings):
            findings.append(examine("Events", self.check_events))
        if LOOKUP_TRANSPORTS[settings.lookup_transport].is_set_up(settings):
            # One attempt, since a person waits for the answer.
            findings.append(examine("Lookups", partial(self.check_lookups, max_attempts=1)))
        if not findings:
            return False, "There is neither a host for events nor a token (password) for lookups."
        parts: dict[str, list[str]] = defaultdict(list)  # one sentence for one cause
        for finding in findings:
            parts[finding.said].append(finding.part)
        sentences = [f"{' and '.join(names)}: {self.in_words_of_the_form(said)}" for said, names in parts.items()]
        return all(finding.good for finding in findings), " ".join(sentences)
