"""The actions and the rejected records of the status page: who may use them, and what they do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from deployed_dags import Deployed, at

pytest.importorskip("airflow.sdk", reason="this Airflow has no such pages")

pytestmark = pytest.mark.airflow

LOOKUP = "flashpoint_lookup__Bad_Domains__acme__flashpoint_default"
EARLIER = "flashpoint_lookup__Bad_Domains"
OF_LOOKUP = "api/dags/flashpoint_indicator/tasks/sync_domain"
OF_ALERTS = "api/dags/flashpoint_alert/tasks/pull_alerts"
FROM_PAGE = {"X-Flashpoint-Action": "yes"}
WINDOW = {"from": at(2).isoformat(), "to": at(1).isoformat()}
Client = Callable[..., Any]


def window_text(periods: float) -> str:
    return f"{at(periods):%Y-%m-%dT%H:%M:%SZ}"


def runs_of(dag_id: str) -> list[Any]:
    from airflow.models.dagrun import DagRun

    return [run for run in DagRun.find(dag_id=dag_id) if run.run_id.startswith("manual")]


@pytest.mark.parametrize("name", ["rebuild", "reset", "fill"])
def test_readers_see_no_action_and_cannot_act(client: Client, deployed: Deployed, name: str) -> None:
    """A user who may only read the DAG gets no actions, and 403 for each of them."""
    assert client("viewer").get(f"{OF_LOOKUP}/history").json()["actions"] == []
    assert client("viewer").post(f"{OF_LOOKUP}/actions/{name}", json={}, headers=FROM_PAGE).status_code == 403
    assert client(None).post(f"{OF_LOOKUP}/actions/{name}", json={}, headers=FROM_PAGE).status_code == 401
    assert runs_of("flashpoint_indicator") == []


@pytest.mark.parametrize("headers", [{}, {**FROM_PAGE, "Sec-Fetch-Site": "cross-site"}])
def test_requests_of_other_sites_are_refused(client: Client, deployed: Deployed, headers: dict[str, str]) -> None:
    """An action without the page's own header, or from another site, is refused whoever sends it."""
    assert client("admin").post(f"{OF_LOOKUP}/actions/rebuild", json={}, headers=headers).status_code == 403
    assert runs_of("flashpoint_indicator") == []


def test_a_rebuild_names_its_lookup_alone(client: Client, deployed: Deployed) -> None:
    """Rebuild says what it will do, and starts a run that rebuilds this lookup and no other."""
    offers = {each["name"]: each["sentence"] for each in client("user").get(f"{OF_LOOKUP}/history").json()["actions"]}
    assert set(offers) == {"rebuild", "reset"}
    assert "replaces the lookup" in offers["rebuild"]
    answer = client("user").post(f"{OF_LOOKUP}/actions/rebuild", json={}, headers=FROM_PAGE)
    [run] = runs_of("flashpoint_indicator")
    assert run.run_id in answer.json()["done"]
    assert (run.conf, run.triggering_user_name) == ({"rebuild": ["Bad_Domains"]}, "user")
    assert client("user").post(f"{OF_ALERTS}/actions/rebuild", json={}, headers=FROM_PAGE).status_code == 404


@pytest.mark.parametrize("name", ["rebuild", "reset"])
def test_a_stream_with_a_problem_has_no_actions(
    client: Client, deployed: Deployed, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A stream whose connection is missing is neither rebuilt nor reset; the answer has the reason."""
    monkeypatch.delenv("AIRFLOW_CONN_DEVO_DEFAULT")
    answer = client("user").post(f"{OF_LOOKUP}/actions/{name}", json={}, headers=FROM_PAGE)
    assert (answer.status_code, runs_of("flashpoint_indicator")) == (409, [])
    assert "devo_default" in answer.json()["detail"]


def test_filling_a_gap_starts_a_run_of_its_window(client: Client, deployed: Deployed) -> None:
    """Each gap has a sentence about its run; filling it starts a run of exactly this window."""
    deployed.run("flashpoint_alert", 9, 8, sent=1)
    deployed.run("flashpoint_alert", 5, 4, sent=1)
    [gap] = client("user").get(f"{OF_ALERTS}/history").json()["gaps"]
    assert gap["from"] in gap["fill"]
    window = {"from": gap["from"], "to": gap["to"]}
    assert client("user").post(f"{OF_ALERTS}/actions/fill", json=window, headers=FROM_PAGE).status_code == 200
    [run] = runs_of("flashpoint_alert")
    assert run.conf == window


@pytest.mark.parametrize("state", [None, {"status": "New"}, {"status": "wrong"}])
def test_a_gap_is_not_filled_before_each_lookup_is_built(
    client: Client, deployed: Deployed, state: dict[str, Any] | None
) -> None:
    """A run of the window alone would build a new lookup from it, and replace what Devo has, so it is refused."""
    if state:
        deployed.remember(LOOKUP, **state)
    answer = client("user").post(f"{OF_LOOKUP}/actions/fill", json=WINDOW, headers=FROM_PAGE)
    assert (answer.status_code, runs_of("flashpoint_indicator")) == (409, [])
    assert "Bad_Domains" in answer.json()["detail"]


def test_filling_a_gap_never_builds_a_lookup(client: Client, deployed: Deployed) -> None:
    """The run adds to the lookups of the DAG, even if the state of one is reset before it begins."""
    deployed.remember(LOOKUP, status="Created", to_checkpoint_time=at(0).isoformat())
    assert client("user").post(f"{OF_LOOKUP}/actions/fill", json=WINDOW, headers=FROM_PAGE).status_code == 200
    [run] = runs_of("flashpoint_indicator")
    assert run.conf == {"from": window_text(2), "to": window_text(1), "lookup_status": "Created"}


@pytest.mark.parametrize(
    ("window", "reason"),
    [
        ({}, "ISO 8601"),
        ({"from": at(1).isoformat(), "to": at(2).isoformat()}, "is empty"),
        ({"from": at(1).isoformat(), "to": at(-900).isoformat()}, "not over yet"),
    ],
)
def test_a_wrong_window_is_refused(client: Client, deployed: Deployed, window: dict[str, str], reason: str) -> None:
    """A window that is missing, empty or not over yet starts nothing; the answer has the reason."""
    answer = client("user").post(f"{OF_ALERTS}/actions/fill", json=window, headers=FROM_PAGE)
    assert (answer.status_code, runs_of("flashpoint_alert")) == (409, [])
    assert reason in answer.json()["detail"]


def test_a_reset_deletes_the_state(client: Client, deployed: Deployed) -> None:
    """Reset deletes the Variable of the stream, and says so before."""
    deployed.remember(LOOKUP, status="Created", to_checkpoint_time=at(0).isoformat())
    [reset] = [each for each in client("user").get(f"{OF_LOOKUP}/history").json()["actions"] if each["name"] == "reset"]
    assert LOOKUP in reset["sentence"]
    assert client("user").post(f"{OF_LOOKUP}/actions/reset", json={}, headers=FROM_PAGE).status_code == 200
    row = next(each for each in client().get("api/streams").json()["streams"] if each["is_lookup"])
    assert (row["status"], row["to_checkpoint_time"]) == (None, None)


def test_a_state_of_an_earlier_version_is_not_reset(client: Client, deployed: Deployed) -> None:
    """The state that a stream would take over may be that of another one, so a reset leaves it and says so."""
    from airflow.models.variable import Variable

    deployed.remember(EARLIER, status="Created", to_checkpoint_time=at(0).isoformat())
    answer = client("user").post(f"{OF_LOOKUP}/actions/reset", json={}, headers=FROM_PAGE)
    assert (answer.status_code, bool(Variable.get(EARLIER, None))) == (409, True)
    assert f"state reset {EARLIER}" in answer.json()["detail"]


def test_a_state_that_a_run_will_write_is_not_reset(client: Client, deployed: Deployed) -> None:
    """While the task that writes the state is running, a reset is refused with the remedy."""
    deployed.remember(LOOKUP, status="Created", to_checkpoint_time=at(0).isoformat())
    deployed.run("flashpoint_indicator", 1, 0, state="running")
    answer = client("user").post(f"{OF_LOOKUP}/actions/reset", json={}, headers=FROM_PAGE)
    assert answer.status_code == 409
    assert "Pause the DAG" in answer.json()["detail"]


def test_rejected_records_are_shown_with_their_reasons(client: Client, deployed: Deployed) -> None:
    """The rejected records that the staging storage keeps are answered with their reasons, the newest first."""
    deployed.remember(LOOKUP, status="Created")
    folder = deployed.home() / "20260101" / "05" / "window" / "20260101T050000.000000Z-00000001"
    folder.mkdir(parents=True)
    lines = [{"reason": "no value under the lookup_key value", "record": {"id": number}} for number in (1, 2)]
    (folder / "dead_letters.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "manifest.json").write_text("{}")
    found = client().get(f"{OF_LOOKUP}/rejected").json()
    assert [json.loads(each["record"]) for each in found["records"]] == [{"id": 1}, {"id": 2}]
    assert found["records"][0]["reason"] == "no value under the lookup_key value"
    assert found["records"][0]["at"] == "2026-01-01T05:00:00Z"
    assert found["problem"] is None


def test_a_storage_of_another_machine_is_told(client: Client, deployed: Deployed) -> None:
    """Where the web server does not see the staging storage, the answer says so instead of showing none."""
    found = client().get(f"{OF_LOOKUP}/rejected").json()
    assert "not on this machine" in found["problem"]
