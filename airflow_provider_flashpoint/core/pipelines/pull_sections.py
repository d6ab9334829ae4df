"""Reads the window of a pull in sections, and goes on where an earlier attempt stopped.

A section ends where the source says that it is complete, once it holds some pages. So a short window has none, and a
long one costs a few files more.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from airflow_provider_flashpoint.core.flashpoint.page import Page
from airflow_provider_flashpoint.core.flashpoint.source import Source, share_read
from airflow_provider_flashpoint.core.reporting.progress_log import ProgressLog
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.staging.indicators.sections import KeptPull, SectionFile
from airflow_provider_flashpoint.core.staging.indicators.stage_writer import StageWriter
from airflow_provider_flashpoint.core.window import Window, format_instant
from airflow_provider_flashpoint.errors import MalformedPageError, MissingRecordsError

_PAGES = 4  # of a section, at least
_SECTIONS = 20  # a section holds at least this part of the rows so far, so that their number stays small

_log = logger(__name__)


def kept_pull(file: SectionFile, *, since: datetime) -> KeptPull | None:
    """Return the sections that an attempt goes on with, None if it reads all of its window."""
    kept = file.read(since=since)
    if kept:
        _log.info(
            "Goes on with an earlier attempt, from %s: %d indicators are staged up to %s, %.0f %% of the window.",
            format_instant(kept.pulled_at),
            kept.records,
            format_instant(kept.complete_to),
            100 * kept.share,
        )
    return kept


def pages_in_sections(window: Window, source: Source, writer: StageWriter, file: SectionFile) -> Iterator[Page]:
    """Yield the pages of the window that the sections of ``writer`` lack; the caller adds the rows of each to it.

    :raises: whatever the source or the staging storage raises.
    """
    complete_to = begun = writer.sections[-1].end if writer.sections else window.start
    latest = min(window.end, writer.pulled_at)  # a window may end in the future, of which nothing was read
    least = _PAGES * source.endpoint.page_size
    done, read = window.share_before(begun), 0
    log = ProgressLog("Staged {} rows so far", done=writer.sealed, share=done)
    try:
        for page in source.pages(Window(begun, window.end)) if begun < window.end else ():
            reached = min(source.complete_to or complete_to, latest)
            if writer.unsealed >= max(least, writer.sealed // _SECTIONS) and reached > complete_to:
                complete_to = reached
                _seal(writer, file, complete_to)
            log.look(writer.sealed + writer.unsealed, done + (1 - done) * share_read(source, window, read))
            read += len(page)
            yield page
    except (MissingRecordsError, MalformedPageError):  # too few records, or another order than expected
        file.remove()  # nobody knows which section lacks some
        raise
    if writer.sections and complete_to < latest:
        _seal(writer, file, latest)


def _seal(writer: StageWriter, file: SectionFile, end: datetime) -> None:
    writer.seal(end)
    file.write(writer.place, writer.sections)
