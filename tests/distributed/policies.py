"""The ``airflow_local_settings`` of a deployment: the queue of each task, and the delay of its retries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

_QUEUES = {"PullIndicatorsOperator": "pulls", "LookupSyncOperator": "syncs"}


def task_policy(task: Any) -> None:
    """Give pulls and syncs of indicators different queues, and make the delay of retries short."""
    task.queue = _QUEUES.get(task.task_type, task.queue)
    task.retry_delay = timedelta(seconds=2)
