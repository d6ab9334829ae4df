"""Removes old stages and rejected records: a limited number in each run, so that no run depends on the history.

They are kept by the time when they were written, so a run looks at the oldest only. The event ledger is kept by the
time of the events, and prunes itself.
"""

from __future__ import annotations

import itertools
import random
from datetime import datetime

from airflow_provider_flashpoint.core.staging.folders import (
    list_files,
    list_names,
    remove_files,
    remove_if_empty,
    remove_tree,
)
from airflow_provider_flashpoint.core.staging.indicators.sections import FOLDER, prune_sections
from airflow_provider_flashpoint.core.staging.storage import NAME_TIME, StoragePath
from airflow_provider_flashpoint.core.window import as_utc

_MOST_FOLDERS = 4
_MOST_FILES = 1000  # of rejected records of earlier versions


def prune_stages(directory: StoragePath, *, before: datetime, sections_before: datetime | None = None) -> int:
    """Remove stages that were pulled in hours before an instant, finished or not; return the number of folders.

    :param sections_before: no attempt goes on with sections that were pulled before this time, see `prune_sections`.
    """
    limit = as_utc(before).strftime(NAME_TIME)
    found = list_names(directory)
    if FOLDER in found:
        prune_sections(directory, before=sections_before or before)
    names = [name for name in found if name < limit]
    days = [name for name in names if "_" not in name][:_MOST_FOLDERS]
    hours = ((day, hour) for day in days for hour in list_names(directory / day) if f"{day}T{hour}" < limit[:11])
    removed = _prune_windows(directory, [name for name in names if "_" in name], limit)
    for day, hour in itertools.islice(hours, _MOST_FOLDERS):
        remove_tree(directory / day / hour)
        removed += 1
    for day in days:
        remove_if_empty(directory / day)
    return removed


def prune_rejected(directory: StoragePath, *, before: datetime) -> None:
    """Remove rejected records of days before an instant."""
    old = [name for name in list_names(directory) if name < f"{as_utc(before):%Y%m%d}"]
    remove_files(directory, [name for name in old if name.endswith(".jsonl")][:_MOST_FILES])
    for day in [name for name in old if not name.endswith(".jsonl")][:_MOST_FOLDERS]:
        remove_tree(directory / day)


def _prune_windows(directory: StoragePath, windows: list[str], limit: str) -> int:
    """Prune folders of earlier versions, named by the window. Any may be old: their order is not that of the pulls."""
    removed = 0
    for window in random.sample(windows, min(len(windows), _MOST_FOLDERS)):
        old = [file for file in list_files(directory / window) if file < limit]
        remove_files(directory / window, old)
        remove_if_empty(directory / window)
        removed += bool(old)
    return removed
