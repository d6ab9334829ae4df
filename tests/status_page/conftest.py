"""Clients of the status page for users with different rights, and an Airflow with DAGs and runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from deployed_dags import Deployed

DEVO = json.dumps({"conn_type": "devo", "host": "127.0.0.1", "extra": {"domain": "acme"}})


@pytest.fixture(scope="session")
def page(airflow_database: None) -> Any:
    """Return a web application with the page under its prefix, and the users of Airflow."""
    from airflow.api_fastapi.app import create_auth_manager
    from fastapi import FastAPI

    from airflow_provider_flashpoint.status_page.plugin import FlashpointPlugin

    create_auth_manager().init()
    app = FastAPI()
    for each in FlashpointPlugin.fastapi_apps:
        app.mount(each["url_prefix"], each["app"])
    return app


@pytest.fixture
def client(page: Any) -> Callable[..., Any]:
    """Return a function that makes a client for a user with a role, anonymous without one."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    def make(role: str | None = "viewer") -> TestClient:
        headers = {}
        if role:
            user = SimpleAuthManagerUser(username=role, role=role)
            headers["Authorization"] = f"Bearer {get_auth_manager().generate_jwt(user)}"
        return TestClient(page, base_url="http://testserver/flashpoint-status/", headers=headers)

    return make


@pytest.fixture
def deployed(airflow_database: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Deployed]:
    """Return the DAGs of a configuration, as a scheduler left them."""
    monkeypatch.setenv("AIRFLOW_CONN_DEVO_DEFAULT", DEVO)
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    world = Deployed(tmp_path)
    world.deploy()
    yield world
    world.remove()
