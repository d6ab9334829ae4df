"""The port through which pipelines read records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from airflow_provider_flashpoint.core.flashpoint.endpoints import Endpoint
from airflow_provider_flashpoint.core.flashpoint.page import Page
from airflow_provider_flashpoint.core.window import Window


class Source(Protocol):
    """Pages of one data set."""

    @property
    def endpoint(self) -> Endpoint:
        """How the data set is read."""

    def pages(self, window: Window) -> Iterator[Page]:
        """Yield the pages of ``window``: each record at least once, in the server's order."""
