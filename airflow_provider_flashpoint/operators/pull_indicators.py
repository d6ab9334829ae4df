"""From Flashpoint's indicators of one type to a stage of flattened rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.airflow_runtime.run_window import RunWindow, conf_of
from airflow_provider_flashpoint.airflow_runtime.staging import directory_name, stage_retention
from airflow_provider_flashpoint.airflow_runtime.state_store import lookup_variable
from airflow_provider_flashpoint.config.model import DEFAULT_INDICATOR_LAG
from airflow_provider_flashpoint.core.state import LookupState, LookupStatus
from airflow_provider_flashpoint.errors import ConfigurationError, as_pull_error
from airflow_provider_flashpoint.operators.base import WindowedOperator, translated_errors

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.obfuscate import ObfuscationRule
    from airflow_provider_flashpoint.core.staging.stage import StageSummary
    from airflow_provider_flashpoint.core.staging.storage import StoragePath


@dataclass(frozen=True, slots=True)
class LookupProgress:
    """How far a lookup is: its stored state, None where there is none, and the status this run goes by."""

    state: LookupState | None
    status: LookupStatus


class IndicatorsOperator(WindowedOperator):
    """What the pull and the sync of one indicator type share. Both are given the same arguments.

    :param indicator_type: (templated) Flashpoint's own name of the type, such as ``ip-dst|port``.
    :param lookup_name: (templated) the lookup that the indicators are for; its state decides where reading begins.
    :param lookup_status: the status of a lookup that has no state yet: ``New`` builds it, ``Created`` adds to it.
    :param stage_retention: how long stages are kept; by default the ``[flashpoint] stage_retention_days`` of Airflow.

    The remaining parameters are those of `WindowedOperator`.
    """

    template_fields: Sequence[str] = (*WindowedOperator.template_fields, "indicator_type", "lookup_name")

    def __init__(
        self,
        *,
        indicator_type: str,
        lookup_name: str,
        lookup_status: str = LookupStatus.NEW.value,
        stage_retention: timedelta | None = None,
        lag: timedelta = DEFAULT_INDICATOR_LAG,
        **kwargs: Any,
    ) -> None:
        super().__init__(lag=lag, **kwargs)
        self.indicator_type = indicator_type
        self.lookup_name = lookup_name
        self.lookup_status = lookup_status
        self.stage_retention = stage_retention

    def progress(self, context: Any) -> LookupProgress:
        """Return the lookup's state and status: the run's configuration outranks the state, that the argument."""
        state = self.stored_state(LookupState, lookup_variable(self.lookup_name))
        initial = _status(self.lookup_status, f"task {self.task_id}")
        forced = conf_of(context).get("lookup_status")
        if forced is not None:
            return LookupProgress(state, _status(forced, "the run's configuration"))
        return LookupProgress(state, state.status if state else initial)

    def window_of(self, context: Any, progress: LookupProgress) -> RunWindow:
        """Return the window that this run reads, given how far the lookup is."""
        complete_until = progress.state.to_checkpoint_time if progress.state else None
        if progress.status is LookupStatus.NEW:
            run_window = self.resolve(context, build=True, complete_until=None)
            # A rebuild by an old run takes nothing away that the lookup has; an explicit window is taken as it is.
            return run_window if run_window.explicit else run_window.up_to(complete_until)
        # A lookup that was built from an explicit window alone has no checkpoint: the rest is yet to be read.
        half_built = progress.state is not None and complete_until is None
        return self.resolve(context, build=half_built, complete_until=complete_until)

    def stages(self) -> StoragePath:
        """Return the directory of the stages of this type."""
        return self.staging() / "indicators" / directory_name(self.indicator_type)

    def pull(self, run_window: RunWindow, rules: Sequence[ObfuscationRule]) -> StageSummary:
        """Pull the window from Flashpoint into a new stage, with values hidden by ``rules``, and return its summary."""
        from airflow_provider_flashpoint.core.flashpoint.endpoints import DataSet
        from airflow_provider_flashpoint.core.flashpoint.flatten import flatten
        from airflow_provider_flashpoint.core.reporting.memory_log import MemoryLog
        from airflow_provider_flashpoint.core.staging.stage import StageWriter, prune_stages, stage_of

        pulled_at = datetime.now(UTC)
        client = self.flashpoint()
        obfuscator = self.obfuscator(rules)
        pages = MemoryLog().over(client.pages(DataSet.INDICATORS, run_window.asked, record_type=self.indicator_type))
        writer = StageWriter(self.stages(), window=run_window.asked, pulled_at=pulled_at)
        summary = stage_of(([flatten(obfuscator.hide(record)) for record in page.records] for page in pages), writer)
        obfuscator.report(summary.records)
        prune_stages(self.stages(), before=pulled_at - (self.stage_retention or stage_retention()))
        self.log.info(
            "Staged %d indicators of type %s (%d bytes) in %s.",
            summary.records,
            self.indicator_type,
            summary.bytes,
            summary.uri,
        )
        return summary


class PullIndicatorsOperator(IndicatorsOperator):
    """Pulls the indicators of one type in the run's window, flattens them, and stages them for a `LookupSyncOperator`.

    Returns, as XCom, ``{uri, records, bytes, sha256, window: {from, to}, pulled_at, columns, rule, obfuscation}``, and
    never a record. A rerun writes a new stage and removes the old one of the same window.

    Its parameters are those of `IndicatorsOperator`.
    """

    ui_color = "#d7e8f7"

    def execute(self, context: Any) -> dict[str, Any]:
        """Stage the window and return the summary of the stage."""
        from airflow_provider_flashpoint.core.flashpoint.endpoints import DataSet

        with translated_errors(lambda error: as_pull_error(error, "fetch_indicators")), self.until_killed():
            self.log.info("pre_pull started.")
            rules = self.rules(DataSet.INDICATORS)
            run_window = self.window_of(context, self.progress(context))
            self.say_begin(context)
            summary = self.pull(run_window, rules)
            return {
                **summary.to_dict(),
                "rule": run_window.rule,
                "obfuscation": [rule.to_dict() for rule in rules],
            }


def _status(value: object, place: str) -> LookupStatus:
    try:
        return LookupStatus(str(value))
    except ValueError as error:
        raise ConfigurationError(
            f"lookup_status is {value!r} in {place}; allowed are {', '.join(LookupStatus)}."
        ) from error
