"""Reading a part of a window from Flashpoint, as a run would, and remembering how it was asked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.core.flashpoint.client import TOTAL_HEADER
from airflow_provider_flashpoint.core.flashpoint.page import Page
from airflow_provider_flashpoint.hooks.flashpoint import FlashpointHook
from airflow_provider_flashpoint.streams.progress import run_context  # noqa: F401

if TYPE_CHECKING:
    from requests import Response, Session

    from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
    from airflow_provider_flashpoint.core.flashpoint.endpoints import DataSet, Endpoint
    from airflow_provider_flashpoint.core.window import Window
    from airflow_provider_flashpoint.operators.base import WindowedOperator


class Reading:
    """Reads for one task.

    :param limit: how many records are read at most; 0 for all.
    """

    def __init__(self, task: WindowedOperator, data_set: DataSet, *, limit: int, path: str | None = None) -> None:
        self._data_set = data_set
        self._limit = limit
        self._hook = _WatchedHook(task.flashpoint_conn_id)
        paths = {data_set: path} if path else None
        # A person waits for the answer, and can ask again.
        self._client: FlashpointClient = self._hook.client(page_size=task.page_size, paths=paths, max_attempts=1)
        self.records = 0
        self.is_complete = False

    @property
    def endpoint(self) -> Endpoint:
        """How the data set is asked for."""
        return self._client.endpoint(self._data_set)

    def pages(self, window: Window, *, record_type: str | None = None) -> Iterator[Page]:
        """Yield pages until the window or the limit is at its end; the last page may be cut."""
        with contextlib.closing(self._client.pages(self._data_set, window, record_type=record_type)) as pages:  # type: ignore[type-var]
            for page in pages:
                taken = page.records[: self._limit - self.records] if self._limit else page.records
                self.records += len(taken)
                yield Page(taken, next=page.next, total=page.total)
                if self._limit and self.records >= self._limit:
                    return
        self.is_complete = True

    def told(self) -> dict[str, Any]:
        """Return how Flashpoint was asked, in JSON's own types; ``total`` is its own count, or None."""
        first = self._hook.asked[0] if self._hook.asked else None
        return {
            "request": {"method": first.method, "url": first.url} if first else None,
            "requests": len(self._hook.asked),
            "total": first.total if first else None,
            "read": self.records,
            "complete": self.is_complete,
        }


class _WatchedHook(FlashpointHook):
    """Notes each request that was answered; tokens travel in a header, which is not noted."""

    def __init__(self, flashpoint_conn_id: str) -> None:
        super().__init__(flashpoint_conn_id)
        self.asked: list[SimpleNamespace] = []

    def get_conn(self, *args: Any, **kwargs: Any) -> Session:
        session = super().get_conn(*args, **kwargs)
        session.hooks["response"].append(self._note)
        return session

    def _note(self, response: Response, **_: Any) -> None:
        total = response.headers.get(TOTAL_HEADER, "")
        request = response.request
        self.asked.append(
            SimpleNamespace(method=request.method, url=request.url, total=int(total) if total.isdecimal() else None)
        )
