"""The settings, the ports and the result of a sync."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from airflow_provider_flashpoint.core.devo.lookups.csv_rows import OtherColumns
from airflow_provider_flashpoint.core.devo.lookups.ports import Lookups
from airflow_provider_flashpoint.core.pipelines.deploy import Deployment, DeploymentSummary
from airflow_provider_flashpoint.core.pipelines.pull import PullPorts, PullSettings
from airflow_provider_flashpoint.core.run_window import RunWindow
from airflow_provider_flashpoint.core.secrets.obfuscate import ObfuscationRule
from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
from airflow_provider_flashpoint.core.staging.indicators.column_names import MOST_NAMES
from airflow_provider_flashpoint.core.staging.indicators.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.staging.storage import StoragePath
from airflow_provider_flashpoint.core.state import LookupState, LookupStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSettings(PullSettings):
    """Options of a sync, and of its pull if the given stage is not enough.

    :param lookup_key: the flattened name whose value is the key of the lookup.
    :param columns: the columns besides the key, or `ALL_COLUMNS`; None for the default of the endpoint.
    :param other_columns: what happens to values without a column.
    :param row_per_hash: whether a file has a row for each of its hashes.
    :param max_columns: how many columns are discovered at most, the key included.
    :param initial_status: the status of a lookup that has no state.
    :param obfuscation: the rules that a given stage must have been pulled with.
    """

    lookup_name: str
    lookup_key: str
    columns: Sequence[str] | None = None
    other_columns: OtherColumns = OtherColumns.EXTRA
    row_per_hash: bool = False
    max_columns: int = MOST_NAMES
    initial_status: LookupStatus = LookupStatus.NEW
    obfuscation: Sequence[ObfuscationRule] = ()
    run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPorts(PullPorts):
    """Everything that a sync works on, also when it pulls.

    :param ledger_of: returns the ledger of one build of the lookup.
    :param open_path: returns the path of an address in the staging storage.
    :param save_state: saves the state and returns whether that succeeded.
    """

    lookups: Lookups
    ledger_of: Callable[[str], LookupLedger]
    attempt_lock: AttemptLock
    open_path: Callable[[str], StoragePath]
    save_state: Callable[[LookupState], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """The decisions and results of a sync.

    ``status`` is the one before the deployment, ``state`` the one after. ``deployment`` is None if nothing was found to
    build the lookup from.
    """

    run_window: RunWindow
    status: LookupStatus
    state: LookupState
    deployment: Deployment | None = None
    summary: DeploymentSummary = field(default_factory=DeploymentSummary)
    rejected_uri: str = ""
