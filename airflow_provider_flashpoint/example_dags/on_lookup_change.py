"""Scheduled on the asset: a DAG that runs after each successful sync of a lookup, and skips its task if none sent rows.

The shipped DAGs have an asset for each lookup and each table. A task of your own DAG has one if its `outlets` name it,
as in `many_lookups.py`. The event holds the window, the counts and the checkpoint of the run.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowSkipException, task

from airflow_provider_flashpoint.assets import lookup_asset

log = logging.getLogger(__name__)
ADDRESSES = lookup_asset("Flashpoint_Addresses")

with DAG(
    "example_on_lookup_change",
    schedule=[ADDRESSES],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
):

    @task(inlets=[ADDRESSES])
    def hunt(
        *, triggering_asset_events: Any = None, triggering_dataset_events: Any = None, inlet_events: Any = None
    ) -> None:
        triggers = triggering_asset_events or triggering_dataset_events or {}  # Airflow 3, Airflow 2
        events = [event for found in triggers.values() for event in found]
        if not events:  # started by hand
            events = [inlet_events[ADDRESSES][-1]]
        changes = [event.extra for event in events if event.extra["rows_sent"]]
        if not changes:
            raise AirflowSkipException("The lookup has no new rows.")
        for change in changes:
            log.info("Look for the %(rows_sent)s addresses of %(lookup)s that changed since %(from)s.", change)

    hunt()
