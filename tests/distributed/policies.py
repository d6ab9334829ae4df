"""What a deployment says of tasks in its ``airflow_local_settings``: where they run, and how soon they are retried."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

_QUEUES = {"PullIndicatorsOperator": "pulls", "LookupSyncOperator": "syncs"}


def task_policy(task: Any) -> None:
    """Send the two halves of an indicator's way to workers that can differ, and wait little after a failure."""
    task.queue = _QUEUES.get(task.task_type, task.queue)
    task.retry_delay = timedelta(seconds=2)
