"""The jobs of the Lookups API: their states, failures, order and answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from devo_clients import APPEND, COLUMNS, CSV, SETTINGS, LookupsClient

from sandbox.devo.lookups.jobs import JobAnswers, JobPlan
from sandbox.devo.server import DevoServer


def test_a_job_passes_through_its_states(client: LookupsClient) -> None:
    """A job is pending, then running, then completed, and its history is oldest first."""
    job = client.deploy("POST", "Colors", CSV).json()["jobId"]
    assert client.words("Colors", job) == ["PENDING"]
    assert client.words("Colors", job) == ["PENDING", "RUNNING", "COMPLETED"]
    assert client.words("Colors", job) == ["PENDING", "RUNNING", "COMPLETED"]


def test_nothing_changes_before_the_job_is_done(colors: DevoServer, client: LookupsClient) -> None:
    """The new content appears with the state COMPLETED."""
    job = client.deploy("PUT", "Colors", "KEY,COLOR\n3,Green\n").json()["jobId"]
    client.words("Colors", job)
    assert colors.lookups["Colors"].count == 2
    client.words("Colors", job)
    assert colors.lookups["Colors"].count == 1


@pytest.mark.parametrize(
    ("csv", "reason"),
    [
        ("KEY,COLOR\n1\n", "line 2: 1 cells for 2 columns"),
        ("KEY,COLOR\n1,Red,x\n", "line 2: 3 cells for 2 columns"),
        ("KEY,COLOR\n3,Green\nx,Red\n", "line 3: 'KEY' holds no INT8"),
        ("KEY,COLOR\n9223372036854775808,Red\n", "line 2: 'KEY' holds no INT8"),
        ("KEY,COLOR\n,Red\n", "line 2: the key 'KEY' is empty"),
        ('KEY,COLOR\n1,"Red\n', "line 2: unexpected end of data"),
        ('KEY,COLOR\n1,"Red"x\n', "line 2: "),
    ],
)
def test_bad_rows_fail_the_job_and_leave_the_old_content(
    colors: DevoServer, client: LookupsClient, csv: str, reason: str
) -> None:
    """The request is accepted, the job fails with a reason, and the lookup does not change."""
    last = client.put(csv, APPEND)
    assert last["status"] == "FAILED"
    assert last["message"].startswith(reason)
    assert colors.lookups["Colors"].rows() == [["1", "Red"], ["2", "Blue"]]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("INT4", ["-2147483648", "+7", "007", ""], ["2147483648", "1.0", "1 ", "١"]),
        ("FLOAT8", ["1", "-1.5e3", ".5", ""], ["1,5", "nan", "e3"]),
        ("BOOL", ["true", "FALSE", ""], ["1", "yes"]),
        ("IP4", ["10.0.0.1", ""], ["10.0.0", "::1", "10.0.0.256"]),
        ("STRING", ["anything", ""], []),
    ],
)
def test_cells_are_of_their_column_s_type(
    devo: DevoServer, client: LookupsClient, kind: str, good: list[str], bad: list[str]
) -> None:
    """A cell of another type fails the job; an empty cell is valid for each type."""
    config = {"columns": [COLUMNS[0], {"name": "V", "type": kind}], "key": {"type": "first-column"}}
    for state, values in (("COMPLETED", good), ("FAILED", bad)):
        for number, value in enumerate(values):
            name = f"{kind}_{state}_{number}"
            last = client.wait(name, client.deploy("POST", name, f'1,"{value}"\n'.encode(), config))
            assert (value, last["status"]) == (value, state)


def test_a_failed_creation_leaves_no_lookup(devo: DevoServer, client: LookupsClient) -> None:
    """After a failed POST no lookup exists, and the next POST may succeed."""
    client.wait("Colors", client.deploy("POST", "Colors", "KEY,COLOR\nx,Red\n"))
    assert client.deploy("PUT", "Colors", CSV).status_code == 404
    assert client.wait("Colors", client.deploy("POST", "Colors", CSV))["status"] == "COMPLETED"


def test_a_job_can_be_made_to_fail(colors: DevoServer, client: LookupsClient) -> None:
    """A planned failure applies to one job, with its reason; the next job succeeds."""
    colors.lookups.plan_jobs(JobPlan(failure="out of space"))
    last = client.put("KEY,COLOR\n3,Green\n")
    assert (last["status"], last["message"]) == ("FAILED", "out of space")
    assert client.put("KEY,COLOR\n3,Green\n")["status"] == "COMPLETED"


def test_a_job_can_be_made_to_take_long(devo: DevoServer, client: LookupsClient) -> None:
    """A plan sets the number of polls of one job."""
    devo.lookups.plan_jobs(JobPlan(polls=5))
    job = client.deploy("POST", "Colors", CSV).json()["jobId"]
    words = [client.words("Colors", job)[-1] for _ in range(5)]
    assert words == ["PENDING", "RUNNING", "RUNNING", "RUNNING", "COMPLETED"]


def test_running_jobs_can_be_finished_without_polls(devo: DevoServer, client: LookupsClient) -> None:
    """A test can finish jobs without polling."""
    client.deploy("POST", "Colors", CSV)
    devo.lookups.finish_jobs()
    assert devo.lookups["Colors"].count == 2


def test_one_job_runs_at_a_time(colors: DevoServer, client: LookupsClient) -> None:
    """A second deployment or deletion is refused while a job runs; other lookups are not affected."""
    colors.lookups.plan_jobs(JobPlan(polls=10))
    client.deploy("PUT", "Colors", CSV)
    assert client.deploy("PUT", "Colors", CSV).status_code == 409
    assert client.drop("Colors").status_code == 409
    assert client.deploy("POST", "Other", CSV).status_code == 200


def test_a_repeated_deployment_succeeds_in_the_end(colors: DevoServer, client: LookupsClient) -> None:
    """Each refused deployment counts as a poll, so a client that only repeats it succeeds."""
    client.deploy("PUT", "Colors", CSV)
    codes = [client.deploy("PUT", "Colors", CSV).status_code for _ in range(2)]
    assert codes == [409, 200]


def test_the_last_ten_jobs_are_listed_oldest_first(colors: DevoServer, client: LookupsClient) -> None:
    """Older jobs leave the list; the inspection still counts them."""
    made = []
    for _ in range(12):
        made.append(client.deploy("PUT", "Colors", CSV).json()["jobId"])
        colors.lookups.finish_jobs()
    assert client.get("/Colors/job").json() == {"jobs": made[-10:]}
    assert len(colors.lookups["Colors"].jobs) == 13


def test_a_job_without_an_answer_is_found_in_the_list(tmp_path_factory: pytest.TempPathFactory) -> None:
    """If the answer has no job id, the list of jobs has it."""
    with DevoServer(replace(SETTINGS, job_answers=JobAnswers(with_id=False))) as devo:
        client = LookupsClient(devo)
        assert "jobId" not in client.deploy("POST", "Colors", CSV).json()
        (job,) = client.get("/Colors/job").json()["jobs"]
        assert client.words("Colors", job)[-1] == "COMPLETED"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (JobAnswers(shape="words"), ["PENDING", "RUNNING", "COMPLETED"]),
        (JobAnswers(shape="words", words=("A", "B", "{verb} done", "D")), ["A", "B", "create done"]),
        (replace(JobAnswers.dotted(), shape="words"), ["create.start", "create.start", "create.ok"]),
    ],
)
def test_job_answers_can_use_other_words(answers: JobAnswers, expected: list[str]) -> None:
    """The words and shapes of answers are settings, to test clients with unknown ones."""
    with DevoServer(replace(SETTINGS, job_polls=0, job_answers=answers)) as devo:
        client = LookupsClient(devo)
        job = client.deploy("POST", "Colors", CSV).json()["jobId"]
        assert client.get(f"/Colors/job/{job}").json() == expected


@pytest.mark.parametrize(("shape", "kind"), [("statuses", dict), ("list", list), ("latest", dict)])
def test_jobs_can_be_answered_in_other_shapes(shape: Any, kind: type) -> None:
    """Each shape ends with the word for completed."""
    with DevoServer(replace(SETTINGS, job_polls=0, job_answers=JobAnswers(shape=shape))) as devo:
        client = LookupsClient(devo)
        job = client.deploy("POST", "Colors", CSV).json()["jobId"]
        answer = client.get(f"/Colors/job/{job}").json()
        assert isinstance(answer, kind)
        last = answer if shape == "latest" else (answer if shape == "list" else answer["statuses"])[-1]
        assert last["status"] == "COMPLETED"
