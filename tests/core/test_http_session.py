"""The session that all requests use, whatever is installed beside the provider."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator

import pytest

from airflow_provider_flashpoint import __version__
from airflow_provider_flashpoint.core.http import session

OURS = f"airflow-provider-flashpoint/{__version__}"
DISTRIBUTIONS = ("apache-airflow", "apache-airflow-core", "apache-airflow-task-sdk")


@pytest.fixture(autouse=True)
def uncached() -> Iterator[None]:
    session.user_agent.cache_clear()
    yield
    session.user_agent.cache_clear()


@pytest.mark.parametrize(
    ("installed", "agent"),
    [
        ({}, OURS),
        ({"apache-airflow": "2.11.2"}, f"{OURS} apache-airflow/2.11.2"),
        ({"apache-airflow": "3.3.2", "apache-airflow-core": "3.3.2"}, f"{OURS} apache-airflow/3.3.2"),
        ({"apache-airflow-core": "3.3.2"}, f"{OURS} apache-airflow-core/3.3.2"),
        ({"apache-airflow-task-sdk": "1.3.2"}, f"{OURS} apache-airflow-task-sdk/1.3.2"),
        ({"apache-airflow": "2.11.2+composer"}, f"{OURS} apache-airflow/2.11.2+composer"),
    ],
)
def test_user_agent_names_product_version_and_airflow(
    monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], agent: str
) -> None:
    """The User-Agent is ours, followed by the Airflow that is installed, whole or in part; without one, ours alone."""

    def version(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(session, "version", version)
    assert session.new_session().headers["User-Agent"] == agent
    assert re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+ ?)+", agent)
