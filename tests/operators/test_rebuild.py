"""Runs that rebuild lookups by name."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow.providers.common.compat.sdk import AirflowFailException

from tests.operators.conftest import StartWorld
from tests.operators.test_streams_apart import World

pytestmark = pytest.mark.airflow


@pytest.fixture
def world(start_world: StartWorld) -> Any:
    """A world whose lookup Domains exists."""
    world = start_world(World)
    world.lookup()
    return world


@pytest.mark.parametrize(
    ("conf", "operation"),
    [
        ({"rebuild": ["Urls", "Domains"]}, "replace"),
        ({"rebuild": ["Urls"]}, "append"),
        ({"rebuild": ["Domains"], "lookup_status": "Created"}, "replace"),
        ({"rebuild": [], "lookup_status": "New"}, "replace"),
        ({"rebuild": None, "lookup_status": None, "from": None, "to": None}, "append"),
    ],
)
def test_only_the_lookups_of_the_list_are_rebuilt(world: World, conf: dict[str, Any], operation: str) -> None:
    """A lookup that `rebuild` names is replaced; others go by `lookup_status`, or by their state."""
    world.conf = conf
    assert world.lookup()["operation"] == operation


def test_a_list_is_expected(world: World) -> None:
    """A name alone is refused before a request, since a part of it could name another lookup."""
    world.conf = {"rebuild": "Domains"}
    with pytest.raises(AirflowFailException, match=r"rebuild is 'Domains'.*; give a list of lookups"):
        world.pull()
