"""The Lookups API with lost, odd or late answers, and hostile values."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
from devo_peers import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.devo.lookups.api import LookupsClient
from airflow_provider_flashpoint.core.devo.lookups.jobs import job_id, job_ids, job_status
from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
from airflow_provider_flashpoint.core.http.client import BearerAuth, HttpClient, Request
from airflow_provider_flashpoint.errors import RejectedError, ServerError
from sandbox.devo.lookups.jobs import JobPlan
from sandbox.devo.server import DevoServer
from sandbox.devo.settings import DevoSettings
from sandbox.http_service.faults import Fault
from tests.csv_file import write_csv

NAME = "Threatintel_Flashpoint_Intelligence_Domain"
TOKEN = "a-secret-token"
HOSTILE = ['q"uo"te', "com,ma", "new\nline", "cr\rlf\r\n", "emoji 😀", "<b>&amp;</b>", "nul\0", " edge ", "007", "|"]
ClientMaker = Callable[..., LookupsClient]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["status", "statuses", "jobs", "job", "id", "timestamp", "x"]), inner)
    ),
    max_leaves=10,
)


@pytest.fixture
def devo(certificates_directory: Path) -> Any:
    with DevoServer(DevoSettings(directory=certificates_directory, api_token=TOKEN)) as server:
        yield server


@pytest.fixture
def client(devo: DevoServer, clock: FakeClock) -> ClientMaker:
    """Return a function that makes clients of the sandbox which do not wait."""

    def make(*, token: str = TOKEN, domain: str = "sandbox", url: str | None = None, **options: Any) -> LookupsClient:
        session = requests.Session()
        session.auth = BearerAuth(token)
        http = HttpClient(session, base_url=url or devo.api_url, service="Devo", sleep=clock.sleep)
        return LookupsClient(http, domain=domain, clock=clock, sleep=clock.sleep, **options)

    return make


def csv_of(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ("value",)) -> io.BytesIO:
    file = io.BytesIO()
    write_csv(rows, columns, "key", file)
    return file


def deploy(client: LookupsClient, rows: Sequence[Mapping[str, Any]], operation: Operation, **options: Any) -> Any:
    columns = options.pop("columns", ("value",))
    return client.deploy(
        NAME, columns=columns, key="key", csv_file=csv_of(rows, columns), operation=operation, **options
    )


def content(devo: DevoServer) -> dict[str, str]:
    """Return the values of the lookup by key."""
    return {row[0]: row[1] for row in devo.lookups[NAME].rows()}


def test_hostile_values_arrive_unchanged(devo: DevoServer, client: ClientMaker) -> None:
    """Any value arrives unchanged, also one of a megabyte."""
    rows = {value: value[::-1] for value in HOSTILE} | {"big": 'x,"\n' * 250_000}
    deploy(client(), [{"key": key, "value": value} for key, value in rows.items()], Operation.CREATE)
    assert content(devo) == rows


def test_polls_become_rarer(devo: DevoServer, client: ClientMaker, clock: FakeClock) -> None:
    """Waits between polls double, up to ten seconds."""
    devo.lookups.plan_jobs(JobPlan(polls=9))
    deploy(client(), [{"key": "a"}], Operation.CREATE)
    assert clock.sleeps[:6] == [0.5, 1, 2, 4, 8, 10]
    assert set(clock.sleeps[6:]) <= {10}


@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset", match="deploy-csv", after_received_bytes=200_000),
        Fault("reset", match="deploy-csv", when="after"),
        Fault("cut", match="deploy-csv", after_bytes=5),
        Fault("status", match="deploy-csv", status=503),
        Fault("status", match="deploy-csv", status=502, when="after"),
        Fault("html", match="deploy-csv", when="after"),
        Fault("status", match="/job", status=500),
        Fault("malformed", match="/job"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.when}-{fault.match}",
)
@pytest.mark.parametrize("operation", list(Operation))
def test_lost_answers_change_nothing(devo: DevoServer, client: ClientMaker, operation: Operation, fault: Fault) -> None:
    """Wherever an upload or an answer is lost, the lookup ends with the right content."""
    lookups = client()
    rows = [{"key": f"{number}", "value": "x" * 100} for number in range(5000)]
    if operation is not Operation.CREATE:
        deploy(lookups, [{"key": "old", "value": "y"}, {"key": "7", "value": "z"}], Operation.CREATE)
    devo.faults.add(fault)
    deploy(lookups, rows, operation)
    assert devo.faults.fired() == 1
    kept = {"old": "y"} if operation in (Operation.APPEND, Operation.DELETE) else {}
    brought = {} if operation is Operation.DELETE else {row["key"]: row["value"] for row in rows}
    assert content(devo) == kept | brought


def test_answer_that_is_no_json_is_still_an_acceptance(devo: DevoServer, client: ClientMaker) -> None:
    """An accepted deployment whose answer cannot be read is found in the list of jobs."""
    devo.faults.add(Fault("malformed", match="deploy-csv", when="after"))
    deploy(client(), [{"key": "a", "value": "1"}], Operation.CREATE)
    assert content(devo) == {"a": "1"}
    assert len(devo.lookups[NAME].jobs) == 1


def test_retry_after_is_honoured(devo: DevoServer, client: ClientMaker, clock: FakeClock) -> None:
    """After a 429 the wait is as long as Devo asks."""
    devo.faults.add(Fault("status", match="deploy-csv", status=429, headers={"Retry-After": "17"}))
    deploy(client(), [{"key": "a"}], Operation.CREATE)
    assert clock.sleeps[0] == 17


def test_web_page_in_place_of_the_api(devo: DevoServer, client: ClientMaker) -> None:
    """A web page is not taken for an answer."""
    devo.faults.add(Fault("html", status=200, times=None))
    with pytest.raises(ServerError, match="web page"):
        client().check()


class FakeHttp:
    """Returns scripted answers to GETs, and records the requests."""

    def __init__(self, *answers: Any) -> None:
        self._answers = iter(answers)
        self.requested: list[Mapping[str, Any]] = []
        self.paths: list[str] = []

    def read_json(self, request: Request) -> Any:
        self.requested.append(dict(request.params or {}))
        self.paths.append(request.path)
        return next(self._answers)


def test_list_goes_on_to_the_last_page() -> None:
    """Pages are requested with the token of the page before, until there is none."""
    http = FakeHttp(
        {"lookups": [{"name": "a"}], "pageToken": "1"},
        {"lookups": [{"name": "b"}], "nextPageToken": "2"},
        {"lookups": [{"name": "c"}]},
    )
    lookups = LookupsClient(http, domain="d")  # type: ignore[arg-type]
    assert [each["name"] for each in lookups.lookups()] == ["a", "b", "c"]
    assert [params.get("pageToken") for params in http.requested] == [None, "1", "2"]


def test_domain_stays_one_part_of_the_path() -> None:
    """A domain with odd characters cannot change the path."""
    http = FakeHttp({"lookups": []})
    LookupsClient(http, domain="../a b?c").check()  # type: ignore[arg-type]
    assert http.paths == ["/lookup/..%2Fa%20b%3Fc"]


@given(JSON)
def test_no_answer_is_too_odd(answer: Any) -> None:
    """Any JSON is read without an error."""
    job_id(answer)
    job_ids(answer)
    job_status(answer)


def test_no_secret_is_told(devo: DevoServer, client: ClientMaker, caplog: pytest.LogCaptureFixture) -> None:
    """No log and no error contains the token or a value, with and without failures."""
    lookups = client()
    caplog.set_level(logging.DEBUG)
    rows = [{"key": "k", "value": "a-private-value"}]
    deploy(lookups, rows, Operation.CREATE)
    devo.faults.add(Fault("status", match="deploy-csv", status=500))
    devo.lookups.plan_jobs(JobPlan(failure="no"))
    with pytest.raises(RejectedError) as caught:
        deploy(lookups, rows, Operation.REPLACE)
    told = caplog.text + str(caught.value)
    assert "Lookup" in told
    assert TOKEN not in told
    assert "a-private-value" not in told
