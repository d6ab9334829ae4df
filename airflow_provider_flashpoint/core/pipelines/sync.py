"""Sync a lookup: decide what to do, find or pull a stage, deploy it, and save the state.

The order of effects: the ledger is written after Devo accepted the rows, the state after the ledger.

A preview runs this pipeline with other ports: a source with a limit, lookups that keep the rows, a ledger with
``read_only=True``, a temporary directory, and a ``save_state`` that saves nothing.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
from airflow_provider_flashpoint.core.flashpoint.rows.shape import RowShape
from airflow_provider_flashpoint.core.pipelines.deploy import Deployment, DeploymentSummary, columns_of, deploy_stage
from airflow_provider_flashpoint.core.pipelines.given_stage import usable_stage
from airflow_provider_flashpoint.core.pipelines.pull import pull
from airflow_provider_flashpoint.core.pipelines.sync_ports import SyncPorts, SyncResult, SyncSettings
from airflow_provider_flashpoint.core.reporting.sentences import lookup_sentences
from airflow_provider_flashpoint.core.run_window import LookupProgress, RunPeriod, RunWindow
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.staging.indicators.newest import RowKey
from airflow_provider_flashpoint.core.staging.indicators.open_deployments import OpenDeployment
from airflow_provider_flashpoint.core.staging.indicators.stage import Stage
from airflow_provider_flashpoint.core.staging.storage import uri_of
from airflow_provider_flashpoint.core.state import Delivered, LookupState, LookupStatus
from airflow_provider_flashpoint.errors import ConfigurationError, StageError, TransientError

_ADOPTED = "adopted"  # the build of a ledger that may lack rows of its lookup

_log = logger(__name__)


def sync(
    given: Mapping[str, Any] | None,
    progress: LookupProgress,
    period: RunPeriod,
    ports: SyncPorts,
    settings: SyncSettings,
) -> SyncResult:
    """Bring the window of ``period`` into the lookup and save its state.

    :param given: the dictionary of the stage that a pull wrote for this run; None to pull.
    :param progress: the stored state of the lookup, and the status that this run uses.
    :raises ConfigurationError: the lookup_key is not a column, or not the key that the lookup was built with, or the
        lookup has rows of another origin.
    :raises SupersededError: another attempt has started.
    """
    return _Sync(progress, period, ports, settings).run(given)


class _Sync:
    """One run of the pipeline."""

    def __init__(self, progress: LookupProgress, period: RunPeriod, ports: SyncPorts, settings: SyncSettings) -> None:
        self._progress = progress.for_run(period)
        self._state = progress.state or LookupState(status=settings.initial_status)
        self._period = period
        self._settings = settings
        self._ports = ports
        self._ledger_of = functools.cache(ports.ledger_of)

    def run(self, given: Mapping[str, Any] | None) -> SyncResult:
        name = self._settings.lookup_name
        exists = self._ports.lookups.exists(name)
        if self._progress.goes_on and exists is False:
            _log.warning("Lookup %s is no longer in Devo; it is rebuilt.", name)
            self._progress = replace(self._progress, status=LookupStatus.NEW, renews=False)
        self._progress.check_origin(self._settings.origin, lookup=name)
        began_at = self._ports.clock.now()
        open_deployments = self._ledger_of(self._state.generation).open_deployments
        notes = open_deployments.of_others(began_at)
        run_window = self._window(notes)
        self._settings = replace(self._settings, shape=self._shape())
        synced_at = self._state.updated_at
        given_stage = usable_stage(given, run_window.window, self._ports, self._settings, synced_at=synced_at)
        stage = given_stage or self._pull(run_window)
        if self._progress.status is LookupStatus.NEW and not stage.summary.records:
            return self._without_rows(stage, run_window, notes)
        try:
            deployment, summary = self._deploy(stage, run_window, exists=exists)
        except StageError as error:  # a damaged part shows only when it is read
            if stage is not given_stage:
                raise
            _log.warning("%s", error)
            stage = self._pull(run_window)
            deployment, summary = self._deploy(stage, run_window, exists=exists)
        result = SyncResult(
            run_window=run_window,
            status=self._progress.status,
            state=self._state_after(stage, deployment, run_window, summary),
            deployment=deployment,
            summary=summary,
            rejected_uri=uri_of(stage.rejected_rows),
        )
        open_deployments.settle(notes, rebuilt=deployment.builds, began_at=began_at)
        if self._ports.save_state(result.state):
            self._ledger_of(deployment.build).forget_other_builds()
        _log.info("%s", lookup_sentences(name, summary))
        return result

    def _without_rows(self, stage: Stage, run_window: RunWindow, notes: Sequence[OpenDeployment]) -> SyncResult:
        """Return the result of a build that found nothing. Devo documents no empty lookup, so none is built."""
        name, state = self._settings.lookup_name, self._progress.state or LookupState()
        is_whole = self._state.status is LookupStatus.CREATED and not any(note.builds for note in notes)
        if self._progress.renews and is_whole:
            _log.warning("Nothing changed in %s, so lookup %s keeps its rows.", run_window.window, name)
            state = self._state.after_sync(self._delivered(stage, run_window), rebuilt=False)
        else:
            _log.info("Nothing was found in %s; lookup %s is not built yet.", run_window.window, name)
            if not run_window.explicit:  # the next run that finds something rebuilds
                state = self._as_new(state)
        if state not in (self._progress.state, LookupState()):
            self._ports.attempt_lock.check()
            self._ports.save_state(state)
        return SyncResult(run_window=run_window, status=self._progress.status, state=state)

    def _window(self, notes: Sequence[OpenDeployment]) -> RunWindow:
        """Return the window to read, up to the checkpoint if old values could otherwise replace newer ones.

        :param notes: deployments whose end is not known. This sync brings their rows again.
        """
        if any(note.builds for note in notes) and not self._period.explicit:
            self._progress = replace(self._progress, status=LookupStatus.NEW, renews=self._progress.goes_on)
        run_window = self._progress.window(self._period)
        if self._progress.status is LookupStatus.CREATED:
            for note in notes:
                run_window = run_window.over(note.start, max(note.end, self._progress.checkpoint or note.end))
        if notes:
            _log.warning(
                "Lookup %s: %d deployments did not end, and may have changed it or change it later. It is %s.",
                self._settings.lookup_name,
                len(notes),
                "rebuilt" if self._progress.status is LookupStatus.NEW else "given their rows again",
            )
        longer = run_window.up_to(self._progress.checkpoint)
        if self._progress.status is LookupStatus.CREATED and longer != run_window and self._known_build() == _ADOPTED:
            _log.info("The ledger may be incomplete for this lookup: the window is read up to the checkpoint.")
            run_window = longer
        _log.info("Window %s.", run_window)
        return run_window

    def _pull(self, run_window: RunWindow) -> Stage:
        return pull(run_window.window, self._ports, self._settings, synced_at=self._state.updated_at)

    def _deployment(self, stage: Stage, run_window: RunWindow, *, exists: bool | None) -> Deployment:
        settings, state = self._settings, self._state
        if self._progress.goes_on and state.key and state.key != settings.lookup_key:
            raise ConfigurationError(
                f"lookup_key is {settings.lookup_key!r}, but lookup {settings.lookup_name} was built with "
                f"{state.key!r}. To change the key, rebuild the lookup: trigger the DAG with "
                f'{{"rebuild": ["{settings.lookup_name}"]}}.'
            )
        is_old = False
        if self._progress.status is LookupStatus.NEW:
            build = f"{self._ports.clock.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
            operation = Operation.REPLACE if exists else Operation.CREATE
        else:
            build, operation = self._known_build(), Operation.APPEND
            is_old = not _is_newest(run_window, state)
        key = RowKey(settings.lookup_key, self._ports.source.endpoint.version_fields)
        return Deployment(
            lookup=settings.lookup_name,
            build=build,
            key=key,
            columns=self._progress.columns or self._columns_of(stage, key),
            operation=operation,
            other_columns=settings.other_columns,
            consult_whole_ledger=is_old,
        )

    def _shape(self) -> RowShape:
        settings, columns = self._settings, self._ports.source.endpoint.columns
        return columns.shape(
            key=settings.lookup_key,
            wanted=settings.columns,
            existing=self._progress.columns,
            row_per_hash=settings.row_per_hash,
        )

    def _columns_of(self, stage: Stage, key: RowKey) -> tuple[str, ...]:
        settings, columns = self._settings, self._ports.source.endpoint.columns
        return columns_of(stage, key=key, wanted=settings.columns, limit=settings.max_columns, columns=columns)

    def _deploy(
        self, stage: Stage, run_window: RunWindow, *, exists: bool | None
    ) -> tuple[Deployment, DeploymentSummary]:
        ports, deployment = self._ports, self._deployment(stage, run_window, exists=exists)
        if deployment.builds and self._as_new(self._state) != self._state:
            ports.attempt_lock.check()
            # After half a rebuild the next run must rebuild, not add.
            if not ports.save_state(self._as_new(self._state)):
                raise TransientError(
                    f"Lookup {deployment.lookup} is not rebuilt: its state cannot be written. Run the task again once "
                    "Airflow's database answers."
                )
        summary = deploy_stage(
            stage,
            deployment,
            lookups=ports.lookups,
            ledger=self._ledger_of(deployment.build),
            clock=ports.clock,
            check_turn=ports.attempt_lock.check,
        )
        return deployment, summary

    def _as_new(self, state: LookupState) -> LookupState:
        """Return the state with which the next run repeats this build: a renewal stays one."""
        return replace(state, status=LookupStatus.NEW, renews=self._progress.renews)

    def _state_after(
        self, stage: Stage, deployment: Deployment, run_window: RunWindow, summary: DeploymentSummary
    ) -> LookupState:
        delivered = self._delivered(stage, run_window)
        return replace(
            self._state.after_sync(delivered, rebuilt=deployment.builds),
            columns=deployment.columns,
            key=deployment.key.column,
            generation=deployment.build,
            rows_sent=summary.rows_sent,
        )

    def _delivered(self, stage: Stage, run_window: RunWindow) -> Delivered:
        builds = self._progress.status is LookupStatus.NEW
        complete_from = self._period.begin if builds else self._period.goes_on_from(self._state.to_checkpoint_time)
        return Delivered(
            window=run_window.covered,
            leaves_no_gap=run_window.leaves_no_gap(complete_from),
            pulled_at=stage.summary.pulled_at,
            at=self._ports.clock.now(),
            run_id=self._settings.run_id,
            origin=self._settings.origin,
        )

    def _known_build(self) -> str:
        """Return the build of the lookup; another one if it was built elsewhere, or its ledger is gone."""
        build = self._state.generation
        return build if build and not self._ledger_of(build).is_empty() else _ADOPTED


def _is_newest(run_window: RunWindow, state: LookupState) -> bool:
    """Return whether the window ends as late as everything that was delivered, so that its rows are the newest."""
    ends = [moment for moment in (state.to_checkpoint_time, state.delivered_to_time) if moment]
    return not run_window.explicit and bool(ends) and run_window.window.end >= max(ends)
