"""A pull in a process of its own that is killed: the next attempt asks for the rest, and the stage is whole."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
from airflow_provider_flashpoint.core.flashpoint.endpoints import Endpoint
from airflow_provider_flashpoint.core.flashpoint.page import Page
from airflow_provider_flashpoint.core.flashpoint.rows.flatten import flatten
from airflow_provider_flashpoint.core.flashpoint.source import HttpSource
from airflow_provider_flashpoint.core.http.client import BearerAuth, HttpClient
from airflow_provider_flashpoint.core.pipelines.pull import PullPorts, PullSettings, pull
from airflow_provider_flashpoint.core.secrets.obfuscate import Obfuscator
from airflow_provider_flashpoint.core.staging.indicators.stage import Stage
from airflow_provider_flashpoint.core.window import Window
from sandbox.dataset.documents import indicators
from sandbox.dataset.indicators_v2 import indicators_v2
from sandbox.flashpoint.server import FlashpointServer

START = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=1))
PAGES, PAGE_SIZE = 100, 200


@dataclass(frozen=True)
class Generation:
    api: Api
    key: str
    documents: Callable[..., Any]
    publish: str
    names: tuple[str, ...]

    def published(self, server: FlashpointServer) -> dict[str, Any]:
        """Publish small documents and return their rows by key."""
        full = self.documents(5, PAGES * PAGE_SIZE, WINDOW.start, WINDOW.end)
        documents = [{name: each[name] for name in self.names if name in each} for each in full]
        getattr(server.store, self.publish)(documents)
        return {each[self.key]: flatten(each) for each in documents}


GENERATIONS = [
    Generation(Api.LEGACY, "fpid", indicators, "publish_indicators", ("fpid", "type", "timestamp", "header_")),
    Generation(Api.IGNITE_V2, "id", indicators_v2, "publish_indicators_v2", ("id", "type", "modified_at")),
]


@pytest.fixture
def server() -> Iterator[FlashpointServer]:
    with FlashpointServer() as server:
        yield server


@dataclass(frozen=True)
class Deadly:
    """A source that kills its process, as `kill -9` does, when that many pages were read."""

    source: HttpSource
    last_page: int

    @property
    def endpoint(self) -> Endpoint:
        return self.source.endpoint

    @property
    def complete_to(self) -> datetime | None:
        return self.source.complete_to

    @property
    def total(self) -> int | None:
        return self.source.total

    def pages(self, window: Window) -> Iterator[Page]:
        records = 0
        for page in self.source.pages(window):
            records += len(page)
            if records > self.last_page * PAGE_SIZE:
                os.kill(os.getpid(), signal.SIGKILL)
            yield page


def pull_all(
    url: str, token: str, directory: Path, generation: Generation, last_page: int = PAGES * PAGE_SIZE
) -> Stage:
    session = requests.Session()
    session.auth = BearerAuth(token)
    http = HttpClient(session, base_url=url, service="Flashpoint")
    client = FlashpointClient(http, api=generation.api, page_size=PAGE_SIZE)
    source = client.source(DataSet.INDICATORS)
    ports = PullPorts(source=Deadly(source, last_page), obfuscator=Obfuscator(), stages=directory)
    return pull(WINDOW, ports, PullSettings(lookup_key=generation.key, stage_retention=timedelta(days=7)))


def pages_asked(server: FlashpointServer) -> int:
    requests_sent: list[Any] = server.log.to_json()["requests"]
    return len(requests_sent)


def newest(stage: Stage, key: str) -> dict[str, Any]:
    return {row[key]: row for row in stage.rows()}


@pytest.mark.parametrize("generation", GENERATIONS, ids=lambda generation: generation.api.value)
def test_a_killed_pull_is_gone_on_with(server: FlashpointServer, generation: Generation, tmp_path: Path) -> None:
    """Of a hundred pages, a pull that is killed at page 90 leaves at most twenty to the next attempt, which has all."""
    published = generation.published(server)
    arguments = (server.url, server.settings.token, tmp_path, generation)
    process = multiprocessing.get_context("spawn").Process(target=pull_all, args=(*arguments, 90))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    server.log.clear()
    stage = pull_all(*arguments)
    assert pages_asked(server) <= 20
    assert newest(stage, generation.key) == published
