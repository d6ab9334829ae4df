"""Assets (on Airflow 2.11: datasets) for the lookups and tables in Devo, to schedule DAGs on.

::

    from airflow_provider_flashpoint.assets import lookup_asset

    with DAG("hunt", schedule=[lookup_asset("Threatintel_Flashpoint_Intelligence_Domain")]):
        ...

The tasks of the shipped DAGs have them as outlets. A task of your own DAG has one if you name it:
``LookupSyncOperator(..., outlets=[lookup_asset("My_Lookup")])``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import Asset

from airflow_provider_flashpoint.config.model import DEFAULT_DEVO_CONN_ID, DEFAULT_TAG

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["lookup_asset", "table_asset"]


def lookup_asset(lookup_name: str, devo_conn_id: str = DEFAULT_DEVO_CONN_ID) -> Asset:
    """Return the asset of a lookup in the Devo of a connection."""
    return _asset("lookup", lookup_name, devo_conn_id)


def table_asset(tag: str = DEFAULT_TAG, devo_conn_id: str = DEFAULT_DEVO_CONN_ID) -> Asset:
    """Return the asset of an event table in the Devo of a connection."""
    return _asset("table", tag, devo_conn_id)


def describe_events(outlets: Iterable[Any], context: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
    """Give the events of a task's outlets its summary: the window as ``from`` and ``to``, counts, checksum, checkpoint.

    Airflow creates the events once the task has succeeded.
    """
    events = context.get("outlet_events")
    if events is None:  # outside of a run
        return
    counts = {name: value for name, value in summary.items() if value is None or isinstance(value, (str, int))}
    for outlet in outlets:
        if isinstance(outlet, Asset):
            events[outlet].extra = {**summary["window"], **counts}


def _asset(kind: str, name: str, devo_conn_id: str) -> Asset:
    # Of a scheme that begins with x- Airflow asks no provider, which would take time in each parse of a DAG.
    return Asset(f"x-devo://{quote(devo_conn_id, safe='')}/{kind}/{quote(name, safe='')}")
