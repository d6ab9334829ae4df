"""Links of a task in Airflow's UI: to its events in Devo, and to the status page.

Airflow 2.11 asks for a link in its web server, which imports this; Airflow 3 asks the task at its end, and keeps the
answer as an XCom.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom, conf

from airflow_provider_flashpoint.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.state import Delivered
    from airflow_provider_flashpoint.hooks.devo import DevoHook
    from airflow_provider_flashpoint.operators.pull_events import PullEventsOperator

_IS_AIRFLOW_2 = find_spec("airflow.sdk") is None
_STATUS_PAGE = "/plugin/flashpoint"


class DevoQueryLink(BaseOperatorLink):
    """The page of Devo's web application that queries for the events of the task."""

    name = "Data in Devo"
    xcom_key = "devo_query"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address that the task has left, empty if it has not."""
        if not _IS_AIRFLOW_2:
            return str(getattr(operator, "devo_page", ""))  # a mapped task that never began has none
        return str(XCom.get_value(ti_key=ti_key, key=self.xcom_key) or "")


class StatusPageLink(BaseOperatorLink):
    """The status page of all streams."""

    name = "Flashpoint status"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address of the page, relative to that of Airflow if this is not configured."""
        return str(conf.get("api", "base_url", fallback="") or "").rstrip("/") + _STATUS_PAGE


STATUS_LINKS = () if _IS_AIRFLOW_2 else (StatusPageLink(),)  # Airflow 2 has no status page
EVENT_LINKS = (DevoQueryLink(), *STATUS_LINKS)


def link_events(operator: PullEventsOperator, context: Mapping[str, Any], devo: DevoHook, delivered: Delivered) -> None:
    """Leave the address of Devo's page with the events of a delivery, for the link of the task.

    Devo dates events by their arrival, where the connection names no field of theirs.
    """
    start, end = delivered.pulled_at, delivered.at + timedelta(minutes=1)
    if devo.settings().event_date_field:
        start, end = delivered.window.start, delivered.window.end
    with suppress(ConfigurationError):  # a tag that no query can name
        operator.devo_page = devo.query_page(operator.tag, start, end)
    task_instance = context.get("ti")
    if _IS_AIRFLOW_2 and task_instance and operator.devo_page:
        task_instance.xcom_push(key=DevoQueryLink.xcom_key, value=operator.devo_page)
