"""Lookups over the API of the sandbox Devo, including late, odd and missing answers."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from devo_peers import FakeClock

from airflow_provider_flashpoint.core.devo.lookups.api import LookupsClient
from airflow_provider_flashpoint.core.devo.lookups.jobs import job_id, job_ids, job_status
from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
from airflow_provider_flashpoint.core.devo.lookups.words import JobState
from airflow_provider_flashpoint.core.http.client import BearerAuth, HttpClient
from airflow_provider_flashpoint.errors import (
    AuthenticationError,
    ConfigurationError,
    FlashpointProviderError,
    ForbiddenError,
    PagingLoopError,
    RejectedError,
    TransientError,
)
from sandbox.devo.lookups.jobs import JobAnswers, JobPlan
from sandbox.devo.server import DevoServer
from sandbox.devo.settings import DevoSettings
from sandbox.http_service.faults import Fault
from tests.csv_file import write_csv

COLUMNS = ("KEY", "COLOR")
UPLOAD = "(POST|PUT) .*/deploy-csv"

MakeClient = Callable[..., LookupsClient]


class NotedSession(requests.Session):
    """A session that keeps the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[Any] = []

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        if options.get("data") is not None:
            self.bodies.append(options["data"])
        return super().request(*arguments, **options)


@pytest.fixture
def session() -> Iterator[NotedSession]:
    with NotedSession() as session:
        yield session


@pytest.fixture
def make_client(session: NotedSession, clock: FakeClock) -> MakeClient:
    """Return a function that makes clients of a sandbox; their time advances only by waiting."""

    def make(devo: DevoServer, *, domain: str = "", token: str = "", **options: Any) -> LookupsClient:
        session.auth = BearerAuth(token or devo.settings.api_token)
        http = HttpClient(session, base_url=devo.api_url, service="Devo", sleep=clock.sleep)
        domain = domain or devo.settings.domain
        return LookupsClient(http, domain=domain, clock=clock, sleep=clock.sleep, **options)

    return make


@pytest.fixture
def client(devo: DevoServer, make_client: MakeClient) -> LookupsClient:
    return make_client(devo)


@pytest.fixture
def colors(devo: DevoServer, client: LookupsClient) -> DevoServer:
    """A sandbox Devo with the lookup Colors."""
    deploy(client, Operation.CREATE, red="Red", blue="Blue")
    return devo


def deploy(client: LookupsClient, operation: Operation, **colors: str) -> Any:
    # A real file, for one in memory would be copied whole and hide where reading begins.
    with tempfile.TemporaryFile() as file:
        write_csv(({"KEY": key, "COLOR": color} for key, color in colors.items()), COLUMNS, "KEY", file)
        return client.deploy("Colors", columns=COLUMNS, key="KEY", csv_file=file, operation=operation)


def content(devo: DevoServer) -> dict[str, str]:
    return {key: color for key, color, _ in devo.lookups["Colors"].rows()}


def test_create(devo: DevoServer, client: LookupsClient) -> None:
    """CREATE makes the lookup, its key first and the column for extras last, and returns the status of the job."""
    status = deploy(client, Operation.CREATE, red="Red")
    assert (status.state, status.word) == (JobState.DONE, "COMPLETED")
    assert devo.lookups["Colors"].columns == ["KEY", "COLOR", "_extra"]
    assert set(devo.lookups["Colors"].types) == {"STRING"}
    assert content(devo) == {"red": "Red"}


def test_replace(colors: DevoServer, client: LookupsClient) -> None:
    """REPLACE removes the old content."""
    deploy(client, Operation.REPLACE, green="Green")
    assert content(colors) == {"green": "Green"}


def test_append(colors: DevoServer, client: LookupsClient) -> None:
    """APPEND adds rows, and updates those whose key exists."""
    deploy(client, Operation.APPEND, green="Green", red="Crimson")
    assert content(colors) == {"red": "Crimson", "blue": "Blue", "green": "Green"}


def test_delete(colors: DevoServer, client: LookupsClient) -> None:
    """DELETE removes the rows of the given keys, whatever else the rows hold, and no others."""
    deploy(client, Operation.DELETE, red="anything", green="Green")
    assert content(colors) == {"blue": "Blue"}


def test_drop(colors: DevoServer, client: LookupsClient) -> None:
    """A drop removes the lookup, and returns whether it existed."""
    assert client.drop("Colors")
    assert not client.exists("Colors")
    assert not client.drop("Colors")


@pytest.mark.parametrize("fault", [Fault("reset", "DELETE", when="after"), Fault("status", "DELETE", status=503)])
def test_drop_whose_answer_is_lost(colors: DevoServer, client: LookupsClient, fault: Fault) -> None:
    """A drop whose answer is lost is repeated and succeeds."""
    colors.faults.add(fault)
    assert client.drop("Colors")
    assert not client.exists("Colors")


def test_failed_drop(colors: DevoServer, client: LookupsClient) -> None:
    """A drop that fails is an error, and the lookup stays."""
    colors.lookups.plan_jobs(JobPlan(failure="in use"))
    with pytest.raises(RejectedError, match=r"in use\. The lookup stays"):
        client.drop("Colors")
    assert content(colors) == {"red": "Red", "blue": "Blue"}


def test_types_of_columns(devo: DevoServer, client: LookupsClient) -> None:
    """A column gets the type given for it; the others are texts."""
    with tempfile.TemporaryFile() as file:
        write_csv([{"KEY": 7, "COLOR": "Red"}], COLUMNS, "KEY", file)
        client.deploy(
            "Colors", columns=COLUMNS, key="KEY", csv_file=file, operation=Operation.CREATE, types={"KEY": "int8"}
        )
    assert devo.lookups["Colors"].types == ["INT8", "STRING", "STRING"]


def test_create_of_what_is_there_replaces(colors: DevoServer, client: LookupsClient) -> None:
    """CREATE on an existing lookup continues as REPLACE."""
    deploy(client, Operation.CREATE, green="Green")
    assert content(colors) == {"green": "Green"}


@pytest.mark.parametrize("operation", [Operation.REPLACE, Operation.APPEND])
def test_change_of_what_is_not_there(devo: DevoServer, client: LookupsClient, operation: Operation) -> None:
    """REPLACE and APPEND do not create a lookup: Devo's refusal is raised."""
    with pytest.raises(RejectedError, match="There is no lookup Colors") as caught:
        deploy(client, operation, red="Red")
    assert caught.value.status == 404
    assert not client.exists("Colors")


def test_refused_create_is_not_repeated_as_replace(devo: DevoServer, client: LookupsClient) -> None:
    """If Devo refuses a CREATE for another reason and the lookup does not exist, the error has that reason."""
    devo.faults.add(Fault("status", UPLOAD, status=400, body={"message": "quota exceeded"}))
    with pytest.raises(RejectedError, match="quota exceeded"):
        deploy(client, Operation.CREATE, red="Red")


def test_failed_job(colors: DevoServer, client: LookupsClient) -> None:
    """A failed job raises an error with Devo's reason, and the old content stays."""
    colors.lookups.plan_jobs(JobPlan(failure="line 7: out of space"))
    with pytest.raises(RejectedError, match=r"Lookup Colors.*FAILED: line 7: out of space\. The old content stays"):
        deploy(client, Operation.REPLACE, green="Green")
    assert content(colors) == {"red": "Red", "blue": "Blue"}


def test_busy_lookup_is_waited_for(colors: DevoServer, client: LookupsClient, clock: FakeClock) -> None:
    """While another job keeps the lookup busy, the deployment waits, longer each time, and then succeeds."""
    busy = Fault("status", UPLOAD, times=3, status=409, body={"message": "busy"})
    colors.faults.add(busy)
    clock.sleeps.clear()
    deploy(client, Operation.REPLACE, green="Green")
    assert colors.faults.fired(UPLOAD) == 3
    assert clock.sleeps[:3] == [0.5, 1.0, 2.0]
    assert content(colors) == {"green": "Green"}


def test_busy_beyond_the_time(colors: DevoServer, make_client: MakeClient, clock: FakeClock) -> None:
    """A lookup that stays busy raises a transient error, and no wait exceeds the time limit."""
    colors.faults.add(Fault("status", UPLOAD, times=None, status=409, body={"message": "A job is running"}))
    start = clock.now
    with pytest.raises(TransientError, match=r"keeps it busy for 60 s.*A job is running"):
        deploy(make_client(colors, job_timeout_s=60.0), Operation.REPLACE, green="Green")
    assert clock.now - start <= 60.0


def test_job_without_end(colors: DevoServer, make_client: MakeClient, clock: FakeClock) -> None:
    """A job that does not end in time raises a transient error with Devo's last status."""
    colors.lookups.plan_jobs(JobPlan(polls=10_000))
    start = clock.now
    with pytest.raises(TransientError, match=r"not ended within 60 s\. Its last status is RUNNING"):
        deploy(make_client(colors, job_timeout_s=60.0), Operation.REPLACE, green="Green")
    assert clock.now - start <= 60.0


ANSWERS = {
    "statuses": JobAnswers(),
    "list": JobAnswers(shape="list"),
    "words": JobAnswers(shape="words"),
    "latest": JobAnswers(shape="latest"),
    "dotted": JobAnswers.dotted(),
    "dotted words": replace(JobAnswers.dotted(), shape="words"),
    "jobs": replace(JobAnswers.dotted(), shape="jobs"),
    "messages": JobAnswers(shape="messages"),
    "strange words on the way": JobAnswers(("QUEUED_FOR_LATER", "UPLOAD_COMPLETED", "SUCCESS", "ERROR")),
}


@pytest.mark.parametrize("with_id", [True, False])
@pytest.mark.parametrize("answers", ANSWERS.values(), ids=list(ANSWERS))
def test_answers_about_jobs(
    certificates_directory: Path, make_client: MakeClient, answers: JobAnswers, with_id: bool
) -> None:
    """Success and failure are recognized in every shape and wording, with or without the job's id in the answer."""
    settings = DevoSettings(directory=certificates_directory, job_answers=replace(answers, with_id=with_id))
    with DevoServer(settings) as devo:
        client = make_client(devo)
        assert deploy(client, Operation.CREATE, red="Red").state is JobState.DONE
        assert content(devo) == {"red": "Red"}
        devo.lookups.plan_jobs(JobPlan(failure="out of space"))
        with pytest.raises(RejectedError, match="The old content stays"):
            deploy(client, Operation.REPLACE, green="Green")
        assert content(devo) == {"red": "Red"}


def test_earlier_failure_is_not_taken_for_this_job(certificates_directory: Path, make_client: MakeClient) -> None:
    """Without an id in the answer, jobs that were listed before are ignored."""
    settings = DevoSettings(directory=certificates_directory, job_answers=JobAnswers(with_id=False))
    with DevoServer(settings) as devo:
        client = make_client(devo)
        devo.lookups.plan_jobs(JobPlan(failure="out of space"))
        with pytest.raises(RejectedError):
            deploy(client, Operation.CREATE, red="Red")
        assert deploy(client, Operation.CREATE, red="Red").state is JobState.DONE


def test_id_that_is_no_job_s(devo: DevoServer, client: LookupsClient) -> None:
    """If the id in the answer is not that of a job, the job is found in the list."""
    devo.faults.add(Fault("status", UPLOAD, when="after", status=200, body={"id": "of something else"}))
    assert deploy(client, Operation.CREATE, red="Red").state is JobState.DONE
    assert content(devo) == {"red": "Red"}


def test_unknown_last_word_is_no_success(certificates_directory: Path, make_client: MakeClient) -> None:
    """An unknown word never counts as done: without a proof the time runs out, and the error has the word."""
    settings = DevoSettings(directory=certificates_directory, job_answers=JobAnswers(("A", "B", "XYZZY", "XYZZY")))
    with DevoServer(settings) as devo, pytest.raises(TransientError, match="XYZZY"):
        devo.lookups.plan_jobs(JobPlan(failure="out of space"))
        deploy(make_client(devo, job_timeout_s=30.0), Operation.CREATE, red="Red")


@pytest.mark.parametrize("operation", list(Operation))
def test_unknown_last_word_with_a_proof(
    certificates_directory: Path, make_client: MakeClient, operation: Operation
) -> None:
    """If the last word of the job is unknown, a lookup that was under way and has changed proves the end."""
    settings = DevoSettings(directory=certificates_directory, job_answers=JobAnswers(("A", "B", "XYZZY", "D")))
    with DevoServer(settings) as devo:
        if operation is not Operation.CREATE:
            deploy(make_client(devo), Operation.CREATE, red="Red")
        assert deploy(make_client(devo), operation, red="Red").state is JobState.DONE
        assert content(devo) == ({} if operation is Operation.DELETE else {"red": "Red"})


@pytest.mark.parametrize("when", ["before", "after"])
def test_reset_upload_is_repeated(colors: DevoServer, client: LookupsClient, session: NotedSession, when: Any) -> None:
    """An upload that is reset is sent again from the file's start, whether it had taken effect or not."""
    session.bodies.clear()
    colors.faults.add(Fault("reset", UPLOAD, when=when, after_received_bytes=50 if when == "before" else None))
    deploy(client, Operation.REPLACE, green="Green", gold="Gold")
    assert len(session.bodies) >= 2
    assert content(colors) == {"green": "Green", "gold": "Gold"}


def test_reset_create_that_took_effect(devo: DevoServer, client: LookupsClient) -> None:
    """A CREATE whose answer was lost succeeds, although the repeated call finds that the lookup exists."""
    devo.faults.add(Fault("reset", UPLOAD, when="after"))
    deploy(client, Operation.CREATE, red="Red")
    assert content(devo) == {"red": "Red"}


class NotedFile(io.FileIO):
    """A file that records the largest read."""

    longest_read = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(-1 if size is None else size)
        self.longest_read = max(self.longest_read, len(data))
        return data


def test_upload_is_streamed(devo: DevoServer, client: LookupsClient, session: NotedSession, tmp_path: Path) -> None:
    """A file is sent in pieces; neither the file nor the body is ever in memory as a whole."""
    path = tmp_path / "rows.csv"
    path.write_bytes(b"KEY,COLOR,_extra\n" + (b'"red","' + b"x" * 985 + b'",""\n') * 5000)
    with NotedFile(str(path)) as file:
        client.deploy("Colors", columns=COLUMNS, key="KEY", csv_file=file, operation=Operation.CREATE)  # type: ignore[arg-type]
        assert 0 < file.longest_read <= 1_000_000
    assert content(devo) == {"red": "x" * 985}
    assert not isinstance(session.bodies[0], bytes | str)


def test_listing(colors: DevoServer, client: LookupsClient) -> None:
    """The lookups of the domain are listed, and the metadata of each can be read by its name."""
    assert "Colors" in json.dumps(list(client.lookups()))
    assert client.exists("Colors")
    assert client.metadata("Colors")
    assert client.metadata("Nothing") is None


class Listing:
    """Answers with pages in turn, the last one for ever."""

    def __init__(self, *pages: Any) -> None:
        self.pages = list(pages)

    def read_json(self, _: Any) -> Any:
        return self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]


@pytest.mark.parametrize(
    "pages",
    [
        [{"lookups": [1], "nextPageToken": "a"}],
        [{"lookups": [1], "pageToken": "a"}],
        [{"lookups": [1], "nextPageToken": 7}],
        [
            {"lookups": [1], "nextPageToken": "a"},
            {"lookups": [2], "nextPageToken": "b"},
            {"lookups": [3], "nextPageToken": "a"},
        ],
        [{"lookups": [1], "nextPageToken": 0, "pageToken": 7}],
    ],
)
def test_a_listing_that_does_not_end_is_an_error(pages: list[Any]) -> None:
    """A page that names one before it as the next may have hidden lookups, so the listing does not end in silence."""
    with pytest.raises(PagingLoopError, match="does not end"):
        list(LookupsClient(Listing(*pages), domain="d").lookups())  # type: ignore[arg-type]


@pytest.mark.parametrize("last", [[], {}, {"lookups": [], "nextPageToken": "a"}, {"lookups": None, "pageToken": ""}])
def test_a_listing_ends_where_nothing_more_comes(last: Any) -> None:
    """An empty page ends a listing, also one that names itself as the next."""
    pages = Listing({"lookups": [1], "nextPageToken": "a"}, last)
    assert list(LookupsClient(pages, domain="d").lookups()) == [1]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "../x", "ä", "a.b", "x\n"])
def test_name_that_cannot_be(client: LookupsClient, name: str) -> None:
    """A name that could change the URL is refused before anything is sent."""
    with pytest.raises(ConfigurationError, match="is not allowed"):
        client.metadata(name)


def test_check_passes(client: LookupsClient) -> None:
    """The check raises nothing where the API can be used."""
    client.check()


@pytest.mark.parametrize(
    ("wrong", "error"), [({"token": "guess"}, AuthenticationError), ({"domain": "other"}, ForbiddenError)]
)
def test_check_tells_what_is_wrong(
    devo: DevoServer, make_client: MakeClient, wrong: dict[str, str], error: type[FlashpointProviderError]
) -> None:
    """A wrong token and a wrong domain give different errors, without the token."""
    with pytest.raises(error) as caught:
        make_client(devo, **wrong).check()
    assert "guess" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"jobId": "a"}, "a"),
        ({"id": 7}, "7"),
        ({"job": {"id": "b"}}, "b"),
        ({"job": True}, None),
        *(({"jobId": value}, None) for value in ("", " ", "\n", 0, -1, True, [], "NaN")),
        ({"jobId": " ", "id": 7}, "7"),
        ({"message": "ok"}, None),
        (["a"], None),
        (None, None),
    ],
)
def test_job_id(answer: Any, expected: str | None) -> None:
    """The id is found under each of its names; it is None where there is none."""
    assert job_id(answer) == expected


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        ({"jobs": ["a", "b"]}, ["a", "b"]),
        ([{"id": "a"}, {"jobId": "b"}, {}], ["a", "b"]),
        ({"jobs": "a"}, []),
        ({"jobs": ["", " ", 0, None, "a", 7, {"id": 0}]}, ["a", "7"]),
        (None, []),
    ],
)
def test_job_ids(listing: Any, expected: list[str]) -> None:
    """The ids of a list are found in each of its shapes; there are none where it is not a list."""
    assert job_ids(listing) == expected


DONE, FAILED, RUNNING = JobState.DONE, JobState.FAILED, JobState.RUNNING


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (None, RUNNING),
        ([], RUNNING),
        ({}, RUNNING),
        ("create.ok", DONE),
        ("create.err", FAILED),
        ("create.start", RUNNING),
        ("UPLOAD_COMPLETED", RUNNING),
        ("COMPLETED WITH ERRORS", FAILED),
        ("not finished", RUNNING),
        (["COMPLETED", "RUNNING", "PENDING"], DONE),
        (["PENDING", "FAILED", "CLEANED UP"], FAILED),
        (["PENDING", "FAILED", "COMPLETED"], DONE),
        ({"status": "ok"}, DONE),
        ({"status": {"state": "failed"}}, FAILED),
        ({"statuses": [{"status": "FAILED", "timestamp": 1}, {"status": "COMPLETED", "timestamp": 2}]}, DONE),
        ({"statuses": [{"status": "COMPLETED", "timestamp": 9}, {"status": "RUNNING", "timestamp": 2}]}, DONE),
        ({"statuses": [{"status": "RUNNING", "timestamp": 5}, {"status": "COMPLETED", "timestamp": 5}]}, DONE),
    ],
)
def test_job_status(answer: Any, state: JobState) -> None:
    """The latest status decides; an unknown word is not an end."""
    assert job_status(answer).state is state


def test_reason_is_short_and_of_one_line() -> None:
    """A reason of Devo is truncated, and its line breaks become blanks."""
    reason = job_status({"status": "FAILED", "message": "a\nb" + "x" * 1000}).reason
    assert reason.startswith("a bx")
    assert len(reason) == 300
