"""Base of the operators that read Flashpoint: the period of a run, the source, the state."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_flashpoint.airflow_runtime.retry_policy import retry_arguments
from airflow_provider_flashpoint.airflow_runtime.run_window import run_period
from airflow_provider_flashpoint.airflow_runtime.storage.staging import staging_root
from airflow_provider_flashpoint.airflow_runtime.storage.stream import StreamStore
from airflow_provider_flashpoint.airflow_runtime.storage.variables import State
from airflow_provider_flashpoint.config.obfuscation import rules_of
from airflow_provider_flashpoint.core.origin import Origin
from airflow_provider_flashpoint.core.run_window import RunPeriod, RunWindow
from airflow_provider_flashpoint.core.secrets.foreign_text import clean
from airflow_provider_flashpoint.core.state import EventState, LookupState
from airflow_provider_flashpoint.core.stream_key import StreamKey
from airflow_provider_flashpoint.core.window import as_utc, format_instant, parse_instant
from airflow_provider_flashpoint.operators.published import PublishedTask

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.flashpoint.api import DataSet
    from airflow_provider_flashpoint.core.flashpoint.source import HttpSource
    from airflow_provider_flashpoint.core.secrets.obfuscate import ObfuscationRule, Obfuscator
    from airflow_provider_flashpoint.core.staging.storage import StoragePath
    from airflow_provider_flashpoint.hooks.devo import DevoHook


class OpenSource(NamedTuple):
    """A source, the obfuscator of its records, what the state keeps of their origin, and the account of the source."""

    source: HttpSource
    obfuscator: Obfuscator
    origin: Origin
    account: str = ""

    def request_counts(self) -> dict[str, Any]:
        """Return the entry that all summaries have for the requests to Flashpoint."""
        return {"requests": asdict(self.source.http.pace.counts)}


class WindowedOperator(PublishedTask):
    """An operator that reads one window of a data set, for one stream.

    :param flashpoint_conn_id: (templated) the connection to Flashpoint.
    :param devo_conn_id: (templated) the connection to Devo. Its domain, the connection to Flashpoint and the name of
        the lookup or table are the key by which state, ledger, lock and stages are kept.
    :param take_over: continue what an earlier version kept by the name alone, unless another stream has claimed it.
    :param start: (templated) start of an explicit window; needs ``end``.
    :param end: (templated) end of an explicit window.
    :param initial_start_time: where a new lookup or event table begins; the DAG's start date by default.
    :param lag: how much earlier than the window reading begins, for records that reach the index late.
    :param heal_gaps: begin at the stored checkpoint if that lies before the window, as after a pause of the DAG.
    :param page_size: records in a page; by default that of the connection, or else of the endpoint.
    :param filters: (templated) which records to read, by the filters of the API generation, such as
        ``{"score": "malicious"}``; some take a list.
    :param obfuscation: values to hide, each ``{"path": ..., "action": ...}`` as in the configuration file: keys joined
        by dots, or a list of them, and ``hash``, ``mask`` or ``drop``.
    :param staging_uri: (templated) root of the staging storage, see `staging.staging_root`.
    """

    template_fields: Sequence[str] = ("flashpoint_conn_id", "devo_conn_id", "start", "end", "filters", "staging_uri")

    def __init__(
        self,
        *,
        lag: timedelta,
        flashpoint_conn_id: str = "flashpoint_default",
        devo_conn_id: str = "devo_default",
        take_over: bool = True,
        start: str | datetime | None = None,
        end: str | datetime | None = None,
        initial_start_time: datetime | str | None = None,
        heal_gaps: bool = True,
        page_size: int | None = None,
        filters: Mapping[str, str | Sequence[str]] | None = None,
        obfuscation: Sequence[Mapping[str, Any]] | None = None,
        staging_uri: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**retry_arguments(), **kwargs})
        self.flashpoint_conn_id = flashpoint_conn_id
        self.devo_conn_id = devo_conn_id
        self.take_over = take_over
        self.start = start
        self.end = end
        self.initial_start_time = initial_start_time
        self.lag = lag
        self.heal_gaps = heal_gaps
        self.page_size = page_size
        self.filters = filters
        self.obfuscation = obfuscation
        self.staging_uri = staging_uri
        self._is_killable = False

    @classmethod
    def get_serialized_fields(cls) -> frozenset[str]:
        """Return the fields that Airflow keeps in its database, where the status page reads them."""
        fields: frozenset[str] = super().get_serialized_fields()  # type: ignore[no-untyped-call]
        return fields | {"take_over"}

    def on_kill(self) -> None:
        """End the work in order: connections are closed, and unsent lines are kept.

        Airflow calls this to end the task. Airflow 3 does nothing else to end it.
        """
        if self._is_killable:
            self._is_killable = False
            raise AirflowException("The task was told to end.")

    @contextlib.contextmanager
    def until_killed(self) -> Generator[None]:
        """Let `on_kill` interrupt the block."""
        self._is_killable = True
        try:
            yield
        finally:
            self._is_killable = False

    def store_of(self, kind: type[State], devo: DevoHook, *, read_only: bool = False) -> StreamStore[State]:
        """Return the store of the stream: its state and its directories.

        :raises ConfigurationError: the connection to Devo cannot be read.
        """
        return StreamStore(
            kind=kind,
            key=StreamKey(name=self.stream, destination=devo.destination(), source=self.flashpoint_conn_id),
            devo_conn_id=self.devo_conn_id,
            root=self.staging(),
            take_over=self.take_over,
            read_only=read_only,
        )

    def stored_state(self, store: StreamStore[State], *, move: bool = False) -> State | None:
        """Return the stored state, None if there is none, and log it. Times ahead of the clock are healed.

        :param move: see `StreamStore.read`.
        """
        self.log.info("Retrieving the persisted data of %s.", store.variable)
        state = store.read(move=move)
        if state is None:
            self.log.info("No persisted data found. The content will be initialized.")
            return None
        self.log.info("Latest state: %s", clean(state.to_json()))
        healed, problem = state.healed(datetime.now(UTC))
        if problem:
            self.log.warning("%s: %s", store.variable, problem)
        return healed

    def period(self, context: Any) -> RunPeriod:
        """Return the period that this run is for, with the operator's rules for an earlier start."""
        return replace(
            run_period(context, start=self.start, end=self.end),
            lag=self.lag,
            initial_start=self._initial_start(context),
            heal_gaps=self.heal_gaps,
        )

    def log_begin(self, context: Any) -> None:
        """Log, in the collector's words, that reading begins and how often it does."""
        self.log.info("PrePull method completed.")
        begin, end = context.get("data_interval_start"), context.get("data_interval_end")
        if begin and end and begin < end:
            self.log.info("Starting data collection every %.0f seconds", (end - begin).total_seconds())

    def open_source(
        self,
        data_set: DataSet,
        rules: Sequence[ObfuscationRule],
        *,
        record_type: str | None = None,
        path: str | None = None,
        embed: Sequence[str] | None = (),
        include_secrets: bool = False,
        **client_options: Any,
    ) -> OpenSource:
        """Return a source of ``data_set`` over the Flashpoint connection, which is fetched once.

        :param rules: what the obfuscator hides, with the secret of the connection.
        :param include_secrets: see `FlashpointClient.source`.
        :param client_options: further options of `FlashpointHook.client`.
        """
        from airflow_provider_flashpoint.core.flashpoint.endpoints import with_same_documents
        from airflow_provider_flashpoint.core.secrets.obfuscate import Obfuscator
        from airflow_provider_flashpoint.hooks.flashpoint import FlashpointHook

        hook = FlashpointHook(self.flashpoint_conn_id)
        client = hook.client(page_size=self.page_size, **client_options)
        source = client.source(
            data_set,
            record_type=record_type,
            path=path,
            filters=self.filters,
            embed=embed,
            include_secrets=include_secrets,
        )
        return OpenSource(
            source,
            Obfuscator(rules, secret=hook.settings().obfuscation_secret),
            Origin(
                api=client.api.value,
                filters=source.endpoint.filter_texts(self.filters or {}),
                same_documents=with_same_documents(client.api, data_set),
            ),
            hook.settings().account,
        )

    def rules(self, data_set: DataSet) -> tuple[ObfuscationRule, ...]:
        """Return the rules of obfuscation.

        :raises ConfigurationError: a rule is wrong, or hides a value that is needed.
        """
        return rules_of(self.obfuscation, data_set, {}, source=f"Task {self.task_id}")

    def staging(self) -> StoragePath:
        """Return the root of the staging storage."""
        return staging_root(self.staging_uri)

    def _initial_start(self, context: Any) -> datetime | None:
        if isinstance(self.initial_start_time, str):
            return parse_instant(self.initial_start_time, name="initial_start_time")
        begin = self.initial_start_time or getattr(context.get("dag"), "start_date", None)
        return as_utc(begin) if begin is not None else None


def reached(run_window: RunWindow, state: EventState | LookupState) -> dict[str, Any]:
    """Return the entries that all summaries have: the window, its rule, and the checkpoint."""
    checkpoint = state.to_checkpoint_time
    return {
        "window": run_window.window.to_dict(),
        "rule": run_window.rule,
        "to_checkpoint_time": format_instant(checkpoint) if checkpoint else None,
    }
