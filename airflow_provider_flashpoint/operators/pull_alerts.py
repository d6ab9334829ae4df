"""From Flashpoint's alerts to events in a Devo table."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.airflow_runtime.run_window import RunWindow
from airflow_provider_flashpoint.airflow_runtime.staging import directory_name
from airflow_provider_flashpoint.airflow_runtime.state_store import event_variable, write_state
from airflow_provider_flashpoint.config.model import (
    DEFAULT_ALERT_LAG,
    DEFAULT_LEDGER_RETENTION,
    DEFAULT_STATISTICS_PERIOD,
    DEFAULT_TAG,
    DEFAULT_VERIFY_TIMEOUT,
)
from airflow_provider_flashpoint.core.state import EventState
from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.errors import ConfigurationError, TooManyRejectsError, as_pull_error
from airflow_provider_flashpoint.operators.alert_sender import Pass, telemetry_to_devo, verification_by_query
from airflow_provider_flashpoint.operators.base import WindowedOperator, reached, translated_errors

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.pipelines.deliver import DeliverySummary
    from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
    from airflow_provider_flashpoint.core.staging.rejected_records import RejectedRecords

_ON_RERUN = ("skip", "resend")
_VERIFY = ("confirm", "query")
_KINDS = ("alerts", "keywords", "keyword_classes")


class PullAlertsOperator(WindowedOperator):
    """Pulls the alerts of the run's window and delivers them to a Devo table, each as one JSON line, unchanged.

    Delivery is at least once. A ledger of confirmed ids lets every window that touches the same time again (a retry, a
    rerun, an overlap, a parallel backfill) send only what was not confirmed. What a task that ends early had read
    and not delivered is kept, and sent before the next run reads. One stream should have one writer: set
    ``max_active_tis_per_dag=1``, as the DAG factory does.

    :param tag: (templated) the Devo table.
    :param kind: ``alerts``, ``keywords`` or ``keyword_classes``; the last two need their path in the connection.
    :param path: path of the data set at Flashpoint; by default the connection's, or else the known one.
    :param devo_conn_id: (templated) the connection to Devo.
    :param on_rerun: ``skip`` what was confirmed before, or ``resend`` it.
    :param ledger_retention: how long confirmed ids are kept, by the alerts' own time, and by that of confirmation.
    :param max_rejects: how many alerts that cannot be sent are let pass; more fail the task once the others are sent.
    :param statistics_period: how often the log tells what was sent.
    :param verify: ``confirm`` trusts the transport's confirmation; ``query`` asks Devo's table for every id, and sends
        again what is missing there.
    :param verify_timeout: the longest time that is spent on asking.
    :param telemetry: deliver what is logged, and metrics, to Devo's table ``devo.collectors.out`` as well.

    The remaining parameters are those of `WindowedOperator`. Returns, as XCom, counts, the window and the checkpoint.
    """

    template_fields: Sequence[str] = (*WindowedOperator.template_fields, "tag", "devo_conn_id")
    ui_color = "#f7e3d7"

    def __init__(
        self,
        *,
        tag: str = DEFAULT_TAG,
        kind: str = "alerts",
        path: str | None = None,
        devo_conn_id: str = "devo_default",
        on_rerun: str = "skip",
        ledger_retention: timedelta = DEFAULT_LEDGER_RETENTION,
        max_rejects: int = 0,
        statistics_period: timedelta = DEFAULT_STATISTICS_PERIOD,
        verify: str = "confirm",
        verify_timeout: timedelta = DEFAULT_VERIFY_TIMEOUT,
        telemetry: bool = False,
        lag: timedelta = DEFAULT_ALERT_LAG,
        **kwargs: Any,
    ) -> None:
        super().__init__(lag=lag, **kwargs)
        self.tag = tag
        self.kind = kind
        self.path = path
        self.devo_conn_id = devo_conn_id
        self.on_rerun = on_rerun
        self.ledger_retention = ledger_retention
        self.max_rejects = max_rejects
        self.statistics_period = statistics_period
        self.verify = verify
        self.verify_timeout = verify_timeout
        self.telemetry = telemetry

    def execute(self, context: Any) -> dict[str, Any]:
        """Deliver the window, write the state, and return what was done."""
        from airflow_provider_flashpoint.core.staging.rejected_records import RejectedRecords

        with translated_errors(lambda error: as_pull_error(error, "fetch_alerts")):
            self.check_arguments()
            self.log.info("pre_pull started.")
            variable = event_variable(self.stream)
            state = self.stored_state(EventState, variable)
            complete_until = state.to_checkpoint_time if state else None
            run_window = self.window_of(context, complete_until)
            self.say_begin(context)
            pulled_at = datetime.now(UTC)
            name = f"{pulled_at:%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}.jsonl"
            with RejectedRecords(self.directory / "dead_letters" / name) as rejected_records:
                summary = self._deliver(run_window, rejected_records, self._attempt_lock(context))
            delivered = (state or EventState()).after_delivery(
                run_window.covered,
                leaves_no_gap=run_window.leaves_no_gap(complete_until),
                sent=summary.sent,
                repeated=summary.repeated,
                pulled_at=pulled_at,
                run_id=str(context.get("run_id") or ""),
                at=datetime.now(UTC),
            )
            write_state(variable, delivered)
            self.log.info("%s: %s", self.tag, summary)
            if summary.rejected > self.max_rejects:
                raise TooManyRejectsError(
                    f"{summary.rejected} alerts cannot be sent as they are; max_rejects allows {self.max_rejects}. The "
                    f"other {summary.sent} were sent; the rejected ones are in {rejected_records.uri}."
                )
            return self._told(summary, run_window, delivered)

    def window_of(self, context: Any, complete_until: datetime | None) -> RunWindow:
        """Return the window that this run reads, given the stored checkpoint, None where there is none."""
        return self.resolve(context, build=complete_until is None, complete_until=complete_until)

    def _attempt_lock(self, context: Any) -> AttemptLock:
        from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock

        map_index = getattr(context.get("ti"), "map_index", -1)
        run = f"{self.dag_id} {self.task_id} {context.get('run_id')} {map_index}"
        return AttemptLock(self.directory / "newest_try", work=run)

    def _deliver(
        self, run_window: RunWindow, rejected_records: RejectedRecords, attempt_lock: AttemptLock
    ) -> DeliverySummary:
        from airflow_provider_flashpoint.core.flashpoint.endpoints import DataSet
        from airflow_provider_flashpoint.core.pipelines.deliver import Delivery
        from airflow_provider_flashpoint.core.reporting.memory_log import MemoryLog
        from airflow_provider_flashpoint.core.reporting.sender_log import SenderLog
        from airflow_provider_flashpoint.core.staging.event_ledger import EventLedger
        from airflow_provider_flashpoint.core.staging.kept_lines import KeptLines
        from airflow_provider_flashpoint.hooks.devo import DevoHook

        data_set = DataSet(self.kind)
        obfuscator = self.obfuscator(self.rules(data_set))
        client = self.flashpoint(paths={data_set: self.path} if self.path else None)
        ledger = EventLedger(self.directory / "ledger")
        forgotten_before = datetime.now(UTC) - self.ledger_retention
        if run_window.asked.start < forgotten_before:
            self.log.warning(
                "The window begins before %s, where the ledger ends: what was sent from that time may be sent again.",
                format_instant(forgotten_before),
            )
        unsent = KeptLines(self.directory / "unsent")
        unverified = KeptLines(self.directory / "unverified", max_batches=None)
        devo, endpoint = DevoHook(self.devo_conn_id), client.endpoint(data_set)
        writer = devo.event_writer(self.tag)
        telemetry: AbstractContextManager[Pass] = nullcontext(iter)
        if self.telemetry:
            telemetry = telemetry_to_devo(devo, writer, service=self.kind, module=type(self).__name__)
        with telemetry as told, writer, self.until_killed():
            sender_log = SenderLog(writer, period_s=self.statistics_period.total_seconds())
            verification = None
            if self.verify == "query":
                verification = verification_by_query(
                    devo,
                    tag=self.tag,
                    kind=self.kind,
                    endpoint=endpoint,
                    ledger=ledger,
                    writer=sender_log,
                    unverified=unverified,
                    before_sending=attempt_lock.check,
                    timeout=self.verify_timeout,
                )
            delivery = Delivery(
                endpoint=endpoint,
                ledger=ledger,
                writer=sender_log,
                line_of=writer.encode,
                set_aside=rejected_records.add,
                obfuscator=obfuscator,
                unsent=unsent,
                left=[unsent] if verification else [unverified, unsent],
                verification=verification,
                before_sending=attempt_lock.check,
                send_again=self.on_rerun == "resend",
                now=lambda: datetime.now(UTC),
            )
            pages = sender_log.over(MemoryLog().over(client.pages(data_set, run_window.asked)))
            attempt_lock.begin()
            try:
                summary = delivery.deliver(told(pages))
            finally:
                sender_log.say()
        ledger.prune(before=forgotten_before)
        return summary

    def check_arguments(self) -> None:
        """Return if the arguments are allowed.

        :raises ConfigurationError: one of them is not; it names the argument, its value and what is allowed.
        """
        for name, value, allowed in (
            ("on_rerun", self.on_rerun, _ON_RERUN),
            ("kind", self.kind, _KINDS),
            ("verify", self.verify, _VERIFY),
        ):
            if value not in allowed:
                raise ConfigurationError(
                    f"{name} is {value!r} in task {self.task_id}; allowed are {', '.join(allowed)}."
                )

    @property
    def stream(self) -> str:
        """What the state and the ledger are kept by: keywords may share the table of the alerts, but not its state."""
        return self.tag if self.kind == "alerts" else f"{self.tag}__{self.kind}"

    @property
    def directory(self) -> Any:
        """Where the ledger of the stream lies, and what is kept beside it."""
        return self.staging() / "alerts" / directory_name(self.stream)

    def _told(self, summary: DeliverySummary, run_window: RunWindow, state: EventState) -> dict[str, Any]:
        return {
            "tag": self.tag,
            "read": summary.read,
            "sent": summary.sent,
            "repeated": summary.repeated,
            "rejected": summary.rejected,
            "undated": summary.undated,
            "bytes": summary.bytes,
            "unsent": summary.unsent,
            "verified": summary.verified,
            "sent_again": summary.sent_again,
            **reached(run_window, state),
        }
