"""The lookups of a sandbox Devo by name, and the order in which their jobs change them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import time
from typing import BinaryIO

from sandbox.devo.lookups.deploy import DeployConfig, Operation, read_rows
from sandbox.devo.lookups.jobs import Job, JobPlan, Reading
from sandbox.devo.lookups.lookup import Content, Lookup, pack
from sandbox.errors import InvalidRowsError, InvalidSettingError, RefusedError

Changes = list[tuple[str, list[str] | None]]
"""Keys, each with the cells of its new row, or None if its row is deleted."""


class DevoLookups:
    """All lookups of the domain.

    :param job_polls: number of polls until a job ends; 0 ends it before the call that made it is answered.
    :param keeps_cells: False keeps only the keys of the rows.
    """

    def __init__(self, job_polls: int = 3, *, keeps_cells: bool = True) -> None:
        self._job_polls = job_polls
        self._keeps_cells = keeps_cells
        self._lock = threading.RLock()
        self._lookups: dict[str, Lookup] = {}
        self._plans: deque[JobPlan] = deque()
        self.before_look: Callable[[], None] = lambda: None
        """Brings in rows from syslog lines. Called before each look at the lookups, never with the lock held."""

    def names(self) -> list[str]:
        """Return the names of the lookups that exist, oldest first."""
        self.before_look()
        with self._lock:
            existing = [each for each in self._lookups.values() if each.exists]
            return [each.name for each in sorted(existing, key=lambda each: each.created_ms)]

    def get(self, name: str) -> Lookup | None:
        """Return the lookup ``name``, or None if it never had a job."""
        self.before_look()
        return self._lookups.get(name)

    def __getitem__(self, name: str) -> Lookup:
        self.before_look()
        return self._lookups[name]

    def __contains__(self, name: str) -> bool:
        return (lookup := self.get(name)) is not None and lookup.exists

    def all(self) -> list[Lookup]:
        """Return the lookups that ever had a job, in the order of their first jobs."""
        self.before_look()
        with self._lock:
            return list(self._lookups.values())

    def plan_jobs(self, *plans: JobPlan) -> None:
        """Script the next jobs, one plan for each."""
        with self._lock:
            self._plans.extend(plans)

    def finish_jobs(self) -> None:
        """Finish all running jobs, without polls."""
        with self._lock:
            for lookup in self._lookups.values():
                if job := lookup.running:
                    job.finish()

    def clear(self) -> None:
        """Forget all lookups, jobs and plans."""
        self.before_look()
        with self._lock:
            self._lookups.clear()
            self._plans.clear()

    def poll(self, name: str) -> None:
        """Count one poll for the running job of ``name``."""
        with self._lock:
            if (lookup := self._lookups.get(name)) and (job := lookup.running):
                job.poll()

    def check(self, name: str, operation: Operation) -> None:
        """Check that ``operation`` may begin now.

        :raises RefusedError: with the HTTP status: 409 if a job runs or the lookup to create exists, 404 if the
            lookup to change does not exist.
        """
        lookup = self._lookups.get(name)
        if lookup and lookup.running:
            raise RefusedError(f"A job of the lookup {name} is running.", status=409)
        exists = lookup is not None and lookup.exists
        if operation == "create" and exists:
            raise RefusedError(f"The lookup {name} exists.", status=409)
        if operation != "create" and not exists:
            raise RefusedError(f"There is no lookup {name}.", status=404)

    def deploy(self, name: str, operation: Operation, config: DeployConfig, upload: BinaryIO) -> Job:
        """Return the job that brings the rows of ``upload`` into the lookup, and closes the upload.

        :raises RefusedError: as ``check`` does.
        :raises InvalidSettingError: rows are added or deleted with other columns or another key.
        """
        with self._lock:
            self.check(name, operation)
            content = self._lookups[name].content if name in self._lookups else None
            if content and operation in ("append", "delete_rows"):
                _check_columns(content, config, exactly=operation == "append")
            lookup = self._lookups.setdefault(name, Lookup(name))

            def read() -> Reading:
                with upload:
                    rows = {key: self._packed(cells) for key, cells in read_rows(config, upload)}
                return Reading(len(rows), lambda: self._put(lookup, operation, config, rows))

            return self._start(lookup, operation, read)

    def load(self, name: str, *, full: bool, read: Callable[[], tuple[DeployConfig, Changes]]) -> None:
        """Bring changes from syslog lines into a lookup at once, recorded as a finished job.

        :param full: replace all other rows; otherwise the job is recorded as an append, even if it deletes rows.
        :param read: returns the columns and the changes in order; raises InvalidRowsError.
        """
        with self._lock:
            lookup = self._lookups.setdefault(name, Lookup(name))
            content = lookup.content
            operation: Operation = ("replace" if content else "create") if full else "append"

            def read_changes() -> Reading:
                config, changes = read()
                if not full and (content is None or content.columns != config.columns):
                    raise InvalidRowsError("there is no lookup with these columns")
                return Reading(len(changes), lambda: self._change(lookup, operation, config, changes))

            self._start(lookup, operation, read_changes, polls=0)

    def drop(self, name: str) -> Job:
        """Return the job that removes the lookup.

        :raises RefusedError: as ``check`` does.
        """
        with self._lock:
            self.check(name, "drop")
            lookup = self._lookups[name]

            def forget() -> None:
                lookup.content = None

            return self._start(lookup, "drop", lambda: Reading(0, forget))

    def _start(
        self, lookup: Lookup, operation: Operation, read: Callable[[], Reading], polls: int | None = None
    ) -> Job:
        plan = self._plans.popleft() if self._plans else JobPlan()
        if polls is None:
            polls = self._job_polls if plan.polls is None else plan.polls
        job = Job(operation, read, polls, plan.failure)
        lookup.jobs.append(job)
        if polls <= 0:
            job.finish()
        return job

    def _packed(self, cells: list[str]) -> bytes:
        return pack(cells if self._keeps_cells else [])

    def _put(self, lookup: Lookup, operation: Operation, config: DeployConfig, rows: dict[str, bytes]) -> None:
        with self._lock:
            lookup.updated_ms = int(time() * 1000)
            if lookup.content is None or operation in ("create", "replace"):
                lookup.created_ms = lookup.created_ms if lookup.content else lookup.updated_ms
                lookup.content = Content(config.columns, config.key, rows)
            elif operation == "append":
                lookup.content.rows.update(rows)
            else:
                for key in rows:
                    lookup.content.rows.pop(key, None)

    def _change(self, lookup: Lookup, operation: Operation, config: DeployConfig, changes: Changes) -> None:
        with self._lock:
            rows: dict[str, bytes] = {} if operation != "append" or not lookup.content else lookup.content.rows
            for key, cells in changes:
                rows.pop(key, None) if cells is None else rows.update({key: self._packed(cells)})
            self._put(lookup, operation, config, rows)


def _check_columns(content: Content, config: DeployConfig, *, exactly: bool) -> None:
    """Compare the columns of a call with those of its lookup; a deletion may omit some."""
    if config.key != content.key:
        raise InvalidSettingError(f"The lookup's key is {content.key!r}, not {config.key!r}.")
    fits = config.columns == content.columns if exactly else set(config.columns) <= set(content.columns)
    if not fits:
        raise InvalidSettingError("The columns are not those of the lookup.")
