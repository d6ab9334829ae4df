"""A notifier that tells of lookups and tables that have become too old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_flashpoint.core.window import format_instant
from airflow_provider_flashpoint.notifications.devo import DevoNotifier


class StaleNotifier(DevoNotifier):
    """Writes a notice for each lookup or table that a failed task serves and that is older than a time.

    Use it as a callback of failures. A setup serves all tasks that follow it. A lookup or table without a checkpoint
    has no age.

    :param stale_after: the age from which a notice is written.

    The remaining parameters are those of `DevoNotifier`, without the message.
    """

    def __init__(self, stale_after: timedelta, **kwargs: Any) -> None:
        super().__init__("", **kwargs)
        self.stale_after = stale_after

    def notify(self, context: Any) -> None:
        """Compare each checkpoint with the clock, and write the notices."""
        from airflow_provider_flashpoint.hooks.devo import DevoHook

        task, now = context["ti"].task, datetime.now(UTC)
        for each in (task, *task.downstream_list):
            if not hasattr(each, "store"):
                continue
            state = each.store(DevoHook(each.devo_conn_id), read_only=True).read()
            checkpoint = state.to_checkpoint_time if state else None
            if checkpoint and now - checkpoint > self.stale_after:
                self.message = (
                    f"{each.stream} is complete only to {format_instant(checkpoint)}, which is longer ago than "
                    f"{self.stale_after.total_seconds():.0f} s."
                )
                super().notify(context)
                if each is task:  # a sync follows the pull of the same lookup
                    break
