"""What every operator of this provider shares: where it stages, which window it reads, how its errors end a task."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseOperator

from airflow_provider_flashpoint.airflow_runtime.run_window import RunWindow, resolve_window
from airflow_provider_flashpoint.airflow_runtime.staging import staging_root
from airflow_provider_flashpoint.airflow_runtime.state_store import State, read_state
from airflow_provider_flashpoint.config.obfuscation import rules_of
from airflow_provider_flashpoint.core.state import EventState, LookupState
from airflow_provider_flashpoint.core.window import as_utc, format_instant, parse_instant
from airflow_provider_flashpoint.errors import FlashpointProviderError, TransientError

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
    from airflow_provider_flashpoint.core.flashpoint.endpoints import DataSet
    from airflow_provider_flashpoint.core.obfuscate import ObfuscationRule, Obfuscator
    from airflow_provider_flashpoint.core.staging.storage import StoragePath

Translate = Callable[[FlashpointProviderError], FlashpointProviderError]


class WindowedOperator(BaseOperator):
    """An operator that reads one window of a stream.

    :param flashpoint_conn_id: (templated) the connection to Flashpoint.
    :param start: (templated) start of an explicit window; needs ``end``.
    :param end: (templated) end of an explicit window.
    :param initial_start_time: where a lookup or stream that is yet to be built begins; the DAG's start date by default.
    :param lag: how much earlier than the window reading begins, for records that reach the index late.
    :param heal_gaps: begin at the stored checkpoint when that lies before the window, as after a pause of the DAG.
    :param page_size: records in a page; by default the connection's, or else the endpoint's own.
    :param obfuscation: values to hide, each ``{"path": ..., "action": ...}`` as in the configuration file: keys joined
        by dots, or a list of them, and ``hash``, ``mask`` or ``drop``.
    :param staging_uri: (templated) root of the staging storage, see `staging.staging_root`.
    """

    template_fields: Sequence[str] = ("flashpoint_conn_id", "start", "end", "staging_uri")

    def __init__(
        self,
        *,
        lag: timedelta,
        flashpoint_conn_id: str = "flashpoint_default",
        start: str | datetime | None = None,
        end: str | datetime | None = None,
        initial_start_time: datetime | str | None = None,
        heal_gaps: bool = True,
        page_size: int | None = None,
        obfuscation: Sequence[Mapping[str, Any]] | None = None,
        staging_uri: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.flashpoint_conn_id = flashpoint_conn_id
        self.start = start
        self.end = end
        self.initial_start_time = initial_start_time
        self.lag = lag
        self.heal_gaps = heal_gaps
        self.page_size = page_size
        self.obfuscation = obfuscation
        self.staging_uri = staging_uri
        self._is_killable = False

    def on_kill(self) -> None:
        """End the work in order: connections are dropped, and what was read and not delivered is kept.

        Airflow calls this when the task is told to end. Airflow 3 does nothing else to end it.
        """
        if self._is_killable:
            self._is_killable = False
            raise AirflowException("The task was told to end.")

    @contextlib.contextmanager
    def until_killed(self) -> Generator[None]:
        """Let `on_kill` break off what is done within."""
        self._is_killable = True
        try:
            yield
        finally:
            self._is_killable = False

    def stored_state(self, kind: type[State], variable: str) -> State | None:
        """Return the state that a Variable holds, and log it; None where there is none."""
        self.log.info("Retrieving the persisted data of %s.", variable)
        state = read_state(kind, variable)
        if state is None:
            self.log.info("No persisted data found. The content will be initialized.")
        else:
            self.log.info("Latest state: %s", state.to_json())
        return state

    def resolve(self, context: Any, *, build: bool, complete_until: datetime | None) -> RunWindow:
        """Return the window of this run, and log which rule chose it.

        :param build: the lookup or stream is yet to be built, so reading begins at the initial start time.
        :param complete_until: the stored checkpoint, None where there is none.
        """
        run_window = resolve_window(
            context,
            start=self.start,
            end=self.end,
            lag=self.lag,
            build_from=self.initial_start(context) if build else None,
            complete_until=complete_until if self.heal_gaps else None,
        )
        self.log.info("Window %s, by %s.", run_window.asked, run_window.rule)
        return run_window

    def say_begin(self, context: Any) -> None:
        """Log, in the collector's words, that reading begins and how often it does."""
        self.log.info("PrePull method completed.")
        begin, end = context.get("data_interval_start"), context.get("data_interval_end")
        if begin and end and begin < end:
            self.log.info("Starting data collection every %.0f seconds", (end - begin).total_seconds())

    def flashpoint(self, *, paths: Mapping[DataSet, str] | None = None) -> FlashpointClient:
        """Return a client of the Flashpoint connection."""
        from airflow_provider_flashpoint.hooks.flashpoint import FlashpointHook

        return FlashpointHook(self.flashpoint_conn_id).client(page_size=self.page_size, paths=paths)

    def rules(self, data_set: DataSet) -> tuple[ObfuscationRule, ...]:
        """Return the rules by which values of these records are hidden.

        :raises ConfigurationError: a rule is wrong, or hides what the work needs.
        """
        return rules_of(self.obfuscation, data_set, {}, source=f"Task {self.task_id}")

    def obfuscator(self, rules: Sequence[ObfuscationRule]) -> Obfuscator:
        """Return what carries out ``rules``, with the secret of the Flashpoint connection."""
        from airflow_provider_flashpoint.core.obfuscate import Obfuscator
        from airflow_provider_flashpoint.hooks.flashpoint import FlashpointHook

        return Obfuscator(rules, secret=FlashpointHook(self.flashpoint_conn_id).settings().obfuscation_secret)

    def staging(self) -> StoragePath:
        """Return the root of the staging storage."""
        return staging_root(self.staging_uri)

    def initial_start(self, context: Any) -> datetime | None:
        """Return where a lookup or stream that is yet to be built begins, None where nothing says so."""
        if isinstance(self.initial_start_time, str):
            return parse_instant(self.initial_start_time, name="initial_start_time")
        begin = self.initial_start_time or getattr(context.get("dag"), "start_date", None)
        return as_utc(begin) if begin is not None else None


def reached(run_window: RunWindow, state: EventState | LookupState) -> dict[str, Any]:
    """Return what every summary tells of a run: what was read, why, and how far the stream is complete."""
    until = state.to_checkpoint_time
    return {
        "window": run_window.asked.to_dict(),
        "rule": run_window.rule,
        "to_checkpoint_time": format_instant(until) if until else None,
    }


@contextlib.contextmanager
def translated_errors(face: Translate) -> Generator[None]:
    """Give the provider's errors their face, and fail the task at once where trying again cannot help.

    :raises AirflowFailException: for every error outside the transient group; the error itself is its cause.
    """
    try:
        yield
    except FlashpointProviderError as error:
        faced = face(error)
        if isinstance(faced, TransientError):
            raise faced from error
        raise AirflowFailException(str(faced)) from error
