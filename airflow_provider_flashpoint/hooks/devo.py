"""The Devo connection of Airflow, and the writer and the client it makes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_flashpoint.airflow_runtime.compat import mask_secret
from airflow_provider_flashpoint.connections.forms import (
    connection_form_widgets,
    read_extra,
    secret_values,
    ui_field_behaviour,
)

if TYPE_CHECKING:
    from requests import Session

    from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
    from airflow_provider_flashpoint.core.devo.lookups.api import LookupsClient
    from airflow_provider_flashpoint.core.devo.lookups.ports import Lookups
    from airflow_provider_flashpoint.core.devo.queries import QueryClient
    from airflow_provider_flashpoint.core.devo.settings import DevoSettings

# A table of the user's own space; only the empty connections of `test_connection` name it.
_TEST_TAG = "my.app.flashpoint.test"


class DevoHook(BaseHook):
    """Sends events to Devo, and gives its lookups their content.

    Events go to the connection's host and port, proved by ``cert``, ``key`` and ``chain``, or by the HTTP ingestion
    with its own token; lookups go to the
    Lookups API with the password as token.

    :param devo_conn_id: the Airflow connection of type ``devo``.
    """

    conn_name_attr = "devo_conn_id"
    default_conn_name = "devo_default"
    conn_type = "devo"
    hook_name = "Devo"

    def __init__(self, devo_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.devo_conn_id = devo_conn_id

    def get_conn(self) -> Session:
        """Return a session for Devo's APIs, with the token.

        :raises ConfigurationError: the connection has no token, or cannot be read.
        """
        from airflow_provider_flashpoint.core.devo.transports import api_session

        return api_session(self.settings())

    def event_writer(self, tag: str, **options: Any) -> EventWriter:
        """Return a writer of events into the table ``tag``; it connects when it first sends.

        :param options: those of `EventWriter`: ``batch_bytes``, ``send_bytes``, ``max_attempts``, ``sleep``.
        :raises ConfigurationError: the tag, the transport or a certificate is not usable.
        """
        from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
        from airflow_provider_flashpoint.core.devo.transports import event_channel

        settings = self.settings()
        channel = event_channel(settings, tag)
        return EventWriter(channel, max_line_bytes=settings.max_line_bytes, **options)

    def lookups(self, **options: Any) -> Lookups:
        """Return what brings rows into the lookups of the connection's domain, over its ``lookup_transport``.

        Its ``deploy`` creates, replaces, appends to and deletes from a lookup; see `Operation`.

        :param options: those of `transports.lookups_client`, such as ``max_attempts``.
        :raises ConfigurationError: a setting or a certificate is missing.
        """
        from airflow_provider_flashpoint.core.devo.transports import lookups_client

        return lookups_client(self.settings(), self.get_conn, **options)

    def lookups_api(self) -> LookupsClient:
        """Return a client of the Lookups API, whatever the ``lookup_transport``.

        Beside ``deploy`` it can list the domain's lookups (``lookups``), tell about one (``metadata``), and remove
        one (``drop``).

        :raises ConfigurationError: the token, the domain or the address of the API is missing.
        """
        from airflow_provider_flashpoint.core.devo.transports import lookups_api

        return lookups_api(self.settings(), self.get_conn)

    def queries(self) -> QueryClient:
        """Return a client of the query API, which tells whether events have arrived.

        :raises ConfigurationError: a setting is missing.
        """
        from airflow_provider_flashpoint.core.devo.transports import query_client

        return query_client(self.settings(), self.get_conn)

    def settings(self) -> DevoSettings:
        """Return the settings of the connection; its secrets are masked in every log from here on.

        :raises ConfigurationError: a field is unknown, or has a value that is not allowed.
        """
        from airflow_provider_flashpoint.core.devo.settings import devo_settings

        connection = self.get_connection(self.devo_conn_id)
        _mask(connection.password)
        extra = read_extra(self.conn_type, connection.extra_dejson, conn_id=self.devo_conn_id)
        for secret in secret_values(self.conn_type, extra):
            _mask(secret)
        return devo_settings(
            host=connection.host,
            port=connection.port,
            password=connection.password,
            extra=extra,
            conn_id=self.devo_conn_id,
        )

    def check_events(self) -> None:
        """Raise what stands against sending events: name, network, TLS or certificate. Sends none."""
        from airflow_provider_flashpoint.core.devo.transports import event_channel

        event_channel(self.settings(), _TEST_TAG).check()

    def check_lookups(self, **options: Any) -> None:
        """Raise what stands against the transport of lookups: network, address, certificate, token or rights.

        :param options: as for `lookups`.
        """
        self.lookups(**options).check()

    def check_queries(self, tag: str) -> None:
        """Raise what stands against asking the table ``tag`` by query: network, address, token or rights."""
        # Any key will do for the id, since nothing is as young as this.
        next(self.queries().id_counts(tag, "id", since=datetime.now(UTC)), None)

    def test_connection(self) -> tuple[bool, str]:
        """Check what the connection has fields for, and tell in words what came of it."""
        try:
            settings = self.settings()
        except Exception as error:
            return False, str(error)
        verdicts = []
        if settings.host or settings.event_transport == "http":
            way = "plain TCP" if settings.insecure else "TLS, and the certificate is accepted"
            if settings.event_transport == "http":
                way = "HTTP, and the token is not refused"
            verdicts.append(_verdict(self.check_events, "Events", f"ready over {way}."))
        over_syslog = settings.lookup_transport == "syslog"
        if settings.token or over_syslog:
            ready = f"ready in the domain {settings.domain}."
            if over_syslog:
                ready = "ready over syslog, which Devo has deprecated for them."
            # Whoever presses the button waits for the answer, and can press again.
            verdicts.append(_verdict(lambda: self.check_lookups(max_attempts=1), "Lookups", ready))
        if not verdicts:
            return False, "There is neither a host for events nor a token (password) for lookups."
        return all(good for good, _ in verdicts), " ".join(said for _, said in verdicts)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form fields, for Airflow versions that ask the hook for them."""
        return connection_form_widgets(cls.conn_type)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return which standard fields are hidden or renamed, for Airflow versions that ask the hook."""
        return ui_field_behaviour(cls.conn_type)


def _mask(secret: str | None) -> None:
    # A key is one secret of many lines, and a log shows them one by one.
    for line in (secret or "").replace("\\n", "\n").splitlines():
        if not line.startswith("-----"):
            mask_secret(line)


def _verdict(check: Callable[[], None], what: str, good: str) -> tuple[bool, str]:
    try:
        check()
    except Exception as error:
        return False, f"{what}: {error}"
    return True, f"{what}: {good}"
