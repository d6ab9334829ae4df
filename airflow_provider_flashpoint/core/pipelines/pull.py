"""Pull indicators: read a window from a source, obfuscate, flatten, and write a stage."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.flashpoint.rows.shape import RowShape
from airflow_provider_flashpoint.core.flashpoint.source import Source
from airflow_provider_flashpoint.core.garbage import rare_collections
from airflow_provider_flashpoint.core.origin import Origin
from airflow_provider_flashpoint.core.pipelines.pull_sections import kept_pull, pages_in_sections
from airflow_provider_flashpoint.core.reporting.memory_log import MemoryLog
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.secrets.obfuscate import Obfuscator
from airflow_provider_flashpoint.core.staging.indicators.newest import RowKey
from airflow_provider_flashpoint.core.staging.indicators.sections import SectionFile, usable_since
from airflow_provider_flashpoint.core.staging.indicators.stage import Stage
from airflow_provider_flashpoint.core.staging.indicators.stage_writer import StageWriter
from airflow_provider_flashpoint.core.staging.prune import prune_stages
from airflow_provider_flashpoint.core.staging.storage import StoragePath
from airflow_provider_flashpoint.core.window import Window

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PullPorts:
    """Everything that a pull works on. ``stages`` is the directory of the stages of one indicator type."""

    source: Source
    obfuscator: Obfuscator
    stages: StoragePath
    clock: Clock = field(default_factory=Clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class PullSettings:
    """Options of a pull.

    :param stage_retention: stages of earlier pulls are removed after this time, a limited number by each pull.
    :param prune: remove them; without it the storage has a rule for that.
    :param lookup_key: the column of the lookup's key; with it the stage holds the versions of its rows.
    :param shape: how records become rows, see `Columns.shape`.
    :param origin: the API generation and the filters of the source.
    :param account: stands for the account of the source, see `FlashpointSettings.account`.
    """

    stage_retention: timedelta
    prune: bool = True
    lookup_key: str | None = None
    shape: RowShape = field(default_factory=RowShape)
    origin: Origin = field(default_factory=Origin)
    account: str = ""


@rare_collections()
def pull(window: Window, ports: PullPorts, settings: PullSettings, *, synced_at: datetime | None = None) -> Stage:
    """Read ``window`` into a stage and return it; a failure leaves no stage, and keeps the sections of a long window.

    :param synced_at: when the lookup was synced last; sections that were pulled before are not used.
    :raises: whatever the source or the staging storage raises.
    """
    pulled_at = ports.clock.now()
    key = RowKey(settings.lookup_key, ports.source.endpoint.version_fields) if settings.lookup_key else None
    hide, memory_log, records = ports.obfuscator.hide, MemoryLog(), 0
    if settings.shape.left_out:
        _log.info("Left out unless `columns` asks for them: %s.", ", ".join(settings.shape.left_out))
    file = SectionFile(ports.stages, window=window, identity=_identity(key, ports, settings))
    since = usable_since(pulled_at, retention=settings.stage_retention, synced_at=synced_at)
    kept = kept_pull(file, since=since)
    with StageWriter(ports.stages, window=window, pulled_at=pulled_at, key=key, kept=kept) as writer:
        for page in pages_in_sections(window, ports.source, writer, file):
            memory_log.look()
            records += len(page)
            hidden = (hide(record, key=settings.lookup_key) for record in page)
            writer.add(settings.shape.rows(hidden, settings.lookup_key))
        summary = writer.finish()
    ports.obfuscator.report(records)
    if settings.prune:
        prune_stages(ports.stages, before=pulled_at - settings.stage_retention, sections_before=since)
    _log.info("Staged %d indicators (%d bytes) in %s.", summary.records, summary.bytes, summary.uri)
    return Stage(writer.directory, summary, manifest=writer.manifest)


def _identity(key: RowKey | None, ports: PullPorts, settings: PullSettings) -> dict[str, Any]:
    """Return all that decides what the rows hold, in JSON's own types."""
    rules = [rule.to_dict() for rule in ports.obfuscator.counts]
    return {
        "key": asdict(key) if key else None,
        "path": ports.source.endpoint.path,
        "parameters": dict(ports.source.endpoint.fixed_parameters),
        "origin": settings.origin.to_dict(),
        "account": settings.account,
        "shape": settings.shape.to_dict(),
        "obfuscation": rules,
        "secret": ports.obfuscator.fingerprint({}) if rules else "",
    }
