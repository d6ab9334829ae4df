"""What Airflow keeps of one stream: its Variable with the state, and its directories in the staging storage.

Earlier versions kept both by the name of the stream alone, and a stream has another key once its Devo connection gets a
domain. The first stream of the name that runs takes over what there is: it claims the directories, which stay where
they are, and moves the state into its own Variable.
"""

from __future__ import annotations

import contextlib
from collections.abc import Container
from dataclasses import asdict, dataclass, replace
from typing import Generic

from airflow_provider_flashpoint.airflow_runtime.storage.staging import directory_name
from airflow_provider_flashpoint.airflow_runtime.storage.variables import (
    State,
    delete_variable,
    prefix_of,
    read_state,
    write_state,
)
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.staging.claim import claim, owner_of
from airflow_provider_flashpoint.core.staging.storage import StoragePath
from airflow_provider_flashpoint.core.state import LookupState
from airflow_provider_flashpoint.core.stream_key import StreamKey
from airflow_provider_flashpoint.errors import ConfigurationError

_LONGEST_DIRECTORY = 255

_log = logger(__name__)


@dataclass(frozen=True, kw_only=True)
class StreamStore(Generic[State]):
    """The state and the directories of one stream.

    :param kind: the class of the state.
    :param devo_conn_id: the Devo connection, by whose id the stream is kept while it has no domain.
    :param root: the root of the staging storage.
    :param take_over: take over what earlier versions kept under the name of the stream, unless another stream has.
    :param read_only: claim and move nothing, for a preview or the command line.
    """

    kind: type[State]
    key: StreamKey
    devo_conn_id: str
    root: StoragePath
    take_over: bool = True
    read_only: bool = False

    @property
    def variable(self) -> str:
        """The Airflow Variable of the state."""
        return self.key.variable(prefix_of(self.kind))

    @property
    def home(self) -> StoragePath:
        """The directory of the ledger, the lock, and whatever else is kept between runs."""
        return self.directory(self._folder)

    def directory(self, folder: str, content: str = "") -> StoragePath:
        """Return the stream's directory in ``folder``: its own, or an old one that it has claimed.

        :param content: the indicator type, for stages.
        """
        own = self.root / folder / self.key.directory(*filter(None, [content]))
        if self._unnamed == self.key and owner_of(own) not in (None, self.key):
            # The connection has lost its domain again. What was delivered before belongs to that domain.
            own = self.root / folder / self.key.directory(content, "again")
        if own.exists():
            return own
        old = (directory for _, directory in self._old(folder, content))
        return next((each for each in old if each.exists() and self._is_ours(each)), own)

    def read(self, *, move: bool = False) -> State | None:
        """Return the stored state, or the one that this stream takes over; None if there is none.

        :param move: make a state that is taken over the stream's own; for the one writer of the state, before it uses
            `home`.
        :raises: as `read_state`.
        """
        state = read_state(self.kind, self.variable)
        if state is not None:
            return state
        for variable, directory in reversed(self._old(self._folder)):
            state = read_state(self.kind, variable)
            if state is not None and self._is_ours(directory, claims=move):
                if move and self.write(state):
                    self._forget(variable)
                return state
            owner = owner_of(directory)
            if move and owner not in (None, self.key, self._unnamed):
                _log.warning("%s begins without a state: %s has taken over %s.", self.key, owner, directory)
        if move and not self.take_over:
            self._tell_what_is_left()
        return None

    def write(self, state: State) -> bool:
        """Write the state and return whether that succeeded, see `write_state`."""
        return write_state(self.variable, replace(state, **asdict(self.key)))

    def variable_in(self, stored: Container[str]) -> str:
        """Return the Variable that the next run reads the state from: one of those that are stored, or its own."""
        if self.variable not in stored:
            for variable, directory in reversed(self._old(self._folder)):
                if variable in stored and self._is_ours(directory):
                    return variable
        return self.variable

    @property
    def _folder(self) -> str:
        return "lookups" if self.kind is LookupState else "alerts"

    @property
    def _unnamed(self) -> StreamKey:
        """The key that the stream has while its Devo connection has no domain."""
        return replace(self.key, destination=self.devo_conn_id)

    def _old(self, folder: str, content: str = "") -> list[tuple[str, StoragePath]]:
        """Return the Variable and the directory of each earlier key, the oldest first."""
        prefix, name = prefix_of(self.kind), directory_name(content or self.key.name)
        found = []
        if name.strip(".") and len(name) <= _LONGEST_DIRECTORY:
            old = self.root / folder / name
            # What the stream has taken over stays its own, even if its configuration has a name now.
            if self.take_over or owner_of(old) in (self.key, self._unnamed):
                found.append((f"{prefix}{self.key.name}", old))
        if self._unnamed != self.key:
            own = self._unnamed.directory(*filter(None, [content]))
            found.append((self._unnamed.variable(prefix), self.root / folder / own))
        return found

    def _is_ours(self, directory: StoragePath, *, claims: bool = True) -> bool:
        """Return whether an old directory is this stream's. It becomes that where no other stream has claimed it."""
        owner = owner_of(directory)
        if owner == self.key or owner not in (None, self._unnamed):
            return owner == self.key
        is_free = self.read_only or not claims
        return is_free or claim(directory, self.key, replace=owner is not None) == self.key

    def _tell_what_is_left(self) -> None:
        """Log that a state of an earlier version is left, since it may be that of this stream."""
        variable = f"{prefix_of(self.kind)}{self.key.name}"
        with contextlib.suppress(ConfigurationError):  # it is unreadable, and not needed
            if read_state(self.kind, variable) is not None:
                _log.warning(
                    "%s begins without a state: only a configuration without a name takes over the state of an earlier "
                    "version in the Variable %s. If that is the state of this table, end the run, since it sends all "
                    "again, and set the checkpoint: `airflow-flashpoint state set %s --to-checkpoint TIME`.",
                    self.key,
                    variable,
                    self.variable,
                )

    def _forget(self, variable: str) -> None:
        delete_variable(variable)
        _log.warning(
            "%s has taken over the state in the Variable %s, which an earlier version wrote; it is now in %s. If it "
            "belongs to another stream, run `airflow-flashpoint state reset %s`, with --forget-sent for a table.",
            self.key,
            variable,
            self.variable,
            self.variable,
        )
