"""One job at a time on a lookup, and the end of jobs that Devo hardly shows."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import requests
from devo_peers import FakeClock

from airflow_provider_flashpoint.core.devo.lookups.api import LookupsClient
from airflow_provider_flashpoint.core.devo.lookups.jobs import is_under_way, job_status
from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
from airflow_provider_flashpoint.core.devo.lookups.words import JobState
from airflow_provider_flashpoint.core.http.client import BearerAuth, HttpClient
from airflow_provider_flashpoint.errors import RejectedError, TransientError
from sandbox.devo.lookups.jobs import JobPlan
from sandbox.devo.server import DevoServer
from sandbox.http_service.faults import Fault
from tests.csv_file import write_csv

NAME = "Colors"


@pytest.fixture
def client(devo: DevoServer, clock: FakeClock) -> LookupsClient:
    """A client of the sandbox that does not wait."""
    session = requests.Session()
    session.auth = BearerAuth(devo.settings.api_token)
    http = HttpClient(session, base_url=devo.api_url, service="Devo", sleep=clock.sleep)
    return LookupsClient(http, domain=devo.settings.domain, clock=clock, sleep=clock.sleep)


@pytest.fixture
def deploy(client: LookupsClient) -> Callable[..., Any]:
    """Return a function that deploys rows to the sandbox."""

    def run(operation: Operation, **rows: str) -> Any:
        file = io.BytesIO()
        write_csv([{"key": key, "value": value} for key, value in rows.items()], ["value"], "key", file)
        return client.deploy(NAME, columns=["value"], key="key", csv_file=file, operation=operation)

    return run


def content(devo: DevoServer) -> dict[str, str]:
    return {row[0]: row[1] for row in devo.lookups[NAME].rows()}


def start_foreign_job(devo: DevoServer, **rows: str) -> None:
    """Start a deployment that nobody waits for."""
    body = {
        "columns": [{"name": name, "type": "STRING"} for name in ("key", "value", "_extra")],
        "key": {"type": "first-column"},
        "append": True,
        "csv": "".join(f"{key},{value},\n" for key, value in rows.items()),
    }
    answer = requests.put(
        f"{devo.api_url}/lookup/{devo.settings.domain}/{NAME}/deploy-csv",
        json=body,
        headers={"Authorization": f"Bearer {devo.settings.api_token}"},
        timeout=20,
    )
    assert answer.status_code == 200, answer.text


def test_running_job_is_waited_for(devo: DevoServer, deploy: Callable[..., Any]) -> None:
    """Our job starts only after another one has ended, so that Devo refuses nothing."""
    deploy(Operation.CREATE, red="Red")
    devo.lookups.plan_jobs(JobPlan(polls=6))
    start_foreign_job(devo, blue="Blue")
    deploy(Operation.APPEND, green="Green")
    assert content(devo) == {"red": "Red", "blue": "Blue", "green": "Green"}
    assert {each.status for each in devo.http.log.requests("PUT")} == {200}


def test_job_that_never_ends_is_an_error(devo: DevoServer, deploy: Callable[..., Any]) -> None:
    """If another job does not end in time, nothing is sent, and the error says why."""
    deploy(Operation.CREATE, red="Red")
    devo.lookups.plan_jobs(JobPlan(polls=10_000))
    start_foreign_job(devo, blue="Blue")
    with pytest.raises(TransientError, match="another job keeps it busy"):
        deploy(Operation.APPEND, green="Green")
    assert len(devo.lookups[NAME].jobs) == 2


@pytest.fixture
def mute(devo: DevoServer) -> DevoServer:
    """A sandbox that shows neither the id of a job nor a list of jobs."""
    devo.faults.add(Fault("status", "GET .*/job", times=None, status=404))
    devo.faults.add(Fault("malformed", "(POST|PUT|DELETE) ", times=None, when="after"))
    return devo


def test_change_of_the_metadata_is_an_end(mute: DevoServer, deploy: Callable[..., Any]) -> None:
    """If no job is visible, a lookup that has changed and is available shows the end of the job."""
    assert deploy(Operation.CREATE, red="Red").state is JobState.DONE
    deploy(Operation.APPEND, blue="Blue")
    assert content(mute) == {"red": "Red", "blue": "Blue"}


def test_drop_ends_where_the_lookup_is_gone(
    mute: DevoServer, deploy: Callable[..., Any], client: LookupsClient
) -> None:
    """If no job is visible, a lookup that no longer exists shows the end of its drop."""
    deploy(Operation.CREATE, red="Red")
    assert client.drop(NAME)
    assert NAME not in mute.lookups


@pytest.mark.parametrize("operation", [Operation.CREATE, Operation.APPEND])
def test_unseen_failure_is_told_soon(
    mute: DevoServer, deploy: Callable[..., Any], clock: FakeClock, operation: Operation
) -> None:
    """If no job is visible and the lookup does not change, the error comes long before the time limit of a job."""
    if operation is Operation.APPEND:
        deploy(Operation.CREATE, red="Red")
    mute.lookups.plan_jobs(JobPlan(failure="out of space"))
    start = clock.now
    with pytest.raises(TransientError, match="has listed no job of it"):
        deploy(operation, blue="Blue")
    assert clock.now - start < 120


def test_failure_that_the_metadata_tell() -> None:
    """A failed status of the lookup means that the job failed."""
    answers = iter([None, {"status": "Available", "rows": 1}, None, {"status": "Error", "message": "out of space"}])

    class Http:
        def read_json(self, *_: Any, **__: Any) -> Any:
            answer = next(answers)
            if answer is None:
                raise RejectedError("nothing there", status=404)
            return answer

        def send(self, *_: Any, **__: Any) -> Any:
            return type("Response", (), {"content": b""})

    client = LookupsClient(Http(), domain="d")  # type: ignore[arg-type]
    with pytest.raises(RejectedError, match=r"ended with Error: out of space\. The old content stays"):
        client.deploy(NAME, columns=[], key="key", csv_file=io.BytesIO(b"key,_extra\n"), operation=Operation.APPEND)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2026-02-07T10:00:00Z", "2026-02-07T09:30:00-01:00"),
        ("2026-02-07 10:00:00", "2026-02-07T10:00:00.5Z"),
        (1770458400, "1770458400500"),
        ("9", "10"),
        ("2026-02-07T10:00:00Z", 1770458401000),
    ],
)
def test_times_of_jobs_are_compared_as_instants(first: Any, second: Any) -> None:
    """The latest status has the latest time, whatever the formats of the times."""
    earlier = {"status": "RUNNING", "timestamp": first}
    later = {"status": "COMPLETED", "timestamp": second}
    for history in ([earlier, later], [later, earlier]):
        assert job_status(history).state is JobState.DONE
    earlier["status"], later["status"] = "COMPLETED", "RUNNING"
    for history in ([earlier, later], [later, earlier]):
        assert job_status(history).state is JobState.RUNNING


@pytest.mark.parametrize(
    ("word", "expected"),
    [("RUNNING", True), ("create.start", True), ("IN_PROGRESS", True), ("XYZZY", False), ("create.ok", False)],
)
def test_unknown_word_keeps_nobody_waiting(word: str, expected: bool) -> None:
    """Only a known word shows that an earlier job still runs."""
    assert is_under_way(job_status(word)) is expected


def test_a_long_job_is_logged_while_it_runs(
    devo: DevoServer, deploy: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Once the waits between two looks are long, each has a line with the status and the time so far."""
    devo.lookups.plan_jobs(JobPlan(polls=8))
    with caplog.at_level("INFO"):
        deploy(Operation.CREATE, red="Red")
    lines = [each for each in caplog.messages if "Devo's job has the status" in each]
    assert len(lines) > 1
    assert lines[0].startswith(f"Lookup {NAME}: Devo's job has the status ")
    assert lines[0].endswith(" after 16 s.")
