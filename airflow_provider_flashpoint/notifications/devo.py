"""A notifier that writes an event into a Devo table, so that alerts of Devo can tell about the pipeline itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.common.compat.sdk import BaseNotifier

from airflow_provider_flashpoint.config.model import DEFAULT_DEVO_CONN_ID

DEFAULT_NOTICE_TAG = "my.app.flashpoint.notice"


class DevoNotifier(BaseNotifier):
    """Writes one event: the message, the DAG, the task, the run, the attempt, and the error if there is one.

    Use it as a callback: ``DAG(..., default_args={"on_failure_callback": [DevoNotifier()]})``.

    :param message: (templated) what has happened.
    :param tag: (templated) the Devo table.
    :param devo_conn_id: (templated) the connection to Devo.
    """

    template_fields: Sequence[str] = ("message", "tag", "devo_conn_id")

    def __init__(
        self,
        message: str = "A task of Airflow has failed.",
        *,
        tag: str = DEFAULT_NOTICE_TAG,
        devo_conn_id: str = DEFAULT_DEVO_CONN_ID,
    ) -> None:
        super().__init__()
        self.message = message
        self.tag = tag
        self.devo_conn_id = devo_conn_id

    def notify(self, context: Any) -> None:
        """Write the event and wait for its confirmation."""
        from airflow_provider_flashpoint.core.secrets.foreign_text import clean
        from airflow_provider_flashpoint.hooks.devo import DevoHook

        task_instance, error = context.get("ti"), context.get("exception")
        event = {
            "message": self.message,
            **{name: getattr(task_instance, name, None) for name in ("dag_id", "task_id", "run_id", "try_number")},
            "error": clean(str(error)) if error else None,
        }
        with DevoHook(self.devo_conn_id).event_writer(self.tag) as writer:
            writer.write([writer.encode(event)])
            writer.confirm()
