"""A stream whose state names another API generation, or other filters, is not mixed."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_flashpoint.config.model import DEFAULT_TAG
from airflow_provider_flashpoint.operators import LookupSyncOperator
from tests.operators.conftest import StartWorld
from tests.operators.test_ignite import IgniteWorld
from tests.operators.test_streams_apart import COUNT, LOOKUP

pytestmark = pytest.mark.airflow

HERE = ("devo_acme", "flashpoint_two")
V2 = {"indicator_type": "ipv4", "lookup_key": "value"}


class ChangingWorld(IgniteWorld):
    """A world that counts its requests, and shows the stored states."""

    def requests(self) -> int:
        return int(self.flashpoints["flashpoint_two"].log.to_json()["count"])

    def states(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.variables.values()]


@pytest.fixture
def world(start_world: StartWorld) -> Any:
    return start_world(ChangingWorld)


def test_a_lookup_goes_on_with_the_same_documents(world: ChangingWorld, caplog: pytest.LogCaptureFixture) -> None:
    """From legacy to version 1 of Ignite a lookup goes on unchanged, and the log names the change."""
    world.read_by("legacy")
    world.lookup(*HERE)
    before = world.contents("devo_acme")
    world.read_by("ignite_v1")
    with caplog.at_level("INFO"):
        assert world.lookup(*HERE)["operation"] == "append"
    assert world.contents("devo_acme") == before
    assert "api was 'legacy' and is now 'ignite_v1'" in caplog.text
    assert [state["api"] for state in world.states()] == ["ignite_v1"]


def test_a_renewal_that_did_not_end_accepts_no_other_filters(world: ChangingWorld) -> None:
    """Pull and sync of the next run stop before a request, until a person decides on a rebuild."""
    world.read_by("ignite_v2")
    world.lookup(*HERE, **V2)
    ((name, text),) = world.variables.items()
    world.variables[name] = json.dumps({**json.loads(text), "status": "New", "renews": True})
    filters, requests = {"score": "malicious"}, world.requests()
    with pytest.raises(AirflowFailException, match="must not be mixed"):
        world.pull(*HERE, **V2, filters=filters)
    sync = LookupSyncOperator(**world._arguments("sync", *HERE), **LOOKUP | V2, filters=filters)
    with pytest.raises(AirflowFailException, match="must not be mixed"):
        world._execute(sync)
    assert world.requests() == requests
    world.conf = {"lookup_status": "New"}
    assert world.lookup(*HERE, **V2, filters=filters)["operation"] == "replace"
    assert [(state["status"], state["renews"]) for state in world.states()] == [("Created", False)]


@pytest.mark.parametrize("filters", [{"score": "malicious"}, {"malware": ["demoloader"]}])
def test_a_lookup_of_other_filters_is_rebuilt_or_stays(world: ChangingWorld, filters: dict[str, Any]) -> None:
    """Other filters stop pull and sync before a request; a rebuild reads by them and replaces the old rows."""
    world.read_by("ignite_v2")
    world.lookup(*HERE, **V2)
    before, requests = world.contents("devo_acme"), world.requests()
    with pytest.raises(AirflowFailException, match=r"The lookup Domains is left as it is.*filters was") as caught:
        world.pull(*HERE, **V2, filters=filters)
    assert "PullError 101" in str(caught.value)
    sync = LookupSyncOperator(**world._arguments("sync", *HERE), **LOOKUP | V2, filters=filters)
    with pytest.raises(AirflowFailException, match="must not be mixed"):
        world._execute(sync)
    assert (world.contents("devo_acme"), world.requests()) == (before, requests)
    world.conf = {"lookup_status": "New"}
    assert world.lookup(*HERE, **V2, filters=filters)["operation"] == "replace"
    assert len(world.contents("devo_acme")) < len(before)
    world.conf = None
    assert world.lookup(*HERE, **V2, filters=filters)["operation"] == "append"


def test_the_order_of_a_list_is_no_change(world: ChangingWorld) -> None:
    """A filter with the same values in another order reads the same."""
    world.read_by("ignite_v2")
    for tags in (["b", "a"], ["a", "b", "a"]):
        world.lookup(*HERE, **V2, lookup_status="Created", filters={"tags": tags})


def test_alerts_of_another_generation_are_accepted_or_not_sent(world: ChangingWorld) -> None:
    """Notifications stop in a table of legacy alerts, until a run accepts the change; later runs go on."""
    world.read_by("legacy")
    assert world.alerts(*HERE)["sent"] == COUNT
    world.read_by("ignite_v2")
    requests = world.requests()
    with pytest.raises(AirflowFailException, match=rf"The table {DEFAULT_TAG} is left as it is.*accept_change"):
        world.alerts(*HERE)
    assert world.requests() == requests
    world.conf = {"accept_change": True}
    assert world.alerts(*HERE)["sent"] == COUNT
    world.conf = None
    assert world.alerts(*HERE)["sent"] == 0


def test_alerts_of_both_generations_of_ignite_are_the_same(world: ChangingWorld) -> None:
    """Both serve notifications, so a table goes on."""
    world.read_by("ignite_v1")
    assert world.alerts(*HERE)["sent"] == COUNT
    world.read_by("ignite_v2")
    assert world.alerts(*HERE)["sent"] == 0
