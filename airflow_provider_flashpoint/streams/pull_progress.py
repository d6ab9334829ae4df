"""Progress of a pull that is not synced yet: it is running, or ended early and the next attempt continues it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.core.staging.indicators.sections import newest_kept_pull, usable_since
from airflow_provider_flashpoint.core.state import EventState, LookupState
from airflow_provider_flashpoint.core.window import format_instant

if TYPE_CHECKING:
    from airflow_provider_flashpoint.streams.catalog import Stream


def pull_progress_of(stream: Stream, state: LookupState | EventState | None, now: datetime) -> dict[str, Any] | None:
    """Return the progress of the newest long pull since the last sync, in JSON's own types; None if there is none.

    Shape: ``window, complete_to, share, records, begun_at``; ``share`` is that of the window, from 0 to 1.
    """
    if stream.content is None or stream.store is None or not stream.is_lookup:
        return None
    try:
        kept = newest_kept_pull(stream.store.directory("indicators", stream.content))
    except Exception:  # what a storage raises is not limited; `airflow-flashpoint check` says what is wrong with it
        return None
    if kept is None or kept.pulled_at < usable_since(now, synced_at=state.updated_at if state else None):
        return None
    return {
        "window": kept.window.to_dict(),
        "complete_to": format_instant(kept.complete_to),
        "share": round(kept.share, 4),
        "records": kept.records,
        "begun_at": format_instant(kept.pulled_at),
    }
