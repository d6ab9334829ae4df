"""Decides whether a sync uses the stage that a pull wrote for it, or pulls the window again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow_provider_flashpoint.core.flashpoint.rows.shape import RowShape
from airflow_provider_flashpoint.core.pipelines.sync_ports import SyncPorts, SyncSettings
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.staging.indicators.stage import Stage, StageSummary
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import ConfigurationError, StageError

_log = logger(__name__)


def usable_stage(
    given: Mapping[str, Any] | None,
    needed: Window,
    ports: SyncPorts,
    settings: SyncSettings,
    *,
    synced_at: datetime | None,
) -> Stage | None:
    """Return the given stage, or None with the reason in the log if the window must be pulled again.

    :param given: what `PullIndicatorsOperator` returned, None if there is no stage. Earlier versions wrote fewer keys.
    :param needed: the window that the sync reads.
    :param synced_at: the time of the last sync, None if there was none.
    """
    if not given:
        return None
    try:
        summary = StageSummary.from_dict(given)
        stage = Stage(ports.open_path(summary.uri), summary)
    except (StageError, ConfigurationError) as error:  # the address in an XCom may be damaged too
        _log.warning("%s The window is pulled again.", error)
        return None
    staged = summary.window
    if [rule.to_dict() for rule in settings.obfuscation] != given.get("obfuscation", []):
        _log.info("The stage was pulled with other obfuscation rules; the window is pulled again.")
    elif given.get("origin") not in (None, settings.origin.to_dict()):
        _log.info("The stage was pulled with another API generation or other filters; the window is pulled again.")
    elif given.get("shape", RowShape().to_dict()) != settings.shape.to_dict():
        _log.info("The stage was pulled for other columns; the window is pulled again.")
    elif synced_at is not None and summary.pulled_at < synced_at:
        _log.info("The lookup was synced after the stage was pulled; the window is pulled again.")
    elif not (staged.start <= needed.start and needed.end <= staged.end):
        _log.info("The stage holds %s, but %s is needed; it is pulled again.", staged, needed)
    else:
        return stage
    return None
