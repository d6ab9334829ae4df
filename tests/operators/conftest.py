"""The API generations that the tests of states run on, and the services that other tests of tasks start.

The tests of states state guarantees, which all generations have.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.generations import IGNITE_V2, LEGACY, Generation

StartWorld = Callable[[Callable[..., Any]], Any]
"""Starts and returns a `World` of a class."""


# Two generations cover all endpoints: ignite_v1 has the indicators of legacy and the alerts of ignite_v2.
@pytest.fixture(params=[LEGACY, IGNITE_V2], ids=lambda generation: generation.api)
def generation(request: pytest.FixtureRequest) -> Generation:
    """The API generation that the runs read."""
    found: Generation = request.param
    return found


@pytest.fixture
def start_world(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StartWorld]:
    """Start worlds, see `World`, which are stopped after the test."""
    with contextlib.ExitStack() as started:

        def start(kind: Callable[..., Any]) -> Any:
            world = kind(tmp_path, monkeypatch, tmp_path_factory.getbasetemp() / "certificates")
            world.start()
            started.callback(world.stop)
            return world

        yield start
