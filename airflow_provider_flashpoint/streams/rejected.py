"""The rejected records that a stream keeps, the newest first."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.core.secrets.foreign_text import safe_to_show
from airflow_provider_flashpoint.core.secrets.known import masked
from airflow_provider_flashpoint.core.staging.folders import list_names
from airflow_provider_flashpoint.core.staging.storage import StoragePath, time_of, uri_of
from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.streams.readiness.findings import reason_of

if TYPE_CHECKING:
    from airflow_provider_flashpoint.streams.deployed import DeployedStream

_MOST_FOLDERS = 300  # that are listed; the stages of a day have one each
_MOST_CHARACTERS = 4000  # of a record
_SUFFIX = ".jsonl"
_OF_STAGES = (".json", ".gz", ".keys")  # the files of stages


def rejected_records(found: DeployedStream, *, limit: int = 20) -> dict[str, Any]:
    """Return the newest rejected records, as they were after obfuscation, in JSON's own types.

    Shape: ``records``, each ``{at, reason, record}`` with the record as a text; ``more``, whether there may be others;
    ``place``, where they are; ``problem``, why they cannot be read, or None.
    """
    store, problem = found.stream.store, found.stream.problem or None
    records: list[dict[str, Any]] = []
    place = ""
    if store is not None:
        try:
            folder = store.directory("indicators", str(found.stream.content)) if found.stream.is_lookup else store.home
            folder = folder if found.stream.is_lookup else folder / "dead_letters"
            place = uri_of(folder)
            if not store.root.exists():
                problem = f"The staging storage {uri_of(store.root)} is not on this machine, which serves Airflow's UI."
            records = list(itertools.islice(_records(folder), limit + 1))
        except Exception as error:  # what a storage raises is not limited
            problem = f"The rejected records in {place} cannot be read: {reason_of(error)}"
    return {"records": records[:limit], "more": len(records) > limit, "place": place, "problem": problem}


def _records(folder: StoragePath) -> Iterator[dict[str, Any]]:
    for file in itertools.islice(_files(folder, iter(range(_MOST_FOLDERS))), _MOST_FOLDERS):
        with file.open("rb") as lines:
            for line in lines:
                found = json.loads(line)
                record = masked(json.dumps(found.get("record", found.get("fields")), indent=2, ensure_ascii=False))
                yield {
                    "at": _time_of(file),
                    "reason": safe_to_show(str(found.get("reason"))),
                    "record": record if len(record) <= _MOST_CHARACTERS else f"{record[:_MOST_CHARACTERS]}…",
                }


def _files(folder: StoragePath, budget: Iterator[int]) -> Iterator[StoragePath]:
    """Yield the files of rejected records below a folder, those with the latest names first."""
    if next(budget, None) is None:
        return
    for name in reversed(list_names(folder)):
        if name.endswith(_SUFFIX):
            yield folder / name
        elif not name.endswith(_OF_STAGES):  # a folder: by day, hour, window or time
            yield from _files(folder / name, budget)


def _time_of(file: StoragePath) -> str | None:
    for name in (file.name, file.parent.name):
        try:
            return format_instant(time_of(name))
        except ValueError:
            continue
    return None
