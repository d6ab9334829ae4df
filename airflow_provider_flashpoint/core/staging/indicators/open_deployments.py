"""The deployments of a lookup whose end is not known.

::

    <directory>/<begun at>-<random>-<start>-<end of its window>-<append or build>[-answered]

A sync that dies, or gets no answer, may have given its rows to Devo. Its last request may even arrive later, after
newer syncs, and bring old values. So each sync leaves a note here before it sends anything, and removes it once its end
is known. A sync that finds notes reads their windows too, and so brings the newest values of these rows again.
Where each request was answered, none can come later: then one sync repairs it all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.devo.lookups.ports import BeforeSending
from airflow_provider_flashpoint.core.staging.folders import list_names, remove_files
from airflow_provider_flashpoint.core.staging.storage import NAME_TIME, StoragePath, new_name, time_of, write_whole
from airflow_provider_flashpoint.core.window import Window, as_utc
from airflow_provider_flashpoint.errors import DeliveryError, FlashpointProviderError, NetworkError, TransientError

LATEST_EFFECT = timedelta(hours=1)
"""How long after the begin of a deployment a request of it may take effect."""

_UNANSWERED = (NetworkError, DeliveryError)
_APPEND, _BUILD, _ANSWERED = "append", "build", "answered"


@dataclass(frozen=True, slots=True)
class OpenDeployment:
    """One note: the deployment of the rows of a window; ``builds`` if it creates or replaces the lookup."""

    name: str
    begun_at: datetime
    start: datetime
    end: datetime
    builds: bool
    is_answered: bool

    def is_over(self, now: datetime) -> bool:
        """Return whether none of its requests can take effect any more. One far ahead has a wrong clock."""
        return self.is_answered or abs(as_utc(now) - self.begun_at) > LATEST_EFFECT


class OpenDeployments:
    """The notes of one lookup.

    :param read_only: write and remove nothing, as a preview needs.
    """

    def __init__(self, directory: StoragePath, *, read_only: bool = False) -> None:
        self._directory = directory
        self._read_only = read_only

    def of_others(self, now: datetime) -> list[OpenDeployment]:
        """Return the notes. Those of each kind that are over become one, whose window is over all of theirs."""
        notes = sorted(self._notes(), key=lambda note: note.start)
        over = [[note for note in notes if note.is_over(now) and note.builds is builds] for builds in (False, True)]
        return [*(note for note in notes if not note.is_over(now)), *map(self._merged, filter(None, over))]

    @contextlib.contextmanager
    def noted(
        self, window: Window, *, builds: bool, clock: Clock, check: Callable[[], None]
    ) -> Generator[BeforeSending]:
        """Give a function to call before each request that writes. Its first call leaves the note.

        The note is removed at the end of the block, also where Devo refuses for good. It stays where a request was not
        answered, even if another attempt of it was, and is marked after any other error.

        :param window: what is deployed.
        :param check: raises if nothing more must be sent. It is called after the note is there: a newer attempt finds
            the note, or this one finds that it lost its turn.
        """
        name, is_sent, is_in_doubt = "", False, False

        def before_sending(failure: BaseException | None = None) -> None:
            nonlocal name, is_sent, is_in_doubt
            is_in_doubt = is_in_doubt or isinstance(failure, _UNANSWERED)
            name = name or self._begin(window, builds=builds, at=clock.now())
            check()
            is_sent = True

        error: BaseException | None = None
        try:
            yield before_sending
        except FlashpointProviderError as raised:
            error = raised
            raise
        except BaseException:  # the end of the process
            is_in_doubt = True
            raise
        finally:
            if not is_sent or not (is_in_doubt or isinstance(error, _UNANSWERED)):
                with contextlib.suppress(OSError):  # on a full disk it stays as it is
                    if is_sent and isinstance(error, TransientError):
                        self._mark_answered(name)
                    else:
                        self._remove(name)

    def settle(self, notes: Collection[OpenDeployment], *, rebuilt: bool, began_at: datetime) -> None:
        """Remove the notes that are over, after a sync that began at ``began_at`` has brought their rows again."""
        for note in notes:
            if note.is_over(began_at) and (rebuilt or not note.builds):
                self._remove(note.name)

    def _notes(self) -> Iterator[OpenDeployment]:
        for name in list_names(self._directory):
            with contextlib.suppress(ValueError):  # not ours
                begun_at, _, start, end, kind, *answered = name.split("-")
                yield OpenDeployment(
                    name, time_of(begun_at), time_of(start), time_of(end), kind == _BUILD, bool(answered)
                )

    def _merged(self, notes: Sequence[OpenDeployment]) -> OpenDeployment:
        """Return one note in place of several, which are sorted by their start."""
        first, end = notes[0], max(note.end for note in notes)
        if end > first.end:
            name = self._begin(Window(first.start, end), builds=first.builds, at=first.begun_at)
            if first.is_answered:
                name = self._mark_answered(name)
            kept = replace(first, name=name, end=end)
        else:
            kept = first
        for note in notes:
            if note is not kept:
                self._remove(note.name)
        return kept

    def _begin(self, window: Window, *, builds: bool, at: datetime) -> str:
        start, end = (moment.strftime(NAME_TIME) for moment in (window.start, window.end))
        name = f"{new_name(at)}-{start}-{end}-{_BUILD if builds else _APPEND}"
        self._write(name)
        return name

    def _mark_answered(self, name: str) -> str:
        marked = f"{name}-{_ANSWERED}"
        self._write(marked)
        self._remove(name)
        return marked

    def _write(self, name: str) -> None:
        if not self._read_only:
            write_whole(self._directory / name, name.encode())

    def _remove(self, name: str) -> None:
        if name and not self._read_only:
            remove_files(self._directory, [name])
