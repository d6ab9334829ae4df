"""Scheduled on the asset: a DAG that runs after each successful sync of a lookup, also if the sync sent no rows
(`rows_sent` is 0).

The shipped DAGs have an asset for each lookup and each table. A task of your own DAG has one if its `outlets` name it,
as in `many_lookups.py`. The event holds the window, the counts and the checkpoint of the run.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

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
    def hunt(*, inlet_events: Any = None) -> None:
        newest = inlet_events[ADDRESSES][-1].extra
        log.info("Look for the %(rows_sent)s addresses of %(lookup)s that changed since %(from)s.", newest)

    hunt()
