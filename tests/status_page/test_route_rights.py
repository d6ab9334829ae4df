"""The rights of the status page, over every route of its API: no team sees or changes the DAGs of another team."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from deployed_dags import Deployed, at

pytest.importorskip("airflow.sdk", reason="this Airflow has no such pages")

pytestmark = pytest.mark.airflow

LOOKUP = "flashpoint_lookup__Bad_Domains__acme__flashpoint_default"
OF_LOOKUP = ("flashpoint_indicator", "sync_domain")
OF_ALERTS = ("flashpoint_alert", "pull_alerts")
FROM_PAGE = {"X-Flashpoint-Action": "yes"}
WINDOW = {"from": at(2).isoformat(), "to": at(1).isoformat()}
REJECTED = "a record of the other team"
Client = Callable[..., Any]
Allows = Callable[..., bool]


def routes() -> list[Any]:
    from fastapi.routing import APIRoute

    from airflow_provider_flashpoint.status_page.api import app

    assert all(isinstance(route, APIRoute) for route in app.routes)
    return list(app.routes)


def requests_for(dag_id: str, task_id: str) -> Iterator[tuple[str, str]]:
    """Yield method and path of each request that names a DAG. A new parameter of a route needs its values here."""
    from airflow_provider_flashpoint.status_page.actions import ACTIONS

    values = {"dag_id": [dag_id], "task_id": [task_id], "name": list(ACTIONS)}
    for route in routes():
        if "dag_id" in route.param_convertors:
            for used in itertools.product(*(values[name] for name in route.param_convertors)):
                filled = route.path.format(**dict(zip(route.param_convertors, used, strict=True)))
                yield from ((method, filled.removeprefix("/")) for method in sorted(route.methods))


def answers(client: Any, stream: tuple[str, str], **options: Any) -> dict[tuple[str, str], Any]:
    """Return the answer to each request about a stream."""
    sent = {"headers": FROM_PAGE, **options}
    return {
        (method, path): client.request(method, path, json=WINDOW if method == "POST" else None, **sent)
        for method, path in requests_for(*stream)
    }


def codes(client: Any, stream: tuple[str, str], **options: Any) -> set[int]:
    return {answer.status_code for answer in answers(client, stream, **options).values()}


def runs_of(dag_id: str) -> list[Any]:
    from airflow.models.dagrun import DagRun

    return [run for run in DagRun.find(dag_id=dag_id) if run.run_id.startswith("manual")]


@pytest.fixture
def allow(page: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Allows], None]:
    """Return a function that makes the auth manager decide by DAG, method and part of the DAG, whoever asks."""
    from airflow.api_fastapi.app import get_auth_manager

    def use(allows: Allows) -> None:
        def decide(_: Any, *, method: str, access_entity: Any = None, details: Any = None, **__: Any) -> bool:
            return allows(details.id if details else None, method, access_entity.name if access_entity else None)

        monkeypatch.setattr(type(get_auth_manager()), "is_authorized_dag", decide)

    return use


@pytest.fixture
def world(deployed: Deployed) -> Deployed:
    """A lookup and a table with runs; the lookup has a state and a rejected record."""
    deployed.remember(LOOKUP, status="Created", to_checkpoint_time=at(0).isoformat())
    for dag_id in ("flashpoint_indicator", "flashpoint_alert"):
        deployed.run(dag_id, 9, 8, sent=1)
        deployed.run(dag_id, 2, 1, sent=1)
    folder = deployed.home() / "20260101" / "05" / "window" / "20260101T050000.000000Z-00000001"
    folder.mkdir(parents=True)
    (folder / "dead_letters.jsonl").write_text(json.dumps({"reason": "no key", "record": {"id": REJECTED}}))
    return deployed


def test_each_route_names_its_dag_or_is_known_to_need_none(page: Any) -> None:
    """Only the list, which is filtered by the rights, and the files of the page name no DAG."""
    others = {route.path for route in routes() if "dag_id" not in route.param_convertors}
    assert others == {"/api/streams", "/{name:path}"}
    assert len(list(requests_for(*OF_LOOKUP))) >= 5


def test_each_request_without_a_login_is_refused(client: Client, world: Deployed) -> None:
    """Every route answers 401 to a request without a login, and does nothing."""
    assert codes(client(None), OF_LOOKUP) == {401}
    assert {client(None).get(path).status_code for path in ("", "page.js", "api/streams")} == {401}
    assert runs_of("flashpoint_indicator") == []


@pytest.mark.parametrize("params", [{}, {"dag_id": "flashpoint_alert"}])
@pytest.mark.parametrize("methods", [{"GET"}, {"GET", "PUT", "POST", "DELETE"}])
def test_each_request_about_a_dag_of_another_team_is_refused(
    client: Client, world: Deployed, allow: Callable[[Allows], None], methods: set[str], params: dict[str, str]
) -> None:
    """Reads and actions alike are answered 403, even if the query names a DAG of one's own."""
    from airflow.models.variable import Variable

    allow(lambda dag_id, method, _: dag_id == "flashpoint_alert" and method in methods)
    found = answers(client("admin"), OF_LOOKUP, params=params)
    assert {request: answer.status_code for request, answer in found.items()} == dict.fromkeys(found, 403)
    assert not [answer.text for answer in found.values() if "Bad_Domains" in answer.text or REJECTED in answer.text]
    assert runs_of("flashpoint_indicator") == []
    assert Variable.get(LOOKUP, None)


def test_the_list_has_the_rows_of_ones_own_dags_alone(
    client: Client, world: Deployed, allow: Callable[[Allows], None]
) -> None:
    """The answer names neither the DAG nor the lookup of the other team."""
    allow(lambda dag_id, *_: dag_id == "flashpoint_alert")
    answer = client("admin").get("api/streams")
    assert [row["dag_id"] for row in answer.json()["streams"]] == ["flashpoint_alert"]
    assert not {"flashpoint_indicator", "sync_domain", "Bad_Domains"} & set(answer.text.replace('"', " ").split())


def test_the_own_dag_answers_each_request(client: Client, world: Deployed, allow: Callable[[Allows], None]) -> None:
    """The same rights on the DAG itself open every route, so that the refusals are those of the DAG."""
    allow(lambda dag_id, *_: dag_id == "flashpoint_indicator")
    found = answers(client("admin"), OF_LOOKUP)
    assert {answer.status_code for answer in found.values()} <= {200, 409}
    assert any(REJECTED in answer.text for answer in found.values())
    assert len(runs_of("flashpoint_indicator")) == 1


@pytest.mark.parametrize("stream", [("flashpoint_alert", "sync_domain"), ("~", "sync_domain"), ("none", "sync_domain")])
def test_a_task_is_one_of_its_dag(client: Client, world: Deployed, stream: tuple[str, str]) -> None:
    """A task of another DAG, and the names of all DAGs or none, lead to no stream, whatever the rights."""
    assert codes(client("admin"), stream) == {404}
    assert runs_of("flashpoint_indicator") == []


def test_a_dag_that_does_not_exist_is_answered_as_one_of_another_team(
    client: Client, world: Deployed, allow: Callable[[Allows], None]
) -> None:
    """The answers do not show which DAGs there are."""
    allow(lambda dag_id, *_: dag_id == "flashpoint_alert")
    other = {answer.text for answer in answers(client("admin"), OF_LOOKUP).values()}
    none = {answer.text for answer in answers(client("admin"), ("none", "none")).values()}
    assert other == none


@pytest.mark.parametrize(
    ("missing", "refused"),
    [
        (("PUT", None), {"POST"}),
        (("POST", "RUN"), {"POST"}),
        (("GET", "TASK_LOGS"), {"rejected"}),
        (("GET", None), {"history"}),
    ],
)
def test_each_right_on_ones_own_dag_counts(
    client: Client,
    world: Deployed,
    allow: Callable[[Allows], None],
    missing: tuple[str, str | None],
    refused: set[str],
) -> None:
    """Editing, starting runs, reading logs and reading the DAG are separate rights, each needed where it applies."""
    allow(lambda _, method, entity: (method, entity) != missing)
    found = answers(client("admin"), OF_LOOKUP)
    by_kind = {request: {request[0], request[1].rsplit("/", 1)[-1]} for request in found}
    assert {request for request, answer in found.items() if answer.status_code == 403} == {
        request for request, kind in by_kind.items() if kind & refused
    }
