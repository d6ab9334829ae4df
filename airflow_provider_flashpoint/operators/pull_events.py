"""Deliver records of one data set of Flashpoint as events into a Devo table."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.airflow_runtime.links import EVENT_LINKS, link_events
from airflow_provider_flashpoint.airflow_runtime.run_window import conf_of
from airflow_provider_flashpoint.airflow_runtime.storage.staging import prunes
from airflow_provider_flashpoint.airflow_runtime.storage.stream import StreamStore
from airflow_provider_flashpoint.config.fields import OnRerun, Verify
from airflow_provider_flashpoint.config.model import (
    DEFAULT_EVENT_LAG,
    DEFAULT_LEDGER_RETENTION,
    DEFAULT_STATISTICS_PERIOD,
    DEFAULT_VERIFY_TIMEOUT,
)
from airflow_provider_flashpoint.core.flashpoint.api import EVENT_DATA_SETS, DataSet, input_of
from airflow_provider_flashpoint.core.reporting.sentences import event_sentences
from airflow_provider_flashpoint.core.run_window import RunWindow
from airflow_provider_flashpoint.core.state import Delivered, EventState
from airflow_provider_flashpoint.core.stream_key import event_stream
from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.errors import ConfigurationError, TooManyRejectsError, as_pull_error
from airflow_provider_flashpoint.operators.base import OpenSource, WindowedOperator, reached
from airflow_provider_flashpoint.operators.published import reporting
from airflow_provider_flashpoint.operators.task_errors import translated_errors

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
    from airflow_provider_flashpoint.core.flashpoint.source import Source
    from airflow_provider_flashpoint.core.origin import Origin
    from airflow_provider_flashpoint.core.pipelines.deliver_ports import DeliverySettings, DeliverySummary
    from airflow_provider_flashpoint.core.pipelines.verify import EventTable
    from airflow_provider_flashpoint.core.reporting.telemetry import Telemetry
    from airflow_provider_flashpoint.core.staging.events.event_store import EventStore
    from airflow_provider_flashpoint.core.window import Window
    from airflow_provider_flashpoint.hooks.devo import DevoHook


class PullEventsOperator(WindowedOperator):
    """Reads the records of the run's window and delivers each to a Devo table, unchanged, as one JSON line.

    Delivery is at least once. A ledger of confirmed ids lets every window that touches the same time again (a retry, a
    rerun, an overlap, a parallel backfill) send only what was not confirmed. Lines that a task read and could not
    deliver are kept, and sent before the next run reads. One stream should have one writer: set
    ``max_active_tis_per_dag=1``, as the DAG factory does.

    Secrets are removed from credentials. Each new version of a vulnerability or of a report is an event.

    :param tag: (templated) the Devo table.
    :param kind: (templated) the data set to read, such as ``credentials``; one of `EVENT_DATA_SETS`.
    :param path: path of the data set at Flashpoint; by default that of the connection or of the endpoint table.
    :param include_secrets: also deliver the secrets of the records.

    ``on_rerun``, ``ledger_retention``, ``max_rejects``, ``statistics_period``, ``verify``, ``verify_timeout`` and
    ``telemetry`` are described in `AlertSettings`, the remaining parameters in `WindowedOperator`. Returns, as XCom,
    counts, the window and the checkpoint.
    """

    operator_extra_links = EVENT_LINKS
    devo_page = ""  # with the events of this task
    template_fields: Sequence[str] = (*WindowedOperator.template_fields, "tag", "kind")
    ui_color = "#f7e3d7"

    def __init__(
        self,
        *,
        tag: str,
        kind: str,
        path: str | None = None,
        include_secrets: bool = False,
        on_rerun: str = "skip",
        ledger_retention: timedelta = DEFAULT_LEDGER_RETENTION,
        max_rejects: int = 0,
        statistics_period: timedelta = DEFAULT_STATISTICS_PERIOD,
        verify: str = "confirm",
        verify_timeout: timedelta = DEFAULT_VERIFY_TIMEOUT,
        telemetry: bool = False,
        lag: timedelta = DEFAULT_EVENT_LAG,
        **kwargs: Any,
    ) -> None:
        super().__init__(lag=lag, **kwargs)
        self.tag = tag
        self.kind = kind
        self.path = path
        self.include_secrets = include_secrets
        self.on_rerun = on_rerun
        self.ledger_retention = ledger_retention
        self.max_rejects = max_rejects
        self.statistics_period = statistics_period
        self.verify = verify
        self.verify_timeout = verify_timeout
        self.telemetry = telemetry

    def execute(self, context: Any) -> dict[str, Any]:
        """Deliver the window, write the state, and return the summary."""
        from airflow_provider_flashpoint.core.staging.events.event_store import EventStore
        from airflow_provider_flashpoint.hooks.devo import DevoHook

        with translated_errors(lambda error: as_pull_error(error, self.fetch)):
            self.check_arguments()
            self.log.info("pre_pull started.")
            devo = DevoHook(self.devo_conn_id)
            stream = self.store(devo)
            state = self.stored_state(stream, move=True)
            opened = self.open_events()
            self.check_origin(context, state, opened.origin)
            checkpoint = state.to_checkpoint_time if state else None
            run_window = self.window_of(context, checkpoint)
            self.log.info("Window %s.", run_window)
            self.log_begin(context)
            pulled_at = datetime.now(UTC)
            if state:  # without one, Devo has no event of this stream
                self._warn_of_repeats(run_window.window, at=pulled_at)
            store = EventStore(stream.home, work=self._work(context), at=pulled_at)
            summary = self._deliver(run_window.window, devo, store, opened)
            delivered = Delivered(
                window=run_window.covered,
                leaves_no_gap=run_window.leaves_no_gap(self.period(context).goes_on_from(checkpoint)),
                pulled_at=pulled_at,
                at=datetime.now(UTC),
                run_id=str(context.get("run_id") or ""),
                origin=opened.origin,
            )
            state = (state or EventState()).after_delivery(delivered, sent=summary.sent, repeated=summary.repeated)
            stream.write(state)
            self.log.info("%s", event_sentences(self.tag, summary))
            result = {"tag": self.tag, **asdict(summary), **reached(run_window, state), **opened.request_counts()}
            self.publish(context, result, opened.source, devo)
            with reporting("link"):
                link_events(self, context, devo, delivered)
            if summary.rejected > self.max_rejects:
                raise TooManyRejectsError(
                    f"{summary.rejected} {self.kind} cannot be sent as they are; max_rejects allows "
                    f"{self.max_rejects}. The other {summary.sent} were sent; the rejected ones are in "
                    f"{store.rejected.uri}, with the reasons. Once they are dealt with, raise max_rejects."
                )
            return result

    def check_origin(self, context: Any, state: EventState | None, origin: Origin) -> None:
        """Return if events of this origin may come into the table; the run's configuration may accept any.

        :raises ConfigurationError: they would be mixed with those of another origin; the message names the remedies.
        """
        if state and not conf_of(context).get("accept_change"):
            state.check_origin(origin, name=f"table {self.tag}")

    def window_of(self, context: Any, checkpoint: datetime | None) -> RunWindow:
        """Return the window of this run.

        :param checkpoint: the stored checkpoint, None where there is none.
        """
        return self.period(context).to_read(build=checkpoint is None, checkpoint=checkpoint)

    def _warn_of_repeats(self, window: Window, *, at: datetime) -> None:
        limit = at - self.ledger_retention
        if window.start < limit:
            self.log.warning(
                "The window begins before %s, the limit of `ledger_retention_days`: earlier events that Devo has "
                "already may be sent again.",
                format_instant(limit),
            )

    def _deliver(self, window: Window, devo: DevoHook, store: EventStore, opened: OpenSource) -> DeliverySummary:
        from airflow_provider_flashpoint.core.pipelines.deliver import deliver
        from airflow_provider_flashpoint.core.pipelines.deliver_ports import DeliveryPorts

        source = opened.source
        writer = devo.event_writer(self.tag, before_repeat=store.lock.check)
        table = self._table(devo, source) if self.verify == Verify.QUERY else None
        telemetry = self._telemetry(devo, writer) if self.telemetry else None
        ports = DeliveryPorts(
            source=source, writer=writer, store=store, obfuscator=opened.obfuscator, table=table, telemetry=telemetry
        )
        with telemetry or nullcontext(), writer, self.until_killed():
            return deliver(window, ports, self.delivery_settings())

    def open_events(self, **client_options: Any) -> OpenSource:
        """Return the source of the data set, see `open_source`."""
        data_set = DataSet(self.kind)
        options = {"path": self.path, "include_secrets": self.include_secrets, **client_options}
        return self.open_source(data_set, self.rules(data_set), **options)

    def delivery_settings(self) -> DeliverySettings:
        """Return the options of the pipeline."""
        from airflow_provider_flashpoint.core.pipelines.deliver_ports import DeliverySettings

        return DeliverySettings(
            resend=self.on_rerun == OnRerun.RESEND,
            ledger_retention=self.ledger_retention,
            prune=prunes(),
            statistics_period_s=self.statistics_period.total_seconds(),
            verify_timeout_s=self.verify_timeout.total_seconds(),
        )

    def _table(self, devo: DevoHook, source: Source) -> EventTable:
        from airflow_provider_flashpoint.core.pipelines.verify import EventTable

        id_field = source.endpoint.id_field
        if not id_field or source.endpoint.version_fields:  # an older version has the same id
            raise ConfigurationError(
                f"verify is 'query' in task {self.task_id}, and {self.kind} have no id to query for; use 'confirm'."
            )
        by_event_time = bool(devo.settings().event_date_field)
        return EventTable(queries=devo.queries(), tag=self.tag, id_field=id_field, by_event_time=by_event_time)

    def _telemetry(self, devo: DevoHook, writer: EventWriter) -> Telemetry:
        from airflow_provider_flashpoint import __version__
        from airflow_provider_flashpoint.airflow_runtime.compat import redact
        from airflow_provider_flashpoint.core.reporting.telemetry import TAG, Telemetry

        return Telemetry(
            devo.event_writer(TAG, max_attempts=1),
            fields={
                "collector_name": "flashpoint",
                "collector_version": __version__,
                "input_name": input_of(DataSet(self.kind)),
                "service_name": self.kind,
                "module_name": type(self).__name__,
            },
            redact=lambda text: str(redact(text)),
            metrics=lambda: asdict(writer.statistics),
        )

    def check_arguments(self) -> None:
        """Check the arguments that have a fixed set of values.

        :raises ConfigurationError: an argument is not allowed; the message has its value and what is allowed.
        """
        for name, allowed in (("on_rerun", OnRerun), ("kind", EVENT_DATA_SETS), ("verify", Verify)):
            value = getattr(self, name)
            if value not in tuple(allowed):
                raise ConfigurationError(
                    f"{name} is {value!r} in task {self.task_id}; allowed are {', '.join(allowed)}."
                )

    @property
    def stream(self) -> str:
        """The name of the stream."""
        return event_stream(self.tag, self.kind)

    @property
    def lineage_names(self) -> tuple[str, str]:
        """The data set, and the table."""
        return self.kind, f"table.{self.tag}"

    @property
    def fetch(self) -> str:
        """The name of the step in errors, in the form of the collector's."""
        return f"fetch_{self.kind}"

    def store(self, devo: DevoHook, *, read_only: bool = False) -> StreamStore[EventState]:
        """Return the store of the stream in the Devo of a hook, see `store_of`."""
        return self.store_of(EventState, devo, read_only=read_only)

    def _work(self, context: Any) -> str:
        map_index = getattr(context.get("ti"), "map_index", -1)
        return f"{self.dag_id} {self.task_id} {context.get('run_id')} {map_index}"
