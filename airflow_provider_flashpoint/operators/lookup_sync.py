"""From a stage of indicators to a lookup in Devo."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.airflow_runtime.run_window import RunWindow
from airflow_provider_flashpoint.airflow_runtime.staging import directory_name, storage_path
from airflow_provider_flashpoint.airflow_runtime.state_store import lookup_variable, write_state
from airflow_provider_flashpoint.config.obfuscation import rules_of
from airflow_provider_flashpoint.core.state import LookupState, LookupStatus
from airflow_provider_flashpoint.errors import (
    ConfigurationError,
    StageError,
    TooManyRejectsError,
    TransientError,
    as_pull_error,
)
from airflow_provider_flashpoint.operators.base import reached, translated_errors
from airflow_provider_flashpoint.operators.pull_indicators import IndicatorsOperator, LookupProgress

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.devo.lookups.ports import Lookups
    from airflow_provider_flashpoint.core.obfuscate import ObfuscationRule
    from airflow_provider_flashpoint.core.pipelines.sync import LookupTarget, SyncSummary
    from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
    from airflow_provider_flashpoint.core.staging.lookup_ledger import LookupLedger
    from airflow_provider_flashpoint.core.staging.stage import Stage

_ADOPTED = "adopted"
"""The generation of a ledger that may not know all that its lookup was given."""


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What one sync is to do: where rows go, what was covered, and whether the lookup is built anew."""

    target: LookupTarget
    run_window: RunWindow
    rebuild: bool
    generation: str


class LookupSyncOperator(IndicatorsOperator):
    """Brings staged indicators into their lookup: builds it the first time, then adds to it.

    The status ``New`` becomes ``Created`` with the first sync that Devo accepts; from then on only the run's
    configuration ``{"lookup_status": "New"}`` or a reset of the state rebuilds. It is ``New`` again until all of a
    rebuild is in, so that half of one is not added to. The stage is pulled again where it is gone, where it is older
    than the lookup's last sync, or where a rebuild needs more than it holds. Without ``stage`` the operator pulls by
    itself.

    One lookup must have one writer: set ``max_active_tis_per_dag=1``, as the DAG factory does.

    :param lookup_key: (templated) the flattened name whose value is the key of the lookup, such as ``value.domain``.
    :param stage: (templated) what `PullIndicatorsOperator` returned.
    :param columns: the columns of the lookup besides its key; by default those discovered when it is built.
    :param max_rejects: how many rows without a key are let pass; more fail the task once the good rows are delivered.
    :param devo_conn_id: (templated) the connection to Devo.

    The remaining parameters are those of `IndicatorsOperator`. Returns, as XCom, counts and the state that was reached.
    """

    template_fields: Sequence[str] = (*IndicatorsOperator.template_fields, "lookup_key", "stage", "devo_conn_id")
    ui_color = "#d9f2df"

    def __init__(
        self,
        *,
        lookup_key: str,
        stage: Any = None,
        columns: Sequence[str] | None = None,
        max_rejects: int = 0,
        devo_conn_id: str = "devo_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.lookup_key = lookup_key
        self.stage = stage
        self.columns = columns
        self.max_rejects = max_rejects
        self.devo_conn_id = devo_conn_id

    def execute(self, context: Any) -> dict[str, Any]:
        """Deliver the stage, write the state, and return what was done."""
        from airflow_provider_flashpoint.hooks.devo import DevoHook

        with translated_errors(lambda error: as_pull_error(error, "fetch_indicators")), self.until_killed():
            rules = self.lookup_rules()  # wrong ones are told before anything is done
            lookups = DevoHook(self.devo_conn_id).lookups()
            attempt_lock = self._attempt_lock()
            attempt_lock.begin()
            progress = self.progress(context)
            exists = lookups.exists(self.lookup_name)
            if progress.status is LookupStatus.CREATED and exists is False:
                self.log.warning("Lookup %s is not in Devo any more; it is built anew.", self.lookup_name)
                progress = LookupProgress(progress.state, LookupStatus.NEW)
            stage, run_window = self._stage_for(context, progress, rules)
            if progress.status is LookupStatus.NEW and not stage.summary.records:
                self.log.info(
                    "Nothing was found in %s; lookup %s stays to be built.", run_window.asked, self.lookup_name
                )
                return self._told(progress.state or LookupState(), run_window, None)
            plan = self.plan(stage, progress, run_window, exists=exists)
            state = progress.state or LookupState(status=LookupStatus(self.lookup_status))
            return self._deliver(context, plan, stage, state, lookups, attempt_lock)

    def _stage_for(
        self, context: Any, progress: LookupProgress, rules: Sequence[ObfuscationRule]
    ) -> tuple[Stage, RunWindow]:
        """Return the stage to deliver and its window: the given stage where it will do, else one that is pulled now."""
        from airflow_provider_flashpoint.core.staging.stage import Stage

        run_window = self.window_for(context, progress)
        given = self._given_stage(progress, run_window, rules)
        if given is not None:
            return given, run_window
        summary = self.pull(run_window, rules)
        return Stage(storage_path(summary.uri), summary), run_window

    def window_for(self, context: Any, progress: LookupProgress) -> RunWindow:
        """Return the run's window; up to the checkpoint where nothing else keeps old values from new ones."""
        run_window = self.window_of(context, progress)
        state = progress.state
        checkpoint = state.to_checkpoint_time if state else None
        if (
            progress.status is LookupStatus.NEW
            or state is None
            or checkpoint is None
            or run_window.asked.end >= checkpoint
        ):
            return run_window
        if self._known_generation(state) != _ADOPTED:
            return run_window
        self.log.info("The ledger may not know all of this lookup: the window is read up to the checkpoint.")
        return run_window.up_to(checkpoint)

    def _given_stage(
        self, progress: LookupProgress, run_window: RunWindow, rules: Sequence[ObfuscationRule]
    ) -> Stage | None:
        """Return the stage that the pull left, or None with the reason in the log where it must be pulled again."""
        from airflow_provider_flashpoint.core.staging.stage import Stage, StageSummary

        if not self.stage:
            return None
        if not isinstance(self.stage, Mapping):
            raise ConfigurationError(
                f"stage is {type(self.stage).__name__} in task {self.task_id}; it must be what "
                "PullIndicatorsOperator returned."
            )
        try:
            summary = StageSummary.from_dict(self.stage)
            stage = Stage(storage_path(summary.uri), summary)
        except StageError as error:
            self.log.warning("%s It is pulled again.", error)
            return None
        if [rule.to_dict() for rule in rules] != self.stage.get("obfuscation", []):
            self.log.info("The stage was pulled under other rules of obfuscation; the window is pulled again.")
            return None
        synced_at = progress.state.updated_at if progress.state else None
        if synced_at is not None and summary.pulled_at < synced_at:
            self.log.info("The lookup was synced after the stage was pulled; the window is pulled again.")
            return None
        if not (summary.window.start <= run_window.asked.start and run_window.asked.end <= summary.window.end):
            self.log.info("The stage holds %s, but %s is needed; it is pulled again.", summary.window, run_window.asked)
            return None
        return stage

    def plan(self, stage: Stage, progress: LookupProgress, run_window: RunWindow, *, exists: bool | None) -> SyncPlan:
        """Return what is to be done with the stage.

        :param exists: whether the lookup is in Devo; None where that is not known.
        :raises ConfigurationError: the lookup_key is none of the rows, or not the one the lookup was built with.
        """
        from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
        from airflow_provider_flashpoint.core.pipelines.sync import LookupTarget, columns_for

        state = progress.state or LookupState()
        if progress.status is LookupStatus.NEW:
            columns = columns_for(stage, key=self.lookup_key, wanted=self.columns)
            operation = Operation.REPLACE if exists else Operation.CREATE
            generation = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
            target = LookupTarget(self.lookup_name, self.lookup_key, columns, operation)
            return SyncPlan(target, run_window, rebuild=True, generation=generation)
        if state.key and state.key != self.lookup_key:
            raise ConfigurationError(
                f"lookup_key is {self.lookup_key!r}, but lookup {self.lookup_name} was built with {state.key!r}. "
                'To change the key, rebuild the lookup: trigger the DAG with {"lookup_status": "New"}.'
            )
        columns = state.columns or columns_for(stage, key=self.lookup_key, wanted=self.columns)
        target = LookupTarget(self.lookup_name, self.lookup_key, columns, Operation.APPEND)
        return SyncPlan(target, run_window, rebuild=False, generation=self._known_generation(state))

    def _deliver(
        self,
        context: Any,
        plan: SyncPlan,
        stage: Stage,
        state: LookupState,
        lookups: Lookups,
        attempt_lock: AttemptLock,
    ) -> dict[str, Any]:
        from airflow_provider_flashpoint.core.flashpoint.endpoints import DataSet
        from airflow_provider_flashpoint.core.pipelines.sync import sync
        from airflow_provider_flashpoint.core.staging.rejected_records import RejectedRecords

        if plan.rebuild and state.status is LookupStatus.CREATED:
            attempt_lock.check()
            self._mark_new(state)
        ledger = self.ledger(plan.generation)
        endpoint = self.flashpoint().endpoint(DataSet.INDICATORS)
        with RejectedRecords(stage.directory / "dead_letters.jsonl") as rejected_records:
            summary = sync(
                stage,
                plan.target,
                lookups=lookups,
                ledger=ledger,
                consult_ledger=not plan.rebuild and not _leads(plan.run_window, state),
                version_fields=endpoint.version_fields,
                rejected_records=rejected_records,
                at=datetime.now(UTC),
                before_deploying=attempt_lock.check,
            )
        synced = state.after_sync(
            plan.run_window.covered,
            rebuilt=plan.rebuild,
            columns=plan.target.columns,
            key=plan.target.key,
            generation=plan.generation,
            leaves_no_gap=plan.run_window.leaves_no_gap(
                self.initial_start(context) if plan.rebuild else state.to_checkpoint_time
            ),
            rows_sent=summary.rows_sent,
            pulled_at=stage.summary.pulled_at,
            run_id=str(context.get("run_id") or ""),
            at=datetime.now(UTC),
        )
        if write_state(lookup_variable(self.lookup_name), synced):
            ledger.forget_other_generations()
        self.log.info("Lookup %s: %s", self.lookup_name, summary)
        if summary.rejected > self.max_rejects:
            raise TooManyRejectsError(
                f"{summary.rejected} rows have no value under the lookup_key {self.lookup_key!r}; "
                f"max_rejects allows {self.max_rejects}. The other {summary.rows_sent} rows are in lookup "
                f"{self.lookup_name}; the rejected ones are in {rejected_records.uri}."
            )
        return self._told(synced, plan.run_window, summary)

    def lookup_rules(self) -> tuple[ObfuscationRule, ...]:
        """Return the rules of this operator, or those that the stage was pulled under where it was given none."""
        from airflow_provider_flashpoint.core.flashpoint.endpoints import DataSet

        values = self.obfuscation
        if values is None and isinstance(self.stage, Mapping):
            values = self.stage.get("obfuscation")
        lookup_keys = {self.indicator_type: self.lookup_key}
        return rules_of(values, DataSet.INDICATORS, lookup_keys, source=f"Task {self.task_id}")

    def _mark_new(self, state: LookupState) -> None:
        """Write that the lookup is being rebuilt, so that after half a rebuild the next run does not add to it."""
        if not write_state(lookup_variable(self.lookup_name), replace(state, status=LookupStatus.NEW)):
            raise TransientError(f"Lookup {self.lookup_name}: its state cannot be written, so it is not rebuilt.")

    def _known_generation(self, state: LookupState) -> str:
        """Return the generation of the lookup; another one where it was built elsewhere, or its ledger is gone."""
        is_known = state.generation and not self.ledger(state.generation).is_empty()
        return state.generation if is_known else _ADOPTED

    def _attempt_lock(self) -> AttemptLock:
        """Return this try among all that write to the lookup, of whatever run: one that lost its turn must not."""
        from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock

        path = self.staging() / "lookups" / f"{directory_name(self.lookup_name)}.newest_try"
        return AttemptLock(path, work=self.lookup_name)

    def ledger(self, generation: str) -> LookupLedger:
        """Return the ledger of one build of the lookup."""
        from airflow_provider_flashpoint.core.staging.lookup_ledger import LookupLedger

        directory = self.staging() / "lookups" / directory_name(self.lookup_name)
        return LookupLedger(directory, generation=generation)

    def _told(self, state: LookupState, run_window: RunWindow, summary: SyncSummary | None) -> dict[str, Any]:
        counts: dict[str, Any] = {
            "rows_sent": summary.rows_sent if summary else 0,
            "superseded": summary.superseded if summary else 0,
            "rejected": summary.rejected if summary else 0,
            "extra_values": summary.extra_values if summary else 0,
            "operation": summary.operation if summary else "none",
        }
        return {
            "lookup": self.lookup_name,
            "status": state.status.value,
            **counts,
            **reached(run_window, state),
        }


def _leads(run_window: RunWindow, state: LookupState) -> bool:
    """Return whether the window reaches as far as all that was delivered, so that it brings the newest there is."""
    ends = [moment for moment in (state.to_checkpoint_time, state.delivered_to_time) if moment]
    return not run_window.explicit and bool(ends) and run_window.asked.end >= max(ends)
