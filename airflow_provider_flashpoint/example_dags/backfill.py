"""A backfill by hand: the alerts of some days, one day after the other, whatever the schedule of other DAGs.

Trigger it with the first and the last day. Each day is a mapped task, so a failed day is repeated alone. Days that
were delivered before send nothing again. Pause the DAG that fills this table regularly meanwhile: a table has one
writer.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param, get_current_context, task

from airflow_provider_flashpoint.operators import PullAlertsOperator

with DAG(
    "example_backfill",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["flashpoint"],
    params={
        "first_day": Param("2026-01-01", type="string", format="date", title="First day (UTC)"),
        "last_day": Param("2026-01-07", type="string", format="date", title="Last day (UTC)"),
    },
):

    @task
    def days() -> list[dict[str, str]]:
        params = get_current_context()["params"]
        first, last = (date.fromisoformat(params[name]) for name in ("first_day", "last_day"))
        found = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        return [{"start": f"{day}T00:00:00Z", "end": f"{day + timedelta(days=1)}T00:00:00Z"} for day in found]

    PullAlertsOperator.partial(task_id="pull_day", max_active_tis_per_dag=1, retries=3).expand_kwargs(days())
