"""Sync a stage of indicators into a lookup in Devo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.airflow_runtime.storage.staging import prunes, stage_retention, storage_path
from airflow_provider_flashpoint.config.model import DEFAULT_MAX_COLUMNS
from airflow_provider_flashpoint.config.obfuscation import rules_of
from airflow_provider_flashpoint.core.devo.lookups.csv_rows import OtherColumns
from airflow_provider_flashpoint.core.flashpoint.api import DataSet
from airflow_provider_flashpoint.core.state import LookupStatus
from airflow_provider_flashpoint.errors import ConfigurationError, TooManyRejectsError, as_pull_error
from airflow_provider_flashpoint.operators.base import OpenSource, reached
from airflow_provider_flashpoint.operators.pull_indicators import IndicatorsOperator
from airflow_provider_flashpoint.operators.task_errors import translated_errors

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.pipelines.sync_ports import SyncSettings
    from airflow_provider_flashpoint.core.secrets.obfuscate import ObfuscationRule

_LOCK = ".newest_try"  # hidden from the ledger, which lists its builds beside it


class LookupSyncOperator(IndicatorsOperator):
    """Brings staged indicators into their lookup: builds it the first time, then adds to it.

    The first sync that Devo accepts changes the status from ``New`` to ``Created``. After that, a rebuild follows from
    the run's configuration (``{"rebuild": [<lookup name>, ...]}``, or ``{"lookup_status": "New"}`` for all lookups),
    from a reset of the state, from ``keep``, from a lookup that is gone from Devo, and from a rebuild whose end is not
    known. The status is ``New`` until a rebuild is complete, so that no run adds to half of one.

    The stage is pulled again if it is gone, if it is older than the lookup's last sync, if it was pulled with other
    options, or if a rebuild needs more than it holds. Without ``stage`` the operator pulls itself.

    One lookup must have one writer: set ``max_active_tis_per_dag=1``, as the DAG factory does.

    :param stage: (templated) what `PullIndicatorsOperator` returned.
    :param other_columns: ``extra`` puts values without a column, as JSON, into the column ``_extra``; ``leave_out``
        leaves them out.
    :param max_columns: how many columns are discovered at most, the key included: those that most rows have.
    :param max_rejects: how many rows without a key are allowed; more fail the task after the other rows were delivered.

    The remaining parameters are those of `IndicatorsOperator`. Returns, as XCom, counts and the new checkpoint.
    """

    template_fields: Sequence[str] = (*IndicatorsOperator.template_fields, "stage")
    ui_color = "#d9f2df"

    def __init__(
        self,
        *,
        stage: Any = None,
        other_columns: str = OtherColumns.EXTRA.value,
        max_columns: int = DEFAULT_MAX_COLUMNS,
        max_rejects: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stage = stage
        self.other_columns = other_columns
        self.max_columns = max_columns
        self.max_rejects = max_rejects

    def execute(self, context: Any) -> dict[str, Any]:
        """Deliver the stage, write the state, and return a summary."""
        from airflow_provider_flashpoint.core.pipelines.sync import sync
        from airflow_provider_flashpoint.core.pipelines.sync_ports import SyncPorts
        from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
        from airflow_provider_flashpoint.core.staging.indicators.lookup_ledger import LookupLedger
        from airflow_provider_flashpoint.hooks.devo import DevoHook

        with translated_errors(lambda error: as_pull_error(error, "fetch_indicators")), self.until_killed():
            rules = self.lookup_rules()  # report wrong ones before any effect
            opened = self.open_indicators(rules)
            devo = DevoHook(self.devo_conn_id)
            store = self.store(devo)
            store.read(move=True)  # the lock is in the directory of the state that this may take over
            home = store.home
            # One lock for all runs: an attempt that lost its turn must not bring old rows.
            attempt_lock = AttemptLock(home / _LOCK, work=self.lookup_name)
            ports = SyncPorts(
                source=opened.source,
                obfuscator=opened.obfuscator,
                stages=self.stages(store),
                lookups=devo.lookups(),
                ledger_of=lambda build: LookupLedger(home, build=build),
                attempt_lock=attempt_lock,
                open_path=storage_path,
                save_state=store.write,
            )
            attempt_lock.begin()
            progress = self.progress(context, store)
            settings = self.sync_settings(rules, opened, run_id=str(context.get("run_id") or ""))
            result = sync(self._given_stage(), progress, self.period(context), ports, settings)
            summary = {
                "lookup": self.lookup_name,
                "status": result.state.status.value,
                **asdict(result.summary),
                **reached(result.run_window, result.state),
                **opened.request_counts(),
            }
            self.publish(context, summary, opened.source, devo, columns=result.state.columns)
            if result.summary.rejected > self.max_rejects:
                raise TooManyRejectsError(
                    f"{result.summary.rejected} rows have no value under the lookup_key {settings.lookup_key!r}; "
                    f"max_rejects allows {self.max_rejects}. The other {result.summary.rows_sent} rows are in lookup "
                    f"{self.lookup_name}; the rejected ones are in {result.rejected_uri}. "
                    "Choose a lookup_key that all have, or raise max_rejects."
                )
            return summary

    def sync_settings(self, rules: Sequence[ObfuscationRule], opened: OpenSource, *, run_id: str = "") -> SyncSettings:
        """Return the options of the pipeline."""
        from airflow_provider_flashpoint.core.pipelines.sync_ports import SyncSettings

        return SyncSettings(
            lookup_name=self.lookup_name,
            lookup_key=self.lookup_key_for(opened.source),
            columns=self.columns,
            other_columns=self._other_columns(),
            row_per_hash=self.row_per_hash,
            max_columns=self.max_columns,
            initial_status=LookupStatus(self.lookup_status),
            obfuscation=rules,
            stage_retention=self.stage_retention or stage_retention(),
            prune=prunes(),
            origin=opened.origin,
            account=opened.account,
            run_id=run_id,
        )

    def lookup_rules(self) -> tuple[ObfuscationRule, ...]:
        """Return the rules of this operator, or those of the stage if it has none.

        :raises ConfigurationError: a rule is wrong, or hides a value that is needed.
        """
        values = self.obfuscation
        if values is None and isinstance(self.stage, Mapping):
            values = self.stage.get("obfuscation")
        lookup_keys = {self.indicator_type: self.lookup_key or ""}
        return rules_of(values, DataSet.INDICATORS, lookup_keys, source=f"Task {self.task_id}")

    def _other_columns(self) -> OtherColumns:
        try:
            return OtherColumns(self.other_columns)
        except ValueError as error:
            raise ConfigurationError(
                f"other_columns is {self.other_columns!r} in task {self.task_id}; allowed: {', '.join(OtherColumns)}."
            ) from error

    def _given_stage(self) -> Mapping[str, Any] | None:
        if not self.stage:
            return None
        if not isinstance(self.stage, Mapping):
            raise ConfigurationError(
                f"stage is {type(self.stage).__name__} in task {self.task_id}; give what "
                "PullIndicatorsOperator returned."
            )
        return self.stage
