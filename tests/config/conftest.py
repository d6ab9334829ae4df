"""Fixtures of the tests of configuration files."""

from __future__ import annotations

import pytest
import yaml

from airflow_provider_flashpoint.config import document


@pytest.fixture(params=["with libyaml", "without libyaml"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read YAML with the fast loader of libyaml, and with the one in Python."""
    document._loader_class.cache_clear()
    if request.param == "without libyaml":
        monkeypatch.delattr(yaml, "CSafeLoader")
    request.addfinalizer(document._loader_class.cache_clear)
