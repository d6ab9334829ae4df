"""Pull Flashpoint's indicators of one type into a stage of flattened rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.airflow_runtime.run_window import conf_of
from airflow_provider_flashpoint.airflow_runtime.storage.staging import prunes, stage_retention
from airflow_provider_flashpoint.airflow_runtime.storage.stream import StreamStore
from airflow_provider_flashpoint.config.model import DEFAULT_INDICATOR_LAG, DEFAULT_REBUILD_EVERY
from airflow_provider_flashpoint.core.flashpoint.api import DataSet
from airflow_provider_flashpoint.core.run_window import Keep, LookupProgress, RunPeriod, RunWindow
from airflow_provider_flashpoint.core.state import LookupState, LookupStatus
from airflow_provider_flashpoint.errors import ConfigurationError, as_pull_error
from airflow_provider_flashpoint.operators.base import OpenSource, WindowedOperator
from airflow_provider_flashpoint.operators.task_errors import translated_errors

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.flashpoint.source import Source
    from airflow_provider_flashpoint.core.secrets.obfuscate import ObfuscationRule
    from airflow_provider_flashpoint.core.staging.storage import StoragePath
    from airflow_provider_flashpoint.hooks.devo import DevoHook


class IndicatorsOperator(WindowedOperator):
    """Base of the pull and of the sync of one indicator type, which need the same values for these parameters.

    :param indicator_type: (templated) Flashpoint's name of the type, such as ``ip-dst|port``.
    :param lookup_name: (templated) the lookup of the indicators; its state decides where reading begins.
    :param lookup_key: (templated) the flattened name whose value is the key of the lookup, such as ``value.domain``;
        by default the value of the indicator, under its name in the API generation.
    :param lookup_status: the status of a lookup that has no state: ``New`` builds it, ``Created`` adds to it.
    :param columns: the columns of the lookup besides its key, or ``all``; by default those of the API generation. The
        columns of a lookup that exists stay as they are.
    :param embed: parts that ``ignite_v2`` adds to indicators; by default all of them, an empty list for none.
    :param row_per_hash: give each file a row under each of its hashes, on ``ignite_v2``.
    :param keep: how long the lookup keeps indicators that do not change; by default for ever.
    :param rebuild_every: how often a lookup with ``keep`` is rebuilt, which removes what is older.
    :param stage_retention: how long stages are kept; by default the ``[flashpoint] stage_retention_days`` of Airflow.

    The remaining parameters are those of `WindowedOperator`.
    """

    template_fields: Sequence[str] = (
        *WindowedOperator.template_fields,
        "indicator_type",
        "lookup_name",
        "lookup_key",
    )

    def __init__(
        self,
        *,
        indicator_type: str,
        lookup_name: str,
        lookup_key: str | None = None,
        lookup_status: str = LookupStatus.NEW.value,
        columns: Sequence[str] | None = None,
        embed: Sequence[str] | None = None,
        row_per_hash: bool = False,
        keep: timedelta | None = None,
        rebuild_every: timedelta = DEFAULT_REBUILD_EVERY,
        stage_retention: timedelta | None = None,
        lag: timedelta = DEFAULT_INDICATOR_LAG,
        **kwargs: Any,
    ) -> None:
        super().__init__(lag=lag, **kwargs)
        self.indicator_type = indicator_type
        self.lookup_name = lookup_name
        self.lookup_key = lookup_key
        self.lookup_status = lookup_status
        self.columns = columns
        self.embed = embed
        self.row_per_hash = row_per_hash
        self.keep = keep
        self.rebuild_every = rebuild_every
        self.stage_retention = stage_retention

    @classmethod
    def get_serialized_fields(cls) -> frozenset[str]:
        """Return the fields of `WindowedOperator`, and what decides which gaps a run can fill."""
        return super().get_serialized_fields() | {"keep"}

    @property
    def stream(self) -> str:
        """The name of the stream: the lookup."""
        return self.lookup_name

    @property
    def lineage_names(self) -> tuple[str, str]:
        """The indicators of this type, and the lookup."""
        return f"{DataSet.INDICATORS}.{self.indicator_type}", f"lookup.{self.lookup_name}"

    def store(self, devo: DevoHook, *, read_only: bool = False) -> StreamStore[LookupState]:
        """Return the store of the lookup in the Devo of a hook, see `store_of`."""
        return self.store_of(LookupState, devo, read_only=read_only)

    def progress(self, context: Any, store: StreamStore[LookupState] | None) -> LookupProgress:
        """Return the state and the status of the lookup.

        The status is that of the run's configuration (New for a lookup that it lists under ``rebuild``, or else its
        ``lookup_status``), or else of the state, or else of the argument.

        :param store: where the state is; None if that is not known.
        """
        state = self.stored_state(store) if store else None
        initial = _status(self.lookup_status, f"task {self.task_id}")
        conf = conf_of(context)
        forced = LookupStatus.NEW if self.lookup_name in _to_rebuild(conf) else conf.get("lookup_status")
        if forced is not None:
            return LookupProgress(state, _status(forced, "the run's configuration"), forced=True)
        return LookupProgress.stored(state, initial=initial)

    def period(self, context: Any) -> RunPeriod:
        """Return the period that this run is for, see `WindowedOperator.period`, with what the lookup keeps."""
        period = super().period(context)
        if self.keep is None:
            return period
        return replace(period, keep=Keep(time=self.keep, rebuild_every=self.rebuild_every, now=datetime.now(UTC)))

    def window_of(self, context: Any, progress: LookupProgress) -> RunWindow:
        """Return the window that a run reads with this progress of the lookup."""
        return progress.window(self.period(context))

    def open_indicators(self, rules: Sequence[ObfuscationRule], **client_options: Any) -> OpenSource:
        """Return the source of the indicators of this type, see `open_source`."""
        return self.open_source(
            DataSet.INDICATORS, rules, record_type=self.indicator_type, embed=self.embed, **client_options
        )

    def lookup_key_for(self, source: Source) -> str:
        """Return the key of the lookup: that of the operator, or else that of the API generation."""
        return self.lookup_key or source.endpoint.lookup_key_of(self.indicator_type)

    def stages(self, store: StreamStore[LookupState]) -> StoragePath:
        """Return the directory of the stages of this type for this lookup."""
        return store.directory("indicators", self.indicator_type)


class PullIndicatorsOperator(IndicatorsOperator):
    """Pulls the indicators of one type in the run's window, flattens them, and stages them for a `LookupSyncOperator`.

    Returns, as XCom, ``{uri, records, bytes, sha256, window: {from, to}, pulled_at, columns, manifest, rule,
    obfuscation, shape, origin, requests}``, and never a record. A rerun writes a new stage and removes the old one of
    the same window.

    Its parameters are those of `IndicatorsOperator`.
    """

    ui_color = "#d7e8f7"

    def execute(self, context: Any) -> dict[str, Any]:
        """Stage the window and return the summary of the stage."""
        from airflow_provider_flashpoint.core.pipelines.pull import PullPorts, PullSettings, pull
        from airflow_provider_flashpoint.hooks.devo import DevoHook

        with translated_errors(lambda error: as_pull_error(error, "fetch_indicators")), self.until_killed():
            self.log.info("pre_pull started.")
            rules = self.rules(DataSet.INDICATORS)
            store = self.store(DevoHook(self.devo_conn_id))
            progress = self.progress(context, store)
            opened = self.open_indicators(rules)
            progress.check_origin(opened.origin, lookup=self.lookup_name)
            run_window = self.window_of(context, progress)
            self.log.info("Window %s.", run_window)
            self.log_begin(context)
            ports = PullPorts(source=opened.source, obfuscator=opened.obfuscator, stages=self.stages(store))
            lookup_key = self.lookup_key_for(opened.source)
            shape = opened.source.endpoint.columns.shape(
                key=lookup_key, wanted=self.columns, existing=progress.columns, row_per_hash=self.row_per_hash
            )
            settings = PullSettings(
                lookup_key=lookup_key,
                shape=shape,
                stage_retention=self.stage_retention or stage_retention(),
                prune=prunes(),
                origin=opened.origin,
                account=opened.account,
            )
            synced_at = progress.state.updated_at if progress.state else None
            stage = pull(run_window.window, ports, settings, synced_at=synced_at)
            summary = {
                **stage.summary.to_dict(),
                "rule": run_window.rule,
                "obfuscation": [rule.to_dict() for rule in rules],
                "shape": shape.to_dict(),
                "origin": opened.origin.to_dict(),
                **opened.request_counts(),
            }
            self.publish(context, summary, opened.source)
            return summary


def _to_rebuild(conf: Mapping[str, Any]) -> Sequence[str]:
    """Return the lookups that a run's configuration tells to rebuild."""
    names = conf.get("rebuild") or ()
    if not isinstance(names, (list, tuple)):
        raise ConfigurationError(
            f"rebuild is {names!r} in the run's configuration; give a list of lookups, such as "
            '["Threatintel_Flashpoint_Intelligence_Domain"].'
        )
    return names


def _status(value: object, place: str) -> LookupStatus:
    try:
        return LookupStatus(str(value))
    except ValueError as error:
        raise ConfigurationError(
            f"lookup_status is {value!r} in {place}; allowed are {', '.join(LookupStatus)}."
        ) from error
