"""Sections: what a long pull has read of its window, kept so that the next attempt reads only the rest.

::

    <directory of the stages>/sections/<digest>.json

The file names the unfinished stage, and for each section its end and its parts. Its own name is a digest of the start
of the window and of all that decides the rows, so an attempt for the same rows finds it in one request.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.staging.folders import list_names, remove_files, remove_if_empty
from airflow_provider_flashpoint.core.staging.indicators.stage_part import Part
from airflow_provider_flashpoint.core.staging.storage import StoragePath, read_whole, uri_of, write_whole
from airflow_provider_flashpoint.core.window import Window, format_instant
from airflow_provider_flashpoint.errors import FlashpointProviderError

FOLDER = "sections"
_LONGEST_KEPT = timedelta(hours=24)
_VERSION = 1
_MOST_FILES = 4  # that are looked at in one run
_UNREADABLE = (OSError, ValueError, FlashpointProviderError)

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A finished part of a window. All records before ``end`` are in it and in the sections before it.

    :param pulled_at: when the attempt began that read it; its rows are at least as new.
    :param names: how many rows have each flattened name.
    """

    end: datetime
    pulled_at: datetime
    parts: tuple[Part, ...]
    names: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPull:
    """The sections of a pull, in order. ``stage`` is its directory, relative to that of all stages."""

    identity: dict[str, Any]
    window: Window
    stage: str
    sections: tuple[Section, ...]

    @property
    def complete_to(self) -> datetime:
        """The time before which all records are in the sections."""
        return self.sections[-1].end

    @property
    def pulled_at(self) -> datetime:
        """When the oldest section was pulled."""
        return self.sections[0].pulled_at

    @property
    def records(self) -> int:
        """The number of rows."""
        return sum(part.records for section in self.sections for part in section.parts)

    @property
    def share(self) -> float:
        """The share of the window that is done, from 0 to 1."""
        return self.window.share_before(self.complete_to)


def usable_since(at: datetime, *, synced_at: datetime | None, retention: timedelta = _LONGEST_KEPT) -> datetime:
    """Return the time since which sections must have been pulled, for an attempt that begins ``at`` to use them.

    They are at most a day old, and newer than the last sync: older ones could bring old values into the lookup. What
    changed after the pull of the oldest section is read by the next run, whose window begins there.

    :param synced_at: the time of the last sync, None if there was none.
    :param retention: how long stages are kept.
    """
    since = at - min(retention, _LONGEST_KEPT)
    return since if synced_at is None else max(since, synced_at)


class SectionFile:
    """The file about the sections of one pull.

    :param stages: the directory of the stages of one indicator type.
    :param identity: all that decides what the rows hold, in JSON's own types: what is read, and how it is changed.
    """

    def __init__(self, stages: StoragePath, *, window: Window, identity: Mapping[str, Any]) -> None:
        self._window = window
        text = codec.encode({"version": _VERSION, "from": format_instant(window.start), **identity})
        self._identity: dict[str, Any] = codec.decode(text)  # as a file has it
        self._stages = stages
        self._path = stages / FOLDER / f"{hashlib.sha256(text).hexdigest()[:32]}.json"

    def read(self, *, since: datetime) -> KeptPull | None:
        """Return the sections in the window, without a damaged one and all after it; None if there are none.

        All files of the sections are read, so that damage is found now and not at the end of the pull.

        :param since: return None if the oldest section was pulled before this time.
        """
        try:
            kept = _read(self._path)
        except FileNotFoundError:
            return None
        except _UNREADABLE as error:
            _log.warning("%s cannot be read (%s); the window is read from its start.", uri_of(self._path), error)
            return None
        if kept.identity != self._identity or kept.pulled_at < since:
            return None
        usable: list[Section] = []
        for section in kept.sections:
            if section.end > self._window.end:
                break
            if not all(part.is_whole(self._stages / kept.stage) for part in section.parts):
                _log.warning(
                    "A part of %s is missing or damaged; it is pulled again.", uri_of(self._stages / kept.stage)
                )
                break
            usable.append(section)
        return self._kept(kept.stage, usable) if usable else None

    def write(self, stage: str, sections: list[Section]) -> None:
        """Keep the sections of a stage."""
        write_whole(self._path, codec.encode(msgspec.to_builtins(self._kept(stage, sections))))

    def remove(self) -> None:
        """Forget the sections; their files remain until they are old."""
        remove_files(self._path.parent, [self._path.name])

    def _kept(self, stage: str, sections: list[Section]) -> KeptPull:
        return KeptPull(identity=self._identity, window=self._window, stage=stage, sections=tuple(sections))


def newest_kept_pull(stages: StoragePath) -> KeptPull | None:
    """Return the kept pull of a directory that has advanced last, None if there is none."""
    found = []
    for name in list_names(stages / FOLDER):
        try:
            found.append(_read(stages / FOLDER / name))
        except _UNREADABLE:
            continue
    return max(found, key=lambda kept: kept.sections[-1].pulled_at, default=None)


def prune_sections(stages: StoragePath, *, before: datetime) -> None:
    """Remove files about sections that were pulled before an instant, and those that cannot be read.

    Any may be old, since their order is not that of the pulls.
    """
    names = list_names(stages / FOLDER)
    old = []
    for name in random.sample(names, min(len(names), _MOST_FILES)):
        try:
            if _read(stages / FOLDER / name).pulled_at < before:
                old.append(name)
        except _UNREADABLE:
            old.append(name)
    remove_files(stages / FOLDER, old)
    remove_if_empty(stages / FOLDER)


def _read(path: StoragePath) -> KeptPull:
    kept = msgspec.convert(codec.decode(read_whole(path)), KeptPull)
    if not kept.sections:
        raise ValueError("it has no section")
    return kept
