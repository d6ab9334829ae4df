"""Base of the operators that show their outcome in Airflow's own places, besides log and XCom."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_flashpoint.airflow_runtime import metrics
from airflow_provider_flashpoint.airflow_runtime.lineage import Lineage
from airflow_provider_flashpoint.airflow_runtime.links import STATUS_LINKS
from airflow_provider_flashpoint.assets import describe_events
from airflow_provider_flashpoint.core.secrets.foreign_text import logger, safe_to_show

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.flashpoint.source import HttpSource
    from airflow_provider_flashpoint.hooks.devo import DevoHook

_log = logger(__name__)


@contextmanager
def reporting(report: str) -> Generator[None]:
    """Log an error of the block as a warning: by then the work of the task is done.

    :param report: names what the block makes.
    """
    try:
        yield
    except Exception as error:  # of Airflow's statistics, XCom or assets: a retry would only repeat the work
        cause = safe_to_show(f"{type(error).__name__}: {error}")
        _log.warning("The task has done its work, but cannot make its %s: %s", report, cause)


class PublishedTask(BaseOperator):
    """An operator that shows what it has done in the events of its assets, as metrics, as links and as lineage."""

    operator_extra_links = STATUS_LINKS
    _lineage: Lineage | None = None

    @property
    def stream(self) -> str:
        """The name of the stream, which is one part of its key."""
        raise NotImplementedError

    @property
    def lineage_names(self) -> tuple[str, str]:
        """The names of what is read and written, such as ``indicators.domain`` and ``lookup.<name>``."""
        raise NotImplementedError

    def publish(
        self,
        context: Any,
        summary: Mapping[str, Any],
        source: HttpSource,
        devo: DevoHook | None = None,
        *,
        columns: Sequence[str] = (),
    ) -> None:
        """Show the summary of this task, at its end. A report that fails does not fail the task, see `reporting`.

        :param devo: where the task has written; None if it has only staged.
        :param columns: of the lookup.
        """
        with reporting("lineage"):
            read, written = self.lineage_names
            self._lineage = Lineage(
                service=source.http.base_url,
                data_set=read,
                destination=devo.destination() if devo else "",
                written=written if devo else "",
                count=summary.get("rows_sent", summary.get("sent", 0)),
                columns=columns,
            )
        with reporting("asset event"):
            describe_events(self.outlets, context, summary)
        with reporting("metrics"):
            metrics.report(summary, stream=self.stream, tags={"dag_id": self.dag_id, "task_id": self.task_id})

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return the lineage of this task. OpenLineage's provider, if it is installed, calls this after the task."""
        return self._lineage.for_open_lineage() if self._lineage else None
